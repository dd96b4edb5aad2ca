// JPEG files to 8-bit gray: what their segments say (here), the pixels (jpeg.c), which way up they
// are (exif.c).
#include "image/codec/jpeg_file.h"

#include "image/codec/codestream.h"
#include "image/codec/exif.h"
#include "image/codec/jpeg.h"

#include <stdio.h>
#include <string.h>

bool jpeg_file_sniff(const uint8_t *bytes, size_t length) {
    return length >= 3 && memcmp(bytes, "\xFF\xD8\xFF", 3) == 0;
}

// Is it of a kind that is read?
static bool check_kind(const struct codestream *stream, struct error *error) {
    if (stream->process == CODESTREAM_JPEG_LS) {
        return fail(error, "is a JPEG-LS file: only JPEG itself is read outside of DICOM");
    }
    if (stream->process % 4 == 3) {
        return fail(error, "is a lossless JPEG (SOF%u): it is read in DICOM files only",
                    stream->process);
    }
    if (stream->precision != 8) {
        return fail(error, "is a JPEG of %u bits: only 8 are read outside of DICOM",
                    stream->precision);
    }
    if (!jpeg_reads(stream)) {
        return fail(error, "is a hierarchical JPEG (SOF%u), which is not read", stream->process);
    }
    if (stream->components == 4) {
        return fail(error, "is in CMYK or YCCK: only gray and colour are read");
    }
    return stream->components == 1 || stream->components == 3 ||
           fail(error, "has %u components: only gray and colour are read", stream->components);
}

static bool read_orientation(const struct codestream *stream, unsigned *orientation,
                             struct image_note *note, struct error *error) {
    static const char exif[6] = "Exif\0";
    struct codestream_segment segment = {.marker = 0};
    *orientation = 1;
    while (codestream_next_segment(stream, &segment, error)) {
        if (segment.marker == CODESTREAM_SOS) {
            return true;
        }
        if (segment.marker == CODESTREAM_APP1 && segment.length >= sizeof exif &&
            memcmp(segment.body, exif, sizeof exif) == 0) {
            return exif_orientation(segment.body + sizeof exif, segment.length - sizeof exif,
                                    orientation, note, error);
        }
    }
    return false;
}

// Reads all that comes before the pixels.
static bool read_header(const uint8_t *bytes, size_t length, struct codestream *stream,
                        unsigned *orientation, struct image_note *note, struct error *error) {
    if (!codestream_read_jpeg(bytes, length, stream, error) || !check_kind(stream, error) ||
        !read_orientation(stream, orientation, note, error)) {
        return false;
    }
    if (jpeg_cut_short(stream)) {
        return fail(error, "the file is cut short: %zu bytes cannot hold %zu x %zu pixels", length,
                    stream->height, stream->width);
    }
    return image_check_size(stream->height, stream->width, error);
}

bool jpeg_file_decode(const uint8_t *bytes, size_t length, const struct image_options *options,
                      struct image *out, struct image_note *note, struct error *error) {
    (void)options;
    *out = (struct image){NULL, 0, 0};
    note->text[0] = '\0';
    struct codestream stream;
    unsigned orientation = 1;
    bool ended = true;
    if (!read_header(bytes, length, &stream, &orientation, note, error) ||
        !image_alloc(out, stream.height, stream.width, error)) {
        return false;
    }
    if (!jpeg_decode_gray(&stream, false, out, &ended, error) ||
        !exif_apply_orientation(out, orientation, error)) {
        image_free(out);
        return false;
    }
    if (!ended) {
        image_note_add(note, JPEG_WITHOUT_END);
    }
    return true;
}

bool jpeg_file_describe(const uint8_t *bytes, size_t length, struct image_header *header,
                        struct error *error) {
    static const char *const colours[] = {"gray", "", "colour", "CMYK"};
    struct codestream stream;
    struct image_note note = {""};
    unsigned orientation = 1;
    const bool read = read_header(bytes, length, &stream, &orientation, &note, error);
    const bool transposed = orientation > 4; // by a quarter
    header->height = transposed ? stream.width : stream.height;
    header->width = transposed ? stream.height : stream.width;
    header->samples = stream.components;
    header->bits_stored = header->bits_allocated = stream.precision;
    if (stream.components >= 1 && stream.components <= 4) {
        (void)snprintf(header->photometric, sizeof header->photometric, "%s",
                       colours[stream.components - 1]);
    }
    return read;
}

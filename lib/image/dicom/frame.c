// Where the first frame of a DICOM file lies, in whatever compression; its pixels are
// frame_take.c's.
#include "image/dicom/frame.h"

#include "image/codec/jpeg.h"
#include "image/dicom/dicom.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *uid, *name;
    enum dicom_compression compression;
} TRANSFER_SYNTAXES[] = {
    {"", "not given", DICOM_NATIVE},
    {"1.2.840.10008.1.2", "Implicit VR Little Endian", DICOM_NATIVE},
    {"1.2.840.10008.1.2.1", "Explicit VR Little Endian", DICOM_NATIVE},
    // dicom_open has undone the deflation.
    {"1.2.840.10008.1.2.1.99", "Deflated Explicit VR Little Endian", DICOM_NATIVE},
    {"1.2.840.10008.1.2.2", "Explicit VR Big Endian", DICOM_NATIVE},
    {"1.2.840.10008.1.2.5", "RLE Lossless", DICOM_RLE},
    {"1.2.840.10008.1.2.8.1", "Deflated Image Frame", DICOM_DEFLATED_FRAMES},
    {"1.2.840.10008.1.2.4.50", "JPEG Baseline", DICOM_JPEG},
    {"1.2.840.10008.1.2.4.51", "JPEG Extended", DICOM_JPEG},
    {"1.2.840.10008.1.2.4.53", "JPEG Spectral Selection", DICOM_JPEG},
    {"1.2.840.10008.1.2.4.55", "JPEG Full Progression", DICOM_JPEG},
    {"1.2.840.10008.1.2.4.57", "JPEG Lossless", DICOM_JPEG},
    {"1.2.840.10008.1.2.4.70", "JPEG Lossless SV1", DICOM_JPEG},
    {"1.2.840.10008.1.2.4.80", "JPEG-LS Lossless", DICOM_JPEG_LS},
    {"1.2.840.10008.1.2.4.81", "JPEG-LS Near Lossless", DICOM_JPEG_LS},
    {"1.2.840.10008.1.2.4.90", "JPEG 2000 Lossless", DICOM_JPEG_2000},
    {"1.2.840.10008.1.2.4.91", "JPEG 2000", DICOM_JPEG_2000},
};

enum {
    MAX_PACKBITS_RATIO = 64, // bytes that come of one: runs of 128 take two
};

static bool find_compression(const char *uid, enum dicom_compression *compression,
                             struct error *error) {
    for (size_t i = 0; i < sizeof TRANSFER_SYNTAXES / sizeof *TRANSFER_SYNTAXES; i++) {
        if (strcmp(uid, TRANSFER_SYNTAXES[i].uid) == 0) {
            *compression = TRANSFER_SYNTAXES[i].compression;
            return true;
        }
    }
    const bool is_uid = uid[strspn(uid, "0123456789.")] == '\0';
    return fail(error, "transfer syntax %s is not read", is_uid ? uid : "without a UID");
}

const char *dicom_transfer_syntax_name(const char *uid) {
    for (size_t i = 0; i < sizeof TRANSFER_SYNTAXES / sizeof *TRANSFER_SYNTAXES; i++) {
        if (strcmp(uid, TRANSFER_SYNTAXES[i].uid) == 0) {
            return TRANSFER_SYNTAXES[i].name;
        }
    }
    return "";
}

size_t dicom_frame_bytes(const struct dicom_frame *frame) {
    const size_t pixels = frame->rows * frame->columns;
    return frame->sample_bits == 1 ? (pixels + 7) / 8
           : frame->halved         ? (pixels + 1) / 2 * 4 * (frame->sample_bits / 8)
                                   : pixels * frame->samples * (frame->sample_bits / 8);
}

// ---- without compression

static bool check_native(const struct dicom_element *pixels, const struct dicom_frame *frame,
                         struct error *error) {
    const size_t needed = dicom_frame_bytes(frame);
    if (pixels->undefined_length) {
        return fail(error, "is compressed, but its transfer syntax does not tell how");
    }
    return pixels->value.length >= needed ||
           fail(error, "has %zu bytes of pixels where %zu x %zu need %zu", pixels->value.length,
                frame->rows, frame->columns, needed);
}

// ---- with compression

// How many fragments, from *position on, the first frame has: one where there are as many as
// frames; else it goes on until a fragment starts as the first one does.
static size_t count_fragments(const struct dicom_element *pixels, size_t position, size_t frames) {
    const uint8_t *bytes = NULL, *first = NULL;
    size_t length = 0, count = 0, frame = 0;
    for (; dicom_next_fragment(pixels, &position, &bytes, &length); count++) {
        const bool starts = length >= 2 && (count == 0 || (first && memcmp(bytes, first, 2) == 0));
        if (count == 0) {
            first = starts ? bytes : NULL;
        } else if (starts && frame == 0) {
            frame = count;
        }
    }
    return count == frames && count > 0 ? 1 : frames == 1 || frame == 0 ? count : frame;
}

// The first frame's fragments as one piece.
static bool join_fragments(const struct dicom_element *pixels, size_t frames,
                           struct dicom_source *source, struct error *error) {
    const uint8_t *bytes = NULL;
    size_t start = 0, length = 0;
    if (!pixels->undefined_length || !dicom_next_fragment(pixels, &start, &bytes, &length)) {
        return fail(error, "is not compressed as its transfer syntax says");
    }
    const size_t count = count_fragments(pixels, start, frames);
    size_t position = start;
    for (size_t i = 0; i < count; i++) {
        if (dicom_next_fragment(pixels, &position, &bytes, &length)) {
            source->bytes = bytes;
            source->length += length;
        }
    }
    if (count < 2) {
        return source->length > 0 || fail(error, "its compressed frame is empty");
    }
    // One byte more, so that a frame of empty fragments asks for memory too.
    source->joined = malloc(source->length + 1);
    if (source->joined == NULL) {
        return fail(error, "no memory for a frame of %zu bytes", source->length);
    }
    uint8_t *to = source->joined;
    position = start;
    for (size_t i = 0; i < count; i++) {
        if (dicom_next_fragment(pixels, &position, &bytes, &length)) {
            memcpy(to, bytes, length);
            to += length;
        }
    }
    source->bytes = source->joined;
    return true;
}

// Reads a compressed stream's header, holds it against the file's, and makes *frame what the stream
// will give.
static bool read_stream(struct dicom_source *source, struct dicom_frame *frame,
                        struct error *error) {
    struct codestream *stream = &source->stream;
    const enum dicom_compression compression = source->compression;
    if (!(compression == DICOM_JPEG_2000
              ? codestream_read_jpeg2000(source->bytes, source->length, stream, error)
              : codestream_read_jpeg(source->bytes, source->length, stream, error))) {
        return false;
    }
    if (stream->height != frame->rows || stream->width != frame->columns ||
        stream->components != frame->samples) {
        return fail(error,
                    "its header says %zu x %zu with %u samples a pixel, its compressed stream "
                    "%zu x %zu with %u",
                    frame->rows, frame->columns, frame->samples, stream->height, stream->width,
                    stream->components);
    }
    if (stream->precision < 1 || stream->precision > frame->sample_bits) {
        return fail(error, "its compressed stream has %u bits a sample, its header allocates %u",
                    stream->precision, frame->sample_bits);
    }
    if (compression != DICOM_JPEG_2000 &&
        (stream->process == CODESTREAM_JPEG_LS) != (compression == DICOM_JPEG_LS)) {
        return fail(error, "is not compressed as its transfer syntax says");
    }
    frame->sample_bits = stream->precision <= 8 ? 8 : 16;
    frame->shift = 0;
    frame->planar = frame->halved = false;
    if (frame->is_signed || stream->is_signed) {
        frame->is_signed = true; // the bits above the value's may or may not repeat the sign
        frame->stored_bits =
            stream->precision < frame->stored_bits ? stream->precision : frame->stored_bits;
    } else if (frame->samples == 3 || stream->precision > frame->stored_bits) {
        // Of colours it is what white has.
        frame->stored_bits = stream->precision;
    }
    return true;
}

static bool check_stream(struct dicom_source *source, struct dicom_frame *frame,
                         struct error *error) {
    if (!read_stream(source, frame, error)) {
        return false;
    }
    if (source->compression != DICOM_JPEG) {
        return true;
    }
    if (jpeg_cut_short(&source->stream)) {
        return fail(error, "its compressed frame is cut short");
    }
    return jpeg_reads(&source->stream) || source->stream.process <= 3 ||
           fail(error, "JPEG of process SOF%u is not read", source->stream.process);
}

bool dicom_turbo_reads(const struct dicom_source *source) {
    return source->compression == DICOM_JPEG && jpeg_reads(&source->stream);
}

static bool check_rle(const struct dicom_source *source, struct dicom_frame *frame,
                      struct error *error) {
    frame->planar = true;
    frame->halved = false;
    return dicom_frame_bytes(frame) / MAX_PACKBITS_RATIO <= source->length ||
           fail(error, "its compressed frame is cut short");
}

// ---- either

// Has Pixel Data, without fragments, just the bytes that all frames take uncompressed?
static bool looks_native(const struct dicom_element *pixels, const struct dicom_frame *frame,
                         size_t frames) {
    const size_t needed = dicom_frame_bytes(frame), length = pixels->value.length;
    return !pixels->undefined_length && needed > 0 && needed <= length / frames &&
           (needed * frames + 1) / 2 * 2 == (length + 1) / 2 * 2;
}

bool dicom_find_frame(const struct dicom_file *file, size_t frames, struct dicom_frame *frame,
                      struct dicom_source *source, struct error *error) {
    *source = (struct dicom_source){.joined = NULL};
    if (!find_compression(file->transfer_syntax, &source->compression, error)) {
        return false;
    }
    bool found = false;
    if (source->compression != DICOM_NATIVE && looks_native(&file->pixels, frame, frames)) {
        source->compression = DICOM_NATIVE;
        source->uncompressed = true;
    }
    if (source->compression == DICOM_NATIVE) {
        found = check_native(&file->pixels, frame, error);
    } else if (join_fragments(&file->pixels, frames, source, error)) {
        found = source->compression == DICOM_RLE               ? check_rle(source, frame, error)
                : source->compression == DICOM_DEFLATED_FRAMES ? true
                                                               : check_stream(source, frame, error);
    }
    if (found && frame->colour == DICOM_RGB && frame->is_signed && !dicom_turbo_reads(source)) {
        return fail(error, "colours with a sign are not read");
    }
    return found && image_check_size(frame->rows, frame->columns, error);
}

void dicom_source_free(struct dicom_source *source) {
    free(source->joined);
    *source = (struct dicom_source){.joined = NULL};
}

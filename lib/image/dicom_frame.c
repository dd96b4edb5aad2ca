// The first frame of a DICOM file, out of whatever compression.
#include "image/dicom_frame.h"

#include "image/codestream.h"
#include "image/dicom_gdcm.h"
#include "image/inflate.h"
#include "image/jpeg.h"
#include "image/packbits.h"

#include <stdlib.h>
#include <string.h>

enum compression { NATIVE, RLE, DEFLATED_FRAMES, JPEG, JPEG_LS, JPEG_2000 };

static const struct {
    const char *uid;
    enum compression compression;
} TRANSFER_SYNTAXES[] = {
    {"", NATIVE},
    {"1.2.840.10008.1.2", NATIVE},      // implicit VR little endian
    {"1.2.840.10008.1.2.1", NATIVE},    // explicit VR little endian
    {"1.2.840.10008.1.2.1.99", NATIVE}, // deflated, which dicom_open has undone
    {"1.2.840.10008.1.2.2", NATIVE},    // explicit VR big endian
    {"1.2.840.10008.1.2.5", RLE},
    {"1.2.840.10008.1.2.8.1", DEFLATED_FRAMES},
    {"1.2.840.10008.1.2.4.50", JPEG},    // baseline
    {"1.2.840.10008.1.2.4.51", JPEG},    // extended
    {"1.2.840.10008.1.2.4.53", JPEG},    // spectral selection, retired
    {"1.2.840.10008.1.2.4.55", JPEG},    // full progression, retired
    {"1.2.840.10008.1.2.4.57", JPEG},    // lossless
    {"1.2.840.10008.1.2.4.70", JPEG},    // lossless, first order prediction
    {"1.2.840.10008.1.2.4.80", JPEG_LS}, // lossless
    {"1.2.840.10008.1.2.4.81", JPEG_LS}, // near-lossless
    {"1.2.840.10008.1.2.4.90", JPEG_2000},
    {"1.2.840.10008.1.2.4.91", JPEG_2000},
};

enum {
    PACKBITS_MOST = 64, // bytes that come of one: runs of 128 take two
    // What a writer may have put behind a deflated frame.
    PADDING = 64,
};

// Compressed bytes of the first frame; `owned` where they had to be joined.
struct coded {
    const uint8_t *bytes;
    size_t length;
    uint8_t *owned;
};

static bool find_compression(const char *uid, enum compression *compression, struct error *error) {
    for (size_t i = 0; i < sizeof TRANSFER_SYNTAXES / sizeof *TRANSFER_SYNTAXES; i++) {
        if (strcmp(uid, TRANSFER_SYNTAXES[i].uid) == 0) {
            *compression = TRANSFER_SYNTAXES[i].compression;
            return true;
        }
    }
    const bool is_uid = uid[strspn(uid, "0123456789.")] == '\0';
    return fail(error, "transfer syntax %s is not read", is_uid ? uid : "without a UID");
}

static bool own(uint8_t **owned, size_t length, struct error *error) {
    *owned = malloc(length);
    return *owned != NULL || fail(error, "no memory for a frame of %zu bytes", length);
}

static size_t frame_bytes(const struct dicom_frame *frame) {
    const size_t pixels = frame->rows * frame->columns;
    return frame->sample_bits == 1 ? (pixels + 7) / 8
           : frame->halved         ? (pixels + 1) / 2 * 4 * (frame->sample_bits / 8)
                                   : pixels * frame->samples * (frame->sample_bits / 8);
}

// ---- without compression

// Points *frame at its samples. Big endian words are put right in a copy: those of 16 bits, and
// those (VR OW) that hold two pixels of 8 bits or 16 of one.
static bool take_native(const struct dicom_element *pixels, struct dicom_frame *frame,
                        struct image *out, uint8_t **owned, struct error *error) {
    const size_t needed = frame_bytes(frame);
    const struct dicom_set *value = &pixels->value;
    if (pixels->undefined_length) {
        return fail(error, "is compressed, but its transfer syntax does not tell how");
    }
    if (value->length < needed) {
        return fail(error, "has %zu bytes of pixels where %zu x %zu need %zu", value->length,
                    frame->rows, frame->columns, needed);
    }
    frame->bytes = value->bytes;
    frame->planar = frame->planar && !frame->halved;
    if (value->big_endian && (frame->sample_bits == 16 || strcmp(pixels->vr, "OW") == 0)) {
        const size_t even = (needed + 1) / 2 * 2;
        if (!own(owned, even, error)) {
            return false;
        }
        for (size_t i = 0; i < even; i++) {
            (*owned)[i] = (i ^ 1U) < value->length ? value->bytes[i ^ 1U] : 0;
        }
        frame->bytes = *owned;
    }
    return image_alloc(out, frame->rows, frame->columns, error);
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
static bool join_fragments(const struct dicom_element *pixels, size_t frames, struct coded *coded,
                           struct error *error) {
    const uint8_t *bytes = NULL;
    size_t start = 0, length = 0;
    if (!pixels->undefined_length || !dicom_next_fragment(pixels, &start, &bytes, &length)) {
        return fail(error, "is not compressed as its transfer syntax says");
    }
    const size_t count = count_fragments(pixels, start, frames);
    size_t position = start;
    for (size_t i = 0; i < count; i++) {
        if (dicom_next_fragment(pixels, &position, &bytes, &length)) {
            coded->bytes = bytes;
            coded->length += length;
        }
    }
    if (count < 2) {
        return coded->length > 0 || fail(error, "its compressed frame is empty");
    }
    // One byte more, so that a frame of empty fragments asks for memory too.
    if (!own(&coded->owned, coded->length + 1, error)) {
        return false;
    }
    uint8_t *to = coded->owned;
    position = start;
    for (size_t i = 0; i < count; i++) {
        if (dicom_next_fragment(pixels, &position, &bytes, &length)) {
            memcpy(to, bytes, length);
            to += length;
        }
    }
    coded->bytes = coded->owned;
    return true;
}

// Reads a compressed stream's header, holds it against the file's, and makes *frame what the stream
// will give.
static bool read_stream(enum compression compression, const struct coded *coded,
                        struct dicom_frame *frame, struct codestream *stream, struct error *error) {
    if (!(compression == JPEG_2000
              ? codestream_read_jpeg2000(coded->bytes, coded->length, stream, error)
              : codestream_read_jpeg(coded->bytes, coded->length, stream, error))) {
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
    if (compression != JPEG_2000 &&
        (stream->process == CODESTREAM_JPEG_LS) != (compression == JPEG_LS)) {
        return fail(error, "is not compressed as its transfer syntax says");
    }
    frame->sample_bits = stream->precision <= 8 ? 8 : 16;
    frame->shift = 0;
    frame->planar = frame->halved = false;
    if (frame->is_signed || stream->is_signed) {
        frame->is_signed = true; // the bits above the value's may or may not repeat the sign
        frame->stored_bits =
            stream->precision < frame->stored_bits ? stream->precision : frame->stored_bits;
    } else if (stream->precision > frame->stored_bits) {
        frame->stored_bits = stream->precision;
    }
    return true;
}

static bool take_turbo(const struct codestream *stream, struct dicom_frame *frame,
                       struct image *out, struct error *error) {
    if (!image_alloc(out, frame->rows, frame->columns, error) ||
        !jpeg_decode_gray(stream, frame->colour == DICOM_RGB, out, error)) {
        return false;
    }
    frame->bytes = out->pixels;
    frame->colour = frame->samples == 1 ? frame->colour : DICOM_MONOCHROME2;
    frame->samples = 1;
    return true;
}

static bool take_stream(enum compression compression, const struct coded *coded,
                        struct dicom_frame *frame, struct image *out, uint8_t **owned,
                        struct error *error) {
    struct codestream stream;
    if (!read_stream(compression, coded, frame, &stream, error)) {
        return false;
    }
    if (compression == JPEG && jpeg_cut_short(&stream)) {
        return fail(error, "its compressed frame is cut short");
    }
    if (compression == JPEG && jpeg_reads(&stream)) {
        return take_turbo(&stream, frame, out, error);
    }
    if (compression == JPEG && stream.process > 3) {
        return fail(error, "JPEG of process SOF%u is not read", stream.process);
    }
    const enum dicom_codec codec = compression == JPEG_2000 ? DICOM_CODEC_JPEG_2000
                                   : compression == JPEG_LS ? DICOM_CODEC_JPEG_LS
                                                            : DICOM_CODEC_JPEG;
    const size_t length = frame_bytes(frame);
    if (!image_alloc(out, frame->rows, frame->columns, error) || !own(owned, length, error) ||
        !dicom_gdcm_decompress(codec, &stream, *owned, length, error)) {
        return false;
    }
    frame->bytes = *owned;
    return true;
}

static bool take_rle(const struct coded *coded, struct dicom_frame *frame, struct image *out,
                     uint8_t **owned, struct error *error) {
    frame->planar = true;
    frame->halved = false;
    const size_t needed = frame_bytes(frame);
    if (needed / PACKBITS_MOST > coded->length) {
        return fail(error, "its compressed frame is cut short");
    }
    // One bit a pixel is compressed as eight pixels a byte.
    const size_t sample_bytes = frame->sample_bits == 16 ? 2 : 1;
    if (!image_alloc(out, frame->rows, frame->columns, error) || !own(owned, needed, error) ||
        !packbits_decode_frame(coded->bytes, coded->length, frame->samples,
                               needed / frame->samples / sample_bytes, sample_bytes, *owned,
                               error)) {
        return false;
    }
    frame->bytes = *owned;
    return true;
}

static bool take_deflated(const struct coded *coded, struct dicom_frame *frame, struct image *out,
                          uint8_t **owned, struct error *error) {
    const size_t needed = frame_bytes(frame);
    size_t length = 0;
    if (!inflate_raw(coded->bytes, coded->length, needed + PADDING, owned, &length, error)) {
        return fail_within(error, "its deflated frame");
    }
    if (length < needed) {
        return fail(error, "its compressed frame is cut short");
    }
    frame->bytes = *owned;
    return image_alloc(out, frame->rows, frame->columns, error);
}

bool dicom_take_frame(const struct dicom_file *file, size_t frames, struct dicom_frame *frame,
                      struct image *out, uint8_t **owned, struct error *error) {
    enum compression compression = NATIVE;
    *owned = NULL;
    if (!find_compression(file->transfer_syntax, &compression, error)) {
        return false;
    }
    if (compression == NATIVE) {
        return take_native(&file->pixels, frame, out, owned, error);
    }
    struct coded coded = {NULL, 0, NULL};
    const bool taken = join_fragments(&file->pixels, frames, &coded, error) &&
                       (compression == RLE ? take_rle(&coded, frame, out, owned, error)
                        : compression == DEFLATED_FRAMES
                            ? take_deflated(&coded, frame, out, owned, error)
                            : take_stream(compression, &coded, frame, out, owned, error));
    free(coded.owned);
    return taken;
}

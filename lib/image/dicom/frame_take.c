// The pixels of a DICOM file's first frame, out of whatever compression.
#include "image/dicom/frame.h"

#include "image/codec/inflate.h"
#include "image/codec/jpeg.h"
#include "image/codec/packbits.h"
#include "image/dicom/gdcm/gdcm.h"

#include <stdlib.h>
#include <string.h>

enum {
    // What a writer may have put behind a deflated frame.
    PADDING = 64,
    // Bytes of 0 in front of a JPEG stream's end, which writers have put there to make it even.
    MAX_ZEROS = 4,
};

static bool own(uint8_t **owned, size_t length, struct error *error) {
    *owned = malloc(length);
    return *owned != NULL || fail(error, "no memory for a frame of %zu bytes", length);
}

// Points *frame at its samples. Big endian words are put right in a copy: those of 16 bits, and
// those (VR OW) that hold two pixels of 8 bits or 16 of one.
static bool take_native(const struct dicom_element *pixels, struct dicom_frame *frame,
                        uint8_t **owned, struct error *error) {
    const size_t needed = dicom_frame_bytes(frame);
    const struct dicom_set *value = &pixels->value;
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
    return true;
}

static bool take_turbo(const struct codestream *stream, struct dicom_frame *frame,
                       struct image *out, struct error *error) {
    bool ended = true;
    if (!jpeg_decode_gray(stream, frame->colour == DICOM_RGB, out, &ended, error)) {
        return false;
    }
    frame->without_end = !ended;
    frame->bytes = out->pixels;
    frame->colour = frame->samples == 1 ? frame->colour : DICOM_YBR;
    frame->samples = 1;
    return true;
}

static bool take_gdcm(const struct dicom_source *source, const struct codestream *stream,
                      struct dicom_frame *frame, uint8_t **owned, struct error *error) {
    const enum dicom_codec codec = source->compression == DICOM_JPEG_2000 ? DICOM_CODEC_JPEG_2000
                                   : source->compression == DICOM_JPEG_LS ? DICOM_CODEC_JPEG_LS
                                                                          : DICOM_CODEC_JPEG;
    const size_t length = dicom_frame_bytes(frame);
    if (!own(owned, length, error) ||
        !dicom_gdcm_decompress(codec, stream, *owned, length, error)) {
        return false;
    }
    frame->bytes = *owned;
    return true;
}

static bool take_exactly(const struct dicom_source *source, const struct codestream *stream,
                         struct dicom_frame *frame, struct image *out, uint8_t **owned,
                         struct error *error) {
    return dicom_turbo_reads(source) ? take_turbo(stream, frame, out, error)
                                     : take_gdcm(source, stream, frame, owned, error);
}

// The bytes of 0 in front of a JPEG stream's EOI; *end becomes where it starts. One behind FF
// belongs to it.
static size_t zeros_before_end(const struct codestream *stream, size_t *end) {
    static const uint8_t eoi[] = {0xFF, 0xD9};
    size_t position = stream->length, count = 0;
    while (position > 0 && stream->bytes[position - 1] == 0) { // which make a fragment even
        position--;
    }
    if (position < sizeof eoi ||
        memcmp(stream->bytes + position - sizeof eoi, eoi, sizeof eoi) != 0) {
        return 0;
    }
    position -= sizeof eoi;
    *end = position;
    while (count < position && count < MAX_ZEROS && stream->bytes[position - 1 - count] == 0) {
        count++;
    }
    return count > 0 && count < position && stream->bytes[position - 1 - count] == 0xFF ? count - 1
                                                                                        : count;
}

// Decompresses a stream with or without such bytes, whichever can be done. Of JPEG-LS they are left
// out first: GDCM refuses a stream that has them, and does not free what it has made by then.
static bool take_stream(const struct dicom_source *source, struct dicom_frame *frame,
                        struct image *out, uint8_t **owned, struct error *error) {
    const struct codestream *stream = &source->stream;
    size_t end = 0;
    const size_t zeros =
        source->compression == DICOM_JPEG_2000 ? 0 : zeros_before_end(stream, &end);
    uint8_t *bytes = zeros > 0 ? malloc(stream->length) : NULL;
    if (zeros > 0 && bytes == NULL) {
        return fail(error, "no memory for a stream of %zu bytes", stream->length);
    }
    bool taken = false;
    for (size_t i = 0; !taken && i <= zeros; i++) {
        struct codestream less = *stream;
        const size_t left_out = source->compression == DICOM_JPEG_LS ? zeros - i : i;
        if (left_out > 0) {
            memcpy(bytes, stream->bytes, end - left_out);
            memcpy(bytes + end - left_out, stream->bytes + end, stream->length - end);
            less.bytes = bytes;
            less.length -= left_out;
        }
        free(*owned);
        *owned = NULL;
        taken = take_exactly(source, &less, frame, out, owned, error);
    }
    free(bytes);
    return taken;
}

static bool take_rle(const struct dicom_source *source, struct dicom_frame *frame, uint8_t **owned,
                     struct error *error) {
    // One bit a pixel is compressed as eight pixels a byte.
    const size_t needed = dicom_frame_bytes(frame);
    const size_t sample_bytes = frame->sample_bits == 16 ? 2 : 1;
    if (!own(owned, needed, error) ||
        !packbits_decode_frame(source->bytes, source->length, frame->samples,
                               needed / frame->samples / sample_bytes, sample_bytes, *owned,
                               error)) {
        return false;
    }
    frame->bytes = *owned;
    return true;
}

static bool take_deflated(const struct dicom_source *source, struct dicom_frame *frame,
                          uint8_t **owned, struct error *error) {
    const size_t needed = dicom_frame_bytes(frame);
    size_t length = 0;
    if (!inflate_raw(source->bytes, source->length, needed + PADDING, owned, &length, error)) {
        return fail_within(error, "its deflated frame");
    }
    if (length < needed) {
        return fail(error, "its compressed frame is cut short");
    }
    frame->bytes = *owned;
    return true;
}

bool dicom_take_frame(const struct dicom_file *file, const struct dicom_source *source,
                      struct dicom_frame *frame, struct image *out, uint8_t **owned,
                      struct error *error) {
    *owned = NULL;
    if (!image_alloc(out, frame->rows, frame->columns, error)) {
        return false;
    }
    switch (source->compression) {
    case DICOM_NATIVE: return take_native(&file->pixels, frame, owned, error);
    case DICOM_RLE: return take_rle(source, frame, owned, error);
    case DICOM_DEFLATED_FRAMES: return take_deflated(source, frame, owned, error);
    default: break;
    }
    return take_stream(source, frame, out, owned, error);
}

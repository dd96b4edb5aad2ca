// DICOM's RLE compression.
#include "image/codec/packbits.h"

#include <string.h>

enum { HEADER = 64, MAX_SEGMENTS = 15 };

static size_t little32(const uint8_t *bytes) {
    return bytes[0] | (size_t)bytes[1] << 8 | (size_t)bytes[2] << 16 | (size_t)bytes[3] << 24;
}

// Fills count bytes, `stride` apart; false where the segment ends before.
static bool decode_segment(const uint8_t *in, size_t length, size_t count, size_t stride,
                           uint8_t *out) {
    const uint8_t *end = in + length;
    while (count > 0) {
        if (end - in < 2) {
            return false;
        }
        const uint8_t code = *in++;
        size_t run = code < 128 ? code + (size_t)1 : code > 128 ? 257 - (size_t)code : 0;
        run = run < count ? run : count; // what a segment has too much is padding
        count -= run;
        if (code < 128) {
            if ((size_t)(end - in) < run) {
                return false;
            }
            for (size_t i = 0; i < run; i++) {
                out[i * stride] = in[i];
            }
            in += code + (size_t)1 < (size_t)(end - in) ? code + (size_t)1 : (size_t)(end - in);
        } else if (code > 128) {
            for (size_t i = 0; i < run; i++) {
                out[i * stride] = *in;
            }
            in++;
        }
        out += run * stride;
    }
    return true;
}

bool packbits_decode_frame(const uint8_t *bytes, size_t length, size_t samples, size_t pixels,
                           size_t sample_bytes, uint8_t *out, struct error *error) {
    const size_t segments = samples * sample_bytes;
    if (length < HEADER || segments > MAX_SEGMENTS || little32(bytes) != segments) {
        return fail(error, "the RLE header does not fit the image");
    }
    for (size_t i = 0; i < segments; i++) {
        const size_t start = little32(bytes + 4 + 4 * i);
        const size_t end = i + 1 < segments ? little32(bytes + 8 + 4 * i) : length;
        if (start < HEADER || end < start || end > length) {
            return fail(error, "the RLE header does not fit its %zu bytes", length);
        }
        uint8_t *plane = out + i / sample_bytes * pixels * sample_bytes;
        if (!decode_segment(bytes + start, end - start, pixels, sample_bytes,
                            plane + (sample_bytes - 1 - i % sample_bytes))) {
            return fail(error, "RLE segment %zu is cut short", i + 1);
        }
    }
    return true;
}

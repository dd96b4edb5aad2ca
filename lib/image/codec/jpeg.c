// JPEG to and from 8-bit gray by libjpeg-turbo's own interface.
#include "image/codec/jpeg.h"

#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>

enum {
    MAX_SEQUENTIAL = 1, // baseline, extended; with Huffman codes
    ARITHMETIC = 9,     // the first process with arithmetic coding
    PIXELS_A_BYTE = 512,
};

bool jpeg_reads(const struct codestream *stream) {
    const unsigned process = stream->process;
    return stream->precision == 8 &&
           (process <= 2 || process == ARITHMETIC || process == ARITHMETIC + 1);
}

bool jpeg_cut_short(const struct codestream *stream) {
    return stream->process < ARITHMETIC &&
           stream->height * stream->width / PIXELS_A_BYTE > stream->length;
}

static bool decode(const uint8_t *bytes, size_t length, struct image *out, struct error *error) {
    tjhandle turbo = tjInitDecompress();
    if (turbo == NULL) {
        return fail(error, "no memory for libjpeg-turbo");
    }
    const int flags = TJFLAG_ACCURATEDCT | TJFLAG_STOPONWARNING | TJFLAG_LIMITSCANS;
    const int status = tjDecompress2(turbo, bytes, length, out->pixels, (int)out->width, 0,
                                     (int)out->height, TJPF_GRAY, flags);
    if (status != 0) {
        (void)fail(error, "%s", tjGetErrorStr2(turbo));
    }
    (void)tjDestroy(turbo);
    return status == 0;
}

// Decodes the stream with an Adobe segment of transform 0 behind SOI, which tells that three
// components are RGB (libjpeg takes them for YCbCr otherwise), and with another EOI at its end.
static bool decode_amended(const struct codestream *stream, bool adobe, bool end, struct image *out,
                           struct error *error) {
    static const uint8_t segment[] = {0xFF, 0xEE, 0,   14, 'A', 'd', 'o', 'b',
                                      'e',  0,    100, 0,  0,   0,   0,   0};
    static const uint8_t eoi[] = {0xFF, 0xD9};
    const size_t soi = 2;
    uint8_t *amended = malloc(stream->length + sizeof segment + sizeof eoi);
    if (amended == NULL) {
        return fail(error, "no memory for a JPEG stream of %zu bytes", stream->length);
    }
    uint8_t *at = mempcpy(amended, stream->bytes, soi);
    at = adobe ? mempcpy(at, segment, sizeof segment) : at;
    at = mempcpy(at, stream->bytes + soi, stream->length - soi);
    at = end ? mempcpy(at, eoi, sizeof eoi) : at;
    const bool decoded = decode(amended, (size_t)(at - amended), out, error);
    free(amended);
    return decoded;
}

bool jpeg_decode_gray(const struct codestream *stream, bool rgb, struct image *out, bool *ended,
                      struct error *error) {
    const bool adobe = rgb && stream->components == 3 && !stream->has_colour;
    *ended = true;
    if (adobe ? decode_amended(stream, adobe, false, out, error)
              : decode(stream->bytes, stream->length, out, error)) {
        return true;
    }
    // With an end, libjpeg has nothing to warn of but samples that are missing. Of a progressive
    // stream whole scans may be missing without a word.
    struct error other;
    *ended = stream->process > MAX_SEQUENTIAL || !decode_amended(stream, adobe, true, out, &other);
    return !*ended;
}

bool jpeg_encode_gray(const struct image *image, int quality, uint8_t **bytes, size_t *length,
                      struct error *error) {
    tjhandle turbo = tjInitCompress();
    const unsigned long most = tjBufSize((int)image->width, (int)image->height, TJSAMP_GRAY);
    unsigned long size = most;
    *bytes = most == (unsigned long)-1 ? NULL : malloc(most);
    *length = 0;
    if (turbo == NULL || *bytes == NULL) {
        (void)fail(error, "no memory to compress %zu x %zu", image->height, image->width);
    } else if (tjCompress2(turbo, image->pixels, (int)image->width, 0, (int)image->height,
                           TJPF_GRAY, bytes, &size, TJSAMP_GRAY, quality,
                           TJFLAG_ACCURATEDCT | TJFLAG_NOREALLOC) != 0) {
        (void)fail(error, "%s", tjGetErrorStr2(turbo));
    } else {
        *length = size;
    }
    if (turbo != NULL) {
        (void)tjDestroy(turbo);
    }
    if (*length == 0) {
        free(*bytes);
        *bytes = NULL;
    }
    return *length > 0;
}

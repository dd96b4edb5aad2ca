// JPEG to and from 8-bit gray by libjpeg-turbo's own interface.
#include "image/codec/jpeg.h"

#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>

enum {
    ARITHMETIC = 9, // the first process with arithmetic coding
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

bool jpeg_decode_gray(const struct codestream *stream, bool rgb, struct image *out,
                      struct error *error) {
    if (!rgb || stream->components != 3 || stream->has_colour) {
        return decode(stream->bytes, stream->length, out, error);
    }
    // libjpeg takes three components for YCbCr unless an Adobe segment with transform 0 tells that
    // they are RGB: one goes in behind SOI.
    static const uint8_t adobe[] = {0xFF, 0xEE, 0,   14, 'A', 'd', 'o', 'b',
                                    'e',  0,    100, 0,  0,   0,   0,   0};
    uint8_t *told = malloc(stream->length + sizeof adobe);
    if (told == NULL) {
        return fail(error, "no memory for a JPEG stream of %zu bytes", stream->length);
    }
    memcpy(told, stream->bytes, 2);
    memcpy(told + 2, adobe, sizeof adobe);
    memcpy(told + 2 + sizeof adobe, stream->bytes + 2, stream->length - 2);
    const bool decoded = decode(told, stream->length + sizeof adobe, out, error);
    free(told);
    return decoded;
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

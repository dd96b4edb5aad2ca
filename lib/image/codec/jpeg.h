// JPEG to and from 8-bit gray by libjpeg-turbo.
#ifndef PLEURA_IMAGE_CODEC_JPEG_H
#define PLEURA_IMAGE_CODEC_JPEG_H

#include "image/codec/codestream.h"

// What a person is told of a stream without EOI.
#define JPEG_WITHOUT_END "its JPEG stream has all pixels, but no end mark"

// Is it a JPEG process (baseline, extended, progressive; Huffman or arithmetic) and a precision
// that jpeg_decode_gray reads?
bool jpeg_reads(const struct codestream *stream);

// Has it too few bytes for its size? With Huffman codes a block of 64 samples takes a bit or more;
// arithmetic coding has no such bound.
bool jpeg_cut_short(const struct codestream *stream);

// Decodes an 8-bit sequential or progressive JPEG into `out`, which the caller has allocated at
// the stream's own size, with the accurate integer DCT (islow, the one of the IJG's reference):
// gray as it is, YCbCr's Y, RGB's luma (Rec. 601). `rgb` says what three components are where the
// stream does not (has_colour). False for any damage, also what libjpeg would only warn of; but a
// sequential stream that lacks nothing but its end mark (EOI) is decoded, and *ended is false.
CHECKED bool jpeg_decode_gray(const struct codestream *stream, bool rgb, struct image *out,
                              bool *ended, struct error *error);

// A baseline gray JPEG of quality 1..100 in *bytes (the caller frees).
CHECKED bool jpeg_encode_gray(const struct image *image, int quality, uint8_t **bytes,
                              size_t *length, struct error *error);

#endif

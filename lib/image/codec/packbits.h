// DICOM's RLE compression.
#ifndef PLEURA_IMAGE_CODEC_PACKBITS_H
#define PLEURA_IMAGE_CODEC_PACKBITS_H

#include "core/error.h"

#include <stddef.h>
#include <stdint.h>

// Decodes one frame of DICOM's RLE (PS3.5 annex G: a header of 64 bytes, then one PackBits segment
// for each byte of a sample, the most significant first). `out` gets samples x pixels x
// sample_bytes: plane by plane, little endian. False for a header that does not fit the numbers
// given and for segments that are cut short.
CHECKED bool packbits_decode_frame(const uint8_t *bytes, size_t length, size_t samples,
                                   size_t pixels, size_t sample_bytes, uint8_t *out,
                                   struct error *error);

#endif

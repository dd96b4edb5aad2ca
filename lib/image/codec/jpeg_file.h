// JPEG files to 8-bit gray.
#ifndef PLEURA_IMAGE_CODEC_JPEG_FILE_H
#define PLEURA_IMAGE_CODEC_JPEG_FILE_H

#include "image/format.h"

// SOI and the start of a marker.
bool jpeg_file_sniff(const uint8_t *bytes, size_t length);

// A JPEG file, baseline, extended or progressive, Huffman or arithmetic, of 8 bits: gray as it is,
// colour as its luma (Y of YCbCr; RGB, which an Adobe segment or the components' names tell, by
// Rec. 601), brought upright as its first Exif segment says. Colour profiles are not applied. False
// for 12 bits, lossless, hierarchical and JPEG-LS, for CMYK and YCCK, for damage, and for an Exif
// orientation that cannot be known (exif.h).
CHECKED bool jpeg_file_decode(const uint8_t *bytes, size_t length,
                              const struct image_options *options, struct image *out,
                              struct image_note *note, struct error *error);

// What is in the segments before the compressed samples; the size is that of the upright image.
CHECKED bool jpeg_file_describe(const uint8_t *bytes, size_t length, struct image_header *header,
                                struct error *error);

#endif

// PNG files to 8-bit gray, and 8-bit gray or RGB to PNG files.
#ifndef PLEURA_IMAGE_CODEC_PNG_CODEC_H
#define PLEURA_IMAGE_CODEC_PNG_CODEC_H

#include "image/format.h"

// What is, or was before it was damaged, a PNG: "PNG" at byte 1 or IHDR as the first chunk. With
// the whole signature gone wrong libpng can still say how.
bool png_sniff(const uint8_t *bytes, size_t length);

// Any PNG to 8-bit gray by libpng's own transformations: 1, 2 and 4 bits are expanded to 0..255;
// gray of 16 bits from its least to its greatest value, as DICOM's (image/dicom/gray.h), rounded to
// the nearest; palettes expanded; colour, of 16 bits scaled from 65,535 to 255 with a notice where
// that makes it nearly black, becomes luma with libpng's default weights (Rec. 709: 0.2126 R +
// 0.7152 G
// + 0.0722 B, on the values as stored); Adam7 is undone. Alpha and tRNS are dropped, not composed,
// so that a gray value is what the file holds whatever its transparency: an 8-bit gray PNG comes
// out byte for byte. gAMA, sBIT, iCCP and every other ancillary chunk do nothing: no gamma change.
// An orientation other than 1 in eXIf is told, and not heeded. False, with libpng's reason, for
// damage in a critical chunk or what is cut short.
CHECKED bool png_decode(const uint8_t *bytes, size_t length, const struct image_options *options,
                        struct image *out, struct image_note *note, struct error *error);

// What is in the chunks before the pixels.
CHECKED bool png_describe(const uint8_t *bytes, size_t length, struct image_header *header,
                          struct error *error);

// An 8-bit gray PNG in *bytes (the caller frees). `level` is zlib's: 0 stores, 1 is fast, 9 small.
// The same image and level give the same bytes with the same zlib: no time or text inside.
CHECKED bool png_encode_gray(const struct image *image, int level, uint8_t **bytes, size_t *length,
                             struct error *error);

// The same for height x width x 3 bytes, R G B interleaved.
CHECKED bool png_encode_rgb(size_t height, size_t width, const uint8_t *rgb, int level,
                            uint8_t **bytes, size_t *length, struct error *error);

#endif

// The samples of a DICOM frame to 8-bit gray.
#ifndef PLEURA_IMAGE_DICOM_GRAY_H
#define PLEURA_IMAGE_DICOM_GRAY_H

#include "image/dicom/file.h"
#include "image/format.h"

enum dicom_colour {
    DICOM_MONOCHROME1, // 0 is white
    DICOM_MONOCHROME2,
    DICOM_PALETTE,
    DICOM_RGB,
    DICOM_YBR, // luma first
};

// One frame in memory, little endian, and how to read it (PS3.3 C.7.6.3).
struct dicom_frame {
    const uint8_t *bytes;
    size_t rows, columns;
    unsigned samples;            // a pixel: 1 or 3
    unsigned sample_bits;        // allocated: 1, 8 or 16
    unsigned stored_bits, shift; // the value's bits, and how many bits lie below them
    unsigned depth; // Bits Stored of the header; a compressed stream may have more stored_bits
    bool is_signed;
    bool planar; // one plane a sample; otherwise pixel by pixel
    bool halved; // YBR_FULL_422 without compression: Y Y Cb Cr for two pixels
    enum dicom_colour colour;
    bool without_end; // its JPEG stream lacks the end mark
};

// Fills `out`, which has the frame's size and may share its bytes where a pixel is one byte.
//
// Gray, one rule for all depths (docs/grey-levels.md says it for users):
// 1. The Modality transformation: Modality LUT, or else value * Rescale Slope + Rescale Intercept
//    (PS3.3 C.11.1).
// 2. The VOI transformation: the first VOI LUT or the first window, by options->voi where
//    both are there (PS3.3 C.11.2; transform.h).
// 3. Without either, a range becomes 0..255. Of 8 bits stored and fewer, without a sign: all values
//    that there can be, so that 8 bits come out as they are. Of more, or with a sign: from the
//    least to the greatest value in this frame, padding left out; a frame of one value becomes 0,
//    but with options->from_zero only if it is 0.
// 4. Rounded to the nearest; MONOCHROME1: 255 minus that.
// Padding is no part of the range, and goes the way of all values otherwise.
// Colour: YBR_FULL's Y. RGB's luma with Rec. 601's weights, which Y is defined by, as 16-bit
// fractions: (19595 R + 38470 G + 7471 B + 32768) >> 16 of the stored values, then scaled from
// 2^stored - 1 to 255. Palettes: that of their entries' upper 8 bits.
// What the dataset says and is not heeded is told in *note. False for palettes
// that dicom_check_palette refuses.
CHECKED bool dicom_frame_to_gray(const struct dicom_set *dataset, const struct dicom_frame *frame,
                                 const struct image_options *options, struct image *out,
                                 struct image_note *note, struct error *error);

// False for colours by a palette that is missing, segmented or too short.
CHECKED bool dicom_check_palette(const struct dicom_set *dataset, const struct dicom_frame *frame,
                                 struct error *error);

#endif

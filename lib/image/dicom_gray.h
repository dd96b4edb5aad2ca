// The samples of a DICOM frame to 8-bit gray.
#ifndef PLEURA_IMAGE_DICOM_GRAY_H
#define PLEURA_IMAGE_DICOM_GRAY_H

#include "image/dicom_file.h"
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
    bool is_signed;
    bool planar; // one plane a sample; otherwise pixel by pixel
    bool halved; // YBR_FULL_422 without compression: Y Y Cb Cr for two pixels
    enum dicom_colour colour;
};

// Fills `out`, which has the frame's size and may share its bytes where a pixel is one byte.
//
// Gray, in this order:
// - 1 stored bit: 0 and 255.
// - 8 stored bits, unsigned: the stored value, whatever window or rescale the dataset has, so that
//   such images are what they are in the file (the challenge's are of this kind).
// - Else the modality transformation, Modality LUT or value * RescaleSlope + RescaleIntercept
// (PS3.3
//   C.11.1); then the first of these that there is: the first VOI LUT, the first Window Center and
//   Width by its VOI LUT Function (C.11.2.1.2 LINEAR, C.11.2.1.3.1 SIGMOID, C.11.2.1.3.2
//   LINEAR_EXACT; before the LUT if `prefer` says so), or the range from the least to the greatest
//   value present in this frame (a frame of one value becomes 0). Rounded to the nearest. Enhanced
//   objects' functional groups, shared or of the first frame, are looked into as well.
// - MONOCHROME1: 255 minus that.
// Colour: YBR_FULL's Y. RGB's luma with Rec. 601's weights, which Y is defined by, as 16-bit
// fractions: (19595 R + 38470 G + 7471 B + 32768) >> 16 of the stored values, then scaled from
// 2^stored - 1 to 255. Palettes: that of their entries' upper 8 bits.
// False for colour with a sign, and for palettes that are missing, segmented or too short.
CHECKED bool dicom_frame_to_gray(const struct dicom_set *dataset, const struct dicom_frame *frame,
                                 enum image_voi prefer, struct image *out, struct error *error);

#endif

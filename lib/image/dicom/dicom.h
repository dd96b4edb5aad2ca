// DICOM files to 8-bit gray, and 8-bit gray to DICOM files.
#ifndef PLEURA_IMAGE_DICOM_DICOM_H
#define PLEURA_IMAGE_DICOM_DICOM_H

#include "image/format.h"

// 'DICM' behind a preamble, or no preamble and an element of group 0002 or 0008.
bool dicom_sniff(const uint8_t *bytes, size_t length);

// The image of a DICOM file, the first frame of many (a note says so), as 8-bit gray by the rules
// of gray.h. Only pixels leave: nothing of the header, which has a patient's name, is
// returned.
// - Transfer syntaxes: implicit and explicit VR, little and big endian, deflated; RLE, deflated
//   frames, JPEG baseline, extended, progressive, lossless, JPEG-LS, JPEG 2000.
// - 1, 8 and 16 bits allocated; BitsStored, HighBit and sign are kept. A compressed stream's own
//   precision counts where it has more bits than the header says.
// - 8-bit DCT JPEG goes through libjpeg-turbo, other JPEG, JPEG-LS and JPEG 2000 through GDCM (see
//   gdcm.h for what that asks of the caller).
// False, with the reason, for what holds no image, 32 bits and floating point, a size in the header
// that the data or the compressed stream does not have, and damage.
CHECKED bool dicom_decode(const uint8_t *bytes, size_t length, const struct image_options *options,
                          struct image *out, struct image_note *note, struct error *error);

// What the header says, of a file that dicom_decode would refuse too, as far as it can be read. All
// is checked that dicom_decode checks before it decompresses the frame, by the same functions; only
// a deflated dataset, and a frame in several fragments, are read as a whole.
CHECKED bool dicom_describe(const uint8_t *bytes, size_t length, struct image_header *header,
                            struct error *error);

// What the standard calls a transfer syntax; "" for one that is not read.
const char *dicom_transfer_syntax_name(const char *uid);

// A Secondary Capture object (modality CR, MONOCHROME2, 8 bits) in *bytes (the caller frees):
// explicit VR little endian for `quality` 0, JPEG baseline of that quality for 1..100. Equal
// arguments give equal bytes: the UIDs are made from `id` alone (2.25 and a number, PS3.5 B.2),
// dates are fixed, no host, time or path is inside. False for a side above 65,535.
CHECKED bool dicom_write_gray(const struct image *image, const char *id, int quality,
                              uint8_t **bytes, size_t *length, struct error *error);

#endif

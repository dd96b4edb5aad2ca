// The first frame of a DICOM file, out of whatever compression.
#ifndef PLEURA_IMAGE_DICOM_FRAME_H
#define PLEURA_IMAGE_DICOM_FRAME_H

#include "image/dicom_file.h"
#include "image/dicom_gray.h"

// Sets frame->bytes, and changes the rest of *frame, which the header has filled, to what the bytes
// are. They lie in the file, in *owned (the caller frees it, also on failure), or in `out`, which
// is allocated here at the frame's size. `frames`: as many as the header says. False for data that
// do not have the size the header says, for an unknown transfer syntax, and for damage; what the
// data claim is checked before anything is allocated for it.
CHECKED bool dicom_take_frame(const struct dicom_file *file, size_t frames,
                              struct dicom_frame *frame, struct image *out, uint8_t **owned,
                              struct error *error);

#endif

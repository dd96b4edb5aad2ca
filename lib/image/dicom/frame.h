// The first frame of a DICOM file, out of whatever compression: where it lies (frame.c), and its
// pixels (frame_take.c).
#ifndef PLEURA_IMAGE_DICOM_FRAME_H
#define PLEURA_IMAGE_DICOM_FRAME_H

#include "image/codec/codestream.h"
#include "image/dicom/file.h"
#include "image/dicom/gray.h"

enum dicom_compression {
    DICOM_NATIVE,
    DICOM_RLE,
    DICOM_DEFLATED_FRAMES,
    DICOM_JPEG,
    DICOM_JPEG_LS,
    DICOM_JPEG_2000,
};

// How the first frame lies in its file.
struct dicom_source {
    enum dicom_compression compression;
    bool uncompressed;    // although the transfer syntax says otherwise: compression is native
    const uint8_t *bytes; // compressed ones
    size_t length;
    uint8_t *joined;          // where they had to be
    struct codestream stream; // of JPEG, JPEG-LS and JPEG 2000
};

// Finds the first frame and checks all that can be checked without decompressing it, so that what
// its data claim is known to be sound before anything is allocated for it. `frames`: as many as
// the header says. Changes *frame, which the header has filled, to what the samples will be. False
// for data that do not have the size the header says, for sizes above the limits of image.h, for
// unknown transfer syntaxes and processes of JPEG, and for colour with a sign. dicom_source_free in
// any case.
CHECKED bool dicom_find_frame(const struct dicom_file *file, size_t frames,
                              struct dicom_frame *frame, struct dicom_source *source,
                              struct error *error);

void dicom_source_free(struct dicom_source *source);

// Bytes of a frame's samples without compression.
size_t dicom_frame_bytes(const struct dicom_frame *frame);

// Is it libjpeg-turbo that decompresses it?
bool dicom_turbo_reads(const struct dicom_source *source);

// Decompresses what dicom_find_frame has found: sets frame->bytes, which lie in the file, in
// *owned (the caller frees it, also on failure), or in `out`, which is allocated here at the
// frame's size. False for damage.
CHECKED bool dicom_take_frame(const struct dicom_file *file, const struct dicom_source *source,
                              struct dicom_frame *frame, struct image *out, uint8_t **owned,
                              struct error *error);

#endif

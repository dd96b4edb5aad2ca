// GDCM's decompressors behind a C face, in a module (core/module.h).
#ifndef PLEURA_IMAGE_DICOM_GDCM_GDCM_H
#define PLEURA_IMAGE_DICOM_GDCM_GDCM_H

#include "image/codec/codestream.h"

#ifdef __cplusplus
extern "C" {
#endif

enum dicom_codec {
    DICOM_CODEC_JPEG, // lossless, and lossy of 12 bits
    DICOM_CODEC_JPEG_LS,
    DICOM_CODEC_JPEG_2000,
};

// Decompresses one frame into `samples`: pixel by pixel, 1 byte a sample up to 8 bits of precision,
// else 2, little endian; `length` is height x width x components times that. JPEG 2000's colour
// transformation is undone, JPEG's is not. The stream's header must have been read by codestream.h
// and its numbers held against limits. No exception leaves, but GDCM may still abort or crash on
// hostile streams, and its libraries may write to stderr: call it in a process that can be lost.
typedef bool dicom_gdcm_function(enum dicom_codec codec, const struct codestream *stream,
                                 uint8_t *samples, size_t length, struct error *error);

// Loads the module at the first call; false with *error where that fails.
dicom_gdcm_function dicom_gdcm_decompress CHECKED;

#ifdef __cplusplus
}
#endif

#endif

// Fuzzes dicom_decode, the way decode reads a DICOM file: elements, sequences, fragments, deflate,
// PackBits, the headers of compressed streams, 8-bit JPEG, look-up tables and samples to gray.
//
// Left out: GDCM's decompressors of lossless and 12-bit JPEG, JPEG-LS and JPEG 2000. They abort on
// some malformed streams inside themselves, which is known, is why decode runs them in worker
// processes, and would end every run here in its first minute. In their place stands a function
// that keeps their promise, and checks that they are called within theirs. libjpeg-turbo and zlib
// come from the system and are not instrumented.
#include "fuzz.h"

#include "image/dicom/dicom.h"
#include "image/dicom/gdcm/gdcm.h"

#include <string.h>

#define MAX_SAMPLES ((size_t)16 << 20) // filling more would only cost time

bool dicom_gdcm_decompress(enum dicom_codec codec, const struct codestream *stream,
                           uint8_t *samples, size_t length, struct error *error) {
    PROMISE(codec <= DICOM_CODEC_JPEG_2000 && stream->length > 0);
    PROMISE(stream->height > 0 && stream->width > 0 && stream->components > 0);
    PROMISE(stream->precision >= 1 && stream->precision <= 16);
    PROMISE(length ==
            stream->height * stream->width * stream->components * (stream->precision <= 8 ? 1 : 2));
    if (length > MAX_SAMPLES) {
        return fail(error, "larger than is of interest here");
    }
    for (size_t i = 0; i < length; i++) {
        samples[i] = stream->bytes[i % stream->length];
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    const struct image_options options = {length % 2 == 0 ? IMAGE_VOI_LUT : IMAGE_VOI_WINDOW};
    struct image image;
    struct image_note note;
    struct error error = {""};
    struct image_header header = {.frames = 1};
    struct error refused = {""};
    (void)dicom_sniff(bytes, length);
    const bool described = dicom_describe(bytes, length, &header, &refused);
    if (dicom_decode(bytes, length, &options, &image, &note, &error)) {
        PROMISE(described && image.height == header.height && image.width == header.width);
        PROMISE(image.height > 0 && image.width > 0);
    } else {
        PROMISE(image.pixels == NULL && error.text[0] != 0);
        PROMISE(described || strcmp(refused.text, error.text) == 0);
    }
    image_free(&image);
    return 0;
}

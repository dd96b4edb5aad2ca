// Calling GDCM's decompressors, which are a module: most programs and most files need none of its
// twenty libraries.
#include "image/dicom/gdcm/gdcm.h"

#include "core/module.h"

static const struct module gdcm = {
    .file = "pleura-gdcm.so", .source = "`make` builds it", .function = "pleura_gdcm_decompress"};

bool dicom_gdcm_decompress(enum dicom_codec codec, const struct codestream *stream,
                           uint8_t *samples, size_t length, struct error *error) {
    dicom_gdcm_function *decompress;
    return module_load(&gdcm, &decompress, sizeof decompress, error) &&
           decompress(codec, stream, samples, length, error);
}

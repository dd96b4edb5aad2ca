// Loading the CUDA backend.
#include "backend/module.h"

#include "core/module.h"

#include <stdlib.h>

static const struct module cuda = {
    .file = "pleura-cuda.so",
    .variable = "PLEURA_CUDA",
    .source = "`make` builds it where the CUDA toolkit and cuDNN are found",
    .function = "pleura_cuda_open"};

struct backend *module_open(const char *device, enum precision precision, struct error *error) {
    char *end = NULL;
    const long index = device[4] == ':' ? strtol(device + 5, &end, 10) : 0;
    if (end != NULL && (end == device + 5 || *end != '\0' || index < 0 || index > 1023)) {
        (void)fail(error, "--device %s: cuda:N takes a number from 0 on", device);
        return NULL;
    }
    module_opener *opener;
    if (!module_load(&cuda, &opener, sizeof opener, error)) {
        (void)fail_within(error, "--device %s", device);
        return NULL;
    }
    return opener((int)index, precision, error);
}

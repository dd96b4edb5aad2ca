// The CUDA backend, a module (core/module.h).
#ifndef PLEURA_BACKEND_MODULE_H
#define PLEURA_BACKEND_MODULE_H

#include "backend/backend.h"

// The module's function: opens a device.
typedef struct backend *module_opener(int device, enum precision precision, struct error *error);

// Opens "cuda" or "cuda:N". NULL with *error.
CHECKED struct backend *module_open(const char *device, enum precision precision,
                                    struct error *error);

#endif

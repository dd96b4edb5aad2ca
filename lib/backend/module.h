// Backends that live in a file of their own, loaded when they are asked for: programs run on
// machines that lack what such a backend needs.
#ifndef PLEURA_BACKEND_MODULE_H
#define PLEURA_BACKEND_MODULE_H

#include "backend/backend.h"

// What a module has: its version, which must be the program's, and the way to open a device.
typedef const char *module_version(void);
typedef struct backend *module_opener(int device, enum precision precision, struct error *error);

#define MODULE_FILE "pleura-cuda.so" // beside the program; PLEURA_CUDA names another

// Opens "cuda" or "cuda:N". NULL with *error.
CHECKED struct backend *module_open(const char *device, enum precision precision,
                                    struct error *error);

#endif

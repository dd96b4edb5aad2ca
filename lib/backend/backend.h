// A device that networks run on: memory on it, and which kernels belong to it. Nothing here knows
// networks.
#ifndef PLEURA_BACKEND_BACKEND_H
#define PLEURA_BACKEND_BACKEND_H

#include "core/error.h"

#include <stddef.h>
#include <stdint.h>

enum backend_kind { BACKEND_CPU, BACKEND_COUNT };

// How activations are stored; weights, statistics, softmax and losses are float32 in both.
enum precision { PRECISION_F32, PRECISION_BF16 };

struct backend;

// What a device can do besides running kernels. Addresses are the device's own.
struct backend_calls {
    void *(*alloc)(struct backend *backend, size_t bytes); // 64-byte aligned zeros; NULL: no memory
    void (*release)(struct backend *backend, void *memory);
    void (*put)(struct backend *backend, void *to, const void *from, size_t bytes);
    void (*get)(struct backend *backend, void *to, const void *from, size_t bytes);
    void (*clear)(struct backend *backend, void *memory, size_t bytes);
    void (*close)(struct backend *backend);
};

struct backend {
    enum backend_kind kind;
    enum precision precision;
    int threads;
    const struct backend_calls *calls;
    void *engine; // the device's own
};

// To be called first in main. Threads that wait for each other should sleep, not spin: beside other
// programs on the same processors spinning costs ten times the work. libgomp reads
// OMP_WAIT_POLICY when it is loaded, so where the user has not set it the program sets it and
// starts itself anew.
void backend_prepare(char **argv);

// Opens a device: "auto" or "cpu". NULL with *error where there is none or it cannot do that
// precision. 0 threads: as many as the machine lets this process have.
CHECKED struct backend *backend_open(const char *device, enum precision precision, int threads,
                                     struct error *error);
void backend_close(struct backend *backend);

// "f32" or "bf16"; false for another name.
CHECKED bool precision_named(const char *name, enum precision *precision);

// Bytes of a number.
size_t precision_size(enum precision precision);

#endif

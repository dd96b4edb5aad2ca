// Choosing a device and a precision by name.
#include "backend/backend.h"

#include "backend/cpu/cpu.h"
#include "backend/cpu/level.h"
#include "backend/cpu/products/amx.h"
#include "backend/module.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Turns of a thread that waits, before it sleeps.
#define SPINS "2000"

// Blocks that come from the system on their own go back to it when they are freed, however large
// those were that have gone before: the library would raise its threshold with them.
#define TUNABLES "glibc.malloc.mmap_threshold=131072"

static bool is_cuda(const char *device) {
    return strncmp(device, "cuda", 4) == 0 && (device[4] == '\0' || device[4] == ':');
}

struct backend *backend_open(const char *device, enum precision precision, int threads,
                             struct error *error) {
    if (strcmp(device, "auto") == 0 || strcmp(device, "cpu") == 0) {
        return cpu_open(precision, threads, error);
    }
    if (is_cuda(device)) {
        return module_open(device, precision, error);
    }
    (void)fail(error, "there is no device '%s'; there are cpu, cuda and cuda:N", device);
    return NULL;
}

// Whether the variable was not set, and is.
static bool set_where_unset(const char *name, const char *value) {
    return getenv(name) == NULL && setenv(name, value, 1) == 0;
}

void backend_prepare(char **argv) {
    const bool waits = set_where_unset("OMP_WAIT_POLICY", "passive");
    const bool blocks = set_where_unset("GLIBC_TUNABLES", TUNABLES);
    if (waits) {
        (void)set_where_unset("GOMP_SPINCOUNT", SPINS);
    }
    if (waits || blocks) {
        (void)execv("/proc/self/exe", argv); // where that fails, slower is better than not at all
    }
}

struct backend_kind backend_kind_of(const char *device) {
    struct backend_kind kind = {"cuda"};
    if (!is_cuda(device)) {
        (void)snprintf(kind.text, sizeof kind.text, "cpu %d, bf16 ahead %d, matrix units %d",
                       (int)cpu_level(), cpu_bf16_ahead(), cpu_amx_gemm() != NULL);
    }
    return kind;
}

void backend_close(struct backend *backend) {
    if (backend != NULL) {
        backend->calls->close(backend);
    }
}

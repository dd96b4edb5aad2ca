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

void backend_prepare(char **argv) {
    static const char *const wanted[][2] = {{"OMP_WAIT_POLICY", "passive"},
                                            {"GLIBC_TUNABLES", "glibc.malloc.hugetlb=1"}};
    bool changed = false;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        changed =
            (getenv(wanted[i][0]) == NULL && setenv(wanted[i][0], wanted[i][1], 1) == 0) || changed;
    }
    if (changed) {
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

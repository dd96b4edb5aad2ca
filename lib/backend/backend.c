// Choosing a device and a precision by name.
#include "backend/backend.h"

#include "backend/cpu.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct backend *backend_open(const char *device, enum precision precision, int threads,
                             struct error *error) {
    if (strcmp(device, "auto") == 0 || strcmp(device, "cpu") == 0) {
        return cpu_open(precision, threads, error);
    }
    (void)fail(error, "there is no device '%s' here; there is: cpu", device);
    return NULL;
}

void backend_prepare(char **argv) {
    static const char policy[] = "OMP_WAIT_POLICY";
    if (getenv(policy) == NULL && setenv(policy, "passive", 1) == 0) {
        (void)execv("/proc/self/exe", argv); // where that fails, slower is better than not at all
    }
}

void backend_close(struct backend *backend) {
    if (backend != NULL) {
        backend->calls->close(backend);
    }
}

bool precision_named(const char *name, enum precision *precision) {
    *precision = strcmp(name, "bf16") == 0 ? PRECISION_BF16 : PRECISION_F32;
    return *precision == PRECISION_BF16 || strcmp(name, "f32") == 0;
}

size_t precision_size(enum precision precision) {
    return precision == PRECISION_F32 ? 4 : 2;
}

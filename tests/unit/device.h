// What tests of devices share: opening one, its memory, comparing numbers.
#ifndef PLEURA_TESTS_UNIT_DEVICE_H
#define PLEURA_TESTS_UNIT_DEVICE_H

#include "backend/backend.h"

#include <math.h>
#include <stdlib.h>

// "cpu" or "cuda" in float32, with two threads. Ends the test where there is none.
static inline struct backend *opened(const char *device) {
    struct error error;
    struct backend *backend = backend_open(device, PRECISION_F32, 2, &error);
    if (backend == NULL) {
        fail_msg("%s", error.text);
        abort();
    }
    return backend;
}

// Memory of the device with these numbers; NULL: zeros.
static inline void *device_copy(struct backend *backend, const void *numbers, size_t bytes) {
    void *memory = backend->calls->alloc(backend, bytes);
    assert_non_null(memory);
    if (numbers != NULL) {
        backend->calls->put(backend, memory, numbers, bytes);
    }
    return memory;
}

// |a - b| / |b| in L2; of two zeros 0.
static inline double distance(const float *a, const float *b, size_t count) {
    double difference = 0;
    double size = 0;
    for (size_t i = 0; i < count; i++) {
        difference += pow((double)a[i] - b[i], 2);
        size += pow(b[i], 2);
    }
    return difference == 0 ? 0 : sqrt(difference / size);
}

#endif

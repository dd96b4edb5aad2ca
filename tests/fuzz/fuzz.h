// What the fuzz targets share: libFuzzer's entry points, promises, and files in memory for readers
// that take a path.
#ifndef PLEURA_TESTS_FUZZ_H
#define PLEURA_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

// Defined by a target, called by libFuzzer.
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t length, size_t most, unsigned seed);

// libFuzzer's own mutations; returns the new length.
size_t LLVMFuzzerMutate(uint8_t *bytes, size_t length, size_t most);

// What must hold whatever the input: anything else counts as a crash.
#define PROMISE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #condition);          \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

struct memory_file {
    int descriptor;
    char path[32];
};

static inline struct memory_file memory_file_open(const uint8_t *bytes, size_t length) {
    struct memory_file file = {.descriptor = memfd_create("fuzz", MFD_CLOEXEC)};
    PROMISE(file.descriptor > STDERR_FILENO);
    PROMISE(write(file.descriptor, bytes, length) == (ssize_t)length);
    (void)snprintf(file.path, sizeof file.path, "/proc/self/fd/%d", file.descriptor);
    return file;
}

static inline void memory_file_close(const struct memory_file *file) {
    (void)close(file->descriptor);
}

#endif

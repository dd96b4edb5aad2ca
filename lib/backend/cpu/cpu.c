// The CPU backend: memory of the process, threads of OpenMP.
#include "backend/cpu/cpu.h"

#include "backend/bf16.h"
#include "backend/cpu/denormals.h"
#include "backend/cpu/level.h"
#include "backend/cpu/products/bf16.h"
#include "core/simd.h"

#include <omp.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define LARGE_PAGE ((size_t)2 << 20)

// Large memory comes in large pages where the system has them: kernels walk through it in dozens of
// places at once, more than a processor remembers small pages of. What is left behind the last of
// them lies in small ones, or its first number would take a large one. The system clears pages,
// each when it is touched for the first time.
static void *cpu_alloc(struct backend *backend, size_t bytes) {
    (void)backend;
    const size_t unit = bytes < LARGE_PAGE ? 64 : LARGE_PAGE;
    const size_t whole = (bytes + unit - 1) / unit * unit;
    void *memory = whole < bytes ? NULL : aligned_alloc(unit, whole > 0 ? whole : unit);
    if (memory != NULL) {
        if (unit == LARGE_PAGE) { // wishes
            const size_t large = bytes / LARGE_PAGE * LARGE_PAGE;
            (void)madvise(memory, large, MADV_HUGEPAGE);
            (void)madvise((char *)memory + large, whole - large, MADV_NOHUGEPAGE);
        }
        if (unit < LARGE_PAGE || madvise(memory, whole, MADV_DONTNEED) != 0) {
            memset(memory, 0, whole);
        }
    }
    return memory;
}

static void cpu_release(struct backend *backend, void *memory) {
    (void)backend;
    free(memory);
}

static void cpu_copy(struct backend *backend, void *to, const void *from, size_t bytes) {
    (void)backend;
    memcpy(to, from, bytes);
}

static void cpu_clear(struct backend *backend, void *memory, size_t bytes) {
    (void)backend;
    memset(memory, 0, bytes);
}

// Gives whole pages back to the system.
static void cpu_discard(struct backend *backend, void *memory, size_t bytes) {
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t first = ((uintptr_t)memory + page - 1) / page * page;
    const uintptr_t end = ((uintptr_t)memory + bytes) / page * page;
    (void)backend;
    if (first < end) {
        (void)madvise((void *)first, end - first, MADV_DONTNEED); // a wish
        // Else the system would make large pages again of what little is left around it.
        (void)madvise((void *)first, end - first, MADV_NOHUGEPAGE);
    }
}

static size_t cpu_free_bytes(struct backend *backend) {
    (void)backend;
    return 0;
}

static void cpu_repeat(struct backend *backend, struct recording **recording,
                       void (*queue)(void *context), void *context) {
    const bool before = cpu_denormals_are_zero();
    (void)recording;
    cpu_denormals_set_zero(backend->threads, true);
    queue(context);
    cpu_denormals_set_zero(backend->threads, before);
}

static void cpu_forget(struct backend *backend, struct recording *recording) {
    (void)backend;
    (void)recording;
}

static bool cpu_wait(struct backend *backend, struct error *error) {
    return !onednn_failed(backend->engine, error);
}

static void cpu_close(struct backend *backend) {
    onednn_close(backend->engine);
    free(backend);
}

static const struct backend_calls cpu_calls = {.alloc = cpu_alloc,
                                               .release = cpu_release,
                                               .free_bytes = cpu_free_bytes,
                                               .host_alloc = cpu_alloc,
                                               .host_release = cpu_release,
                                               .put = cpu_copy,
                                               .get = cpu_copy,
                                               .copy = cpu_copy,
                                               .clear = cpu_clear,
                                               .discard = cpu_discard,
                                               .send = cpu_copy,
                                               .repeat = cpu_repeat,
                                               .forget = cpu_forget,
                                               .wait = cpu_wait,
                                               .close = cpu_close};

// The processors that this process may run on.
static int processors(void) {
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

struct backend *cpu_open(enum precision precision, int threads, struct error *error) {
    if (!cpu_level_check(error)) {
        return NULL;
    }
    struct backend *backend = calloc(1, sizeof *backend);
    if (backend == NULL) {
        (void)fail(error, "no memory for the CPU backend");
        return NULL;
    }
    *backend = (struct backend){.precision = precision,
                                .threads = threads > 0 ? threads : processors(),
                                .calls = &cpu_calls};
    omp_set_num_threads(backend->threads); // oneDNN's threads, too
    return backend;
}

VECTORISED const float *cpu_read(enum precision precision, const void *numbers, size_t first,
                                 size_t count, float *temporary) {
    if (precision == PRECISION_F32) {
        return (const float *)numbers + first;
    }
    const uint16_t *bf16 = (const uint16_t *)numbers + first;
    for (size_t i = 0; i < count; i++) {
        temporary[i] = bf16_to(bf16[i]);
    }
    return temporary;
}

float *cpu_target(enum precision precision, void *numbers, size_t first, size_t count, bool add,
                  float *temporary) {
    float *target = precision == PRECISION_F32 ? (float *)numbers + first : temporary;
    if (!add) {
        memset(target, 0, count * sizeof *target);
    } else if (precision != PRECISION_F32) {
        (void)cpu_read(precision, numbers, first, count, temporary);
    }
    return target;
}

void cpu_write(enum precision precision, void *numbers, size_t first, size_t count,
               const float *floats) {
    if (precision != PRECISION_F32) {
        cpu_bf16_round(floats, count, (uint16_t *)numbers + first);
    }
}

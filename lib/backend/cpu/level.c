// Which instructions the CPU backend uses: the processor's, or fewer.
#include "backend/cpu/level.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define VARIABLE "PLEURA_CPU"

static const char *const names[] = {"base", "avx2", "avx512", "bf16", "beyond"};

static enum cpu_level processors_level(void) {
#if defined(__x86_64__) && defined(__GNUC__)
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) {
        return CPU_BASE;
    }
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512vl")) {
        return CPU_AVX2;
    }
    if (!__builtin_cpu_supports("avx512bf16")) {
        return CPU_AVX512;
    }
    return CPU_BEYOND;
#else
    return CPU_BASE;
#endif
}

// The greatest level that may be used; false: the name of none.
static bool allowed(enum cpu_level *level) {
    const char *name = getenv(VARIABLE);
    for (*level = CPU_BEYOND; name != NULL && strcmp(name, names[*level]) != 0; (*level)--) {
        if (*level == CPU_BASE) {
            return false;
        }
    }
    return true;
}

static enum cpu_level find_level(void) {
    const enum cpu_level own = processors_level();
    enum cpu_level limit = CPU_BEYOND;
    return allowed(&limit) && limit < own ? limit : own;
}

enum cpu_level cpu_level(void) {
    static atomic_int known = -1; // products of tiles ask, too
    int level = atomic_load_explicit(&known, memory_order_relaxed);
    if (level < 0) {
        level = (int)find_level();
        atomic_store_explicit(&known, level, memory_order_relaxed);
    }
    return (enum cpu_level)level;
}

bool cpu_bf16_ahead(void) {
#if defined(__x86_64__) && defined(__GNUC__)
    return cpu_level() == CPU_BF16 || (cpu_level() > CPU_BF16 && !__builtin_cpu_is("intel"));
#else
    return false;
#endif
}

bool cpu_level_check(struct error *error) {
    enum cpu_level limit = CPU_BEYOND;
    return allowed(&limit) ||
           fail(error, VARIABLE "=%s: there are base, avx2, avx512, bf16 and beyond",
                getenv(VARIABLE));
}

// Which instructions the CPU backend uses: the processor's, or fewer.
#include "backend/cpu/level.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define VARIABLE "PLEURA_CPU"

#ifdef PROCESSOR_ARM_64
#include <sys/auxv.h>

#define NAMES "base, neon and bf16"
static const char *const names[] = {"base", "neon", "bf16"};

// Linux tells each process.
static enum cpu_level processors_level(void) {
    if ((getauxval(AT_HWCAP) & HWCAP_ASIMD) == 0) {
        return CPU_BASE;
    }
    return (getauxval(AT_HWCAP2) & HWCAP2_BF16) == 0 ? CPU_NEON : CPU_BF16;
}
#else

#define NAMES "base, avx2, avx512, vnni, bf16 and beyond"
static const char *const names[] = {"base", "avx2", "avx512", "vnni", "bf16", "beyond"};

static enum cpu_level processors_level(void) {
#ifdef PROCESSOR_X86_64
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) {
        return CPU_BASE;
    }
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512vl")) {
        return CPU_AVX2;
    }
    if (!__builtin_cpu_supports("avx512vnni")) {
        return CPU_AVX512;
    }
    return __builtin_cpu_supports("avx512bf16") ? CPU_BEYOND : CPU_VNNI;
#else
    return CPU_BASE;
#endif
}
#endif

#define HIGHEST ((enum cpu_level)(sizeof names / sizeof *names - 1))

// The greatest level that may be used; false: the name of none.
static bool allowed(enum cpu_level *level) {
    const char *name = getenv(VARIABLE);
    for (*level = HIGHEST; name != NULL && strcmp(name, names[*level]) != 0; (*level)--) {
        if (*level == CPU_BASE) {
            return false;
        }
    }
    return true;
}

static enum cpu_level find_level(void) {
    const enum cpu_level own = processors_level();
    enum cpu_level limit = HIGHEST;
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
#ifdef PROCESSOR_X86_64
    return cpu_level() == CPU_BF16 || (cpu_level() > CPU_BF16 && !__builtin_cpu_is("intel"));
#else
    return cpu_level() >= CPU_BF16;
#endif
}

bool cpu_level_check(struct error *error) {
    enum cpu_level limit = HIGHEST;
    return allowed(&limit) || fail(error, VARIABLE "=%s: there are " NAMES, getenv(VARIABLE));
}

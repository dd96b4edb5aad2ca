// Products by matrix units: permission, the tiles' sizes, and the products.
#include "backend/cpu/products/amx.h"

#include "backend/cpu/level.h"

#if defined(PROCESSOR_X86_64) && defined(__linux__) && (defined(__clang__) || __GNUC__ >= 11)
#include <cpuid.h>
#include <immintrin.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TILES (1U << 24 | 1U << 22) // AMX-TILE, AMX-BF16: Intel's manual, volume 2, CPUID, leaf 7
#define REQUEST_PERMISSION 0x1023   // ARCH_REQ_XCOMP_PERM of Linux's asm/prctl.h,
#define TILE_DATA 18                // for the state of this number: Intel's manual, volume 1, 13.1

static bool has_units(void) {
    unsigned a = 0;
    unsigned b = 0;
    unsigned c = 0;
    unsigned d = 0;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d & TILES) == TILES &&
           syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
}

static bool may_use_units(void) {
    static atomic_int known = -1;
    int has = atomic_load_explicit(&known, memory_order_relaxed);
    if (has < 0) {
        has = cpu_level() == CPU_BEYOND && has_units();
        atomic_store_explicit(&known, has, memory_order_relaxed);
    }
    return has != 0;
}

// What ldtilecfg reads: Intel's manual, volume 2, LDTILECFG.
struct tile_sizes {
    uint8_t palette, start, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
};

static const struct tile_sizes whole_tiles = {.palette = 1,
                                              .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
                                              .rows = {16, 16, 16, 16, 16, 16, 16, 16}};

#define NAME(what) native_##what
#define TARGET __attribute__((target("amx-tile,amx-bf16")))
#define ZERO(tile) _tile_zero(tile)
#define LOAD(tile, address, step) _tile_loadd(tile, address, step)
#define STORE(tile, address, step) _tile_stored(tile, address, step)
#define MULTIPLY(sum, a, b) _tile_dpbf16ps(sum, a, b)
#include "backend/cpu/products/amx_runs_block.h"

#include "backend/cpu/products/amx_block.h"

__attribute__((target("amx-tile"))) void cpu_amx_begin(void) {
    _tile_loadconfig(&whole_tiles);
}

__attribute__((target("amx-tile"))) void cpu_amx_end(void) {
    _tile_release(); // else every change of threads would save the tiles
}

static void gemm(size_t rows, size_t panels, size_t pairs, struct cpu_bf16_a a, struct cpu_bf16_b b,
                 bool add, float *c, size_t leading) {
    cpu_amx_begin();
    native_gemm(rows, panels, pairs, a, b, add, c, leading);
    cpu_amx_end();
}

cpu_bf16_gemm_function *cpu_amx_gemm(void) {
    return may_use_units() ? gemm : NULL;
}

void cpu_amx_begun_gemm(size_t rows, size_t panels, size_t pairs, struct cpu_bf16_a a,
                        struct cpu_bf16_b b, bool add, float *c, size_t leading) {
    native_gemm(rows, panels, pairs, a, b, add, c, leading);
}

void cpu_amx_begun_runs(size_t tiles, size_t panels, const struct cpu_bf16_runs *a,
                        struct cpu_bf16_b b, float *c, size_t leading) {
    native_runs(tiles, panels, a, b, c, leading);
}
#else

void cpu_amx_begin(void) {}

void cpu_amx_end(void) {}

cpu_bf16_gemm_function *cpu_amx_gemm(void) {
    return NULL;
}

void cpu_amx_begun_gemm(size_t rows, size_t panels, size_t pairs, struct cpu_bf16_a a,
                        struct cpu_bf16_b b, bool add, float *c, size_t leading) {
    (void)rows, (void)panels, (void)pairs, (void)a, (void)b, (void)add, (void)c, (void)leading;
}

void cpu_amx_begun_runs(size_t tiles, size_t panels, const struct cpu_bf16_runs *a,
                        struct cpu_bf16_b b, float *c, size_t leading) {
    (void)tiles, (void)panels, (void)a, (void)b, (void)c, (void)leading;
}
#endif

// Products of tiles, in float32 or in bf16.
#include "ops/position_attention/tiles.h"

#include "backend/cpu/cpu.h"
#include "backend/cpu/level.h"
#include "backend/cpu/products/amx.h"
#include "backend/cpu/products/bf16.h"
#include "backend/cpu/products/f32.h"

#include "core/simd.h"

#include <string.h>

static size_t blocks_of(size_t pixels) {
    return (pixels + BLOCK - 1) / BLOCK;
}

bool operand_half(enum precision precision, size_t keys, size_t channels) {
    return precision == PRECISION_BF16 && keys % 2 == 0 && channels % 2 == 0 &&
           (cpu_bf16_ahead() || cpu_amx_products());
}

static size_t rounded(size_t bytes) {
    return (bytes + 63) / 64 * 64;
}

#define PANEL ((size_t)CPU_F32_PANEL)

static size_t across_bytes(bool half, size_t pixels, size_t width) {
    return rounded(half ? cpu_bf16_packed(width, pixels) * sizeof(uint16_t)
                        : blocks_of(pixels) * BLOCK * width * sizeof(float));
}

static size_t down_bytes(bool half, size_t pixels, size_t width) {
    return rounded(half ? cpu_bf16_packed(pixels, width) * sizeof(uint16_t)
                        : pixels * accumulator_width(width) * sizeof(float));
}

// What lies there, as floats.
static size_t rows_bytes(enum precision precision, bool half, size_t pixels, size_t width) {
    return half || precision == PRECISION_F32 ? 0 : rounded(pixels * width * sizeof(float));
}

size_t operand_room(enum precision precision, bool half, size_t pixels, size_t width) {
    return across_bytes(half, pixels, width) + down_bytes(half, pixels, width) +
           rows_bytes(precision, half, pixels, width);
}

// ---- made ready, block by block

static void pack_block(const struct operand *made, size_t first, size_t pixels) {
    const size_t panel = cpu_bf16_panel(made->width);
    cpu_bf16_pack(made->halves + first * made->width, 1, made->width, made->width, pixels,
                  made->packed_across + first / CPU_BF16_PANEL * panel);
    // Blocks are some of the pairs of every panel.
    const size_t whole = cpu_bf16_panel(made->pixels);
    for (size_t c = 0; c < made->width; c += CPU_BF16_PANEL) {
        const size_t left = made->width - c;
        cpu_bf16_pack(made->halves + first * made->width + c, made->width, 1, pixels,
                      left < CPU_BF16_PANEL ? left : CPU_BF16_PANEL,
                      made->packed_down + c / CPU_BF16_PANEL * whole + first * CPU_BF16_PANEL);
    }
}

VECTORISED static void panel_block(const struct operand *made, size_t first, size_t pixels) {
    const size_t width = made->width;
    const float *rows = made->rows + first * width;
    for (size_t i = 0; i < pixels; i++) {
        float *across = made->across + (first + i) / PANEL * width * PANEL + (first + i) % PANEL;
        for (size_t c = 0; c < width; c++) {
            across[c * PANEL] = rows[i * width + c];
        }
    }
    for (size_t panel = 0; panel < accumulator_width(width) / PANEL; panel++) {
        const size_t left = width - panel * PANEL;
        const size_t lanes = left < PANEL ? left : PANEL;
        float *down = made->down + (panel * made->pixels + first) * PANEL;
        for (size_t i = 0; i < pixels; i++) {
            for (size_t lane = 0; lane < PANEL; lane++) {
                down[i * PANEL + lane] = lane < lanes ? rows[i * width + panel * PANEL + lane] : 0;
            }
        }
    }
}

struct operand operand_make(enum precision precision, bool half, const void *numbers, size_t pixels,
                            size_t width, void *room, int threads) {
    struct operand made = {.pixels = pixels, .width = width, .half = half};
    char *down = (char *)room + across_bytes(half, pixels, width);
    float *floats = (float *)(void *)(down + down_bytes(half, pixels, width));
    if (half) {
        made.halves = numbers;
        made.packed_across = room;
        made.packed_down = (uint16_t *)(void *)down;
    } else {
        made.rows = precision == PRECISION_F32 ? numbers : floats;
        made.across = room;
        made.down = (float *)(void *)down;
    }
#pragma omp parallel for schedule(static) num_threads(threads)
    for (size_t block = 0; block < blocks_of(pixels); block++) {
        const size_t first = block * BLOCK;
        const size_t some = pixels - first < BLOCK ? pixels - first : BLOCK;
        if (half) {
            pack_block(&made, first, some);
            continue;
        }
        for (size_t i = first; precision != PRECISION_F32 && i < first + some; i++) {
            (void)cpu_read(precision, numbers, i * width, width, floats + i * width);
        }
        panel_block(&made, first, some);
    }
    return made;
}

// ---- products

void tile_scores(const struct part *part, const struct operand *a, const struct operand *b,
                 float *tile) {
    const size_t width = a->width;
    if (a->half) {
        const size_t panel = cpu_bf16_panel(width);
        cpu_bf16_gemm(
            part->rows, part->columns, width / 2,
            (struct cpu_bf16_a){a->halves + part->first * width, width, 2},
            (struct cpu_bf16_b){b->packed_across + part->column / CPU_BF16_PANEL * panel, panel},
            false, tile, BLOCK);
        return;
    }
    cpu_f32_gemm(part->rows, (part->columns + PANEL - 1) / PANEL, width,
                 (struct cpu_f32_a){a->rows + part->first * width, width, 1},
                 (struct cpu_f32_b){b->across + part->column * width, width * PANEL, PANEL}, false,
                 (struct cpu_f32_c){tile, BLOCK, PANEL});
}

// The rows of b from pixel `first` on, as the inner side.
static struct cpu_f32_b panels_from(const struct operand *b, size_t first) {
    return (struct cpu_f32_b){b->down + first * PANEL, b->pixels * PANEL, PANEL};
}

static struct cpu_bf16_b down_from(const struct operand *b, size_t first) {
    return (struct cpu_bf16_b){b->packed_down + first * CPU_BF16_PANEL, cpu_bf16_panel(b->pixels)};
}

void tile_product(const struct part *part, const float *tile, const struct operand *b,
                  float *made) {
    const size_t leading = accumulator_width(b->width);
    const size_t pairs = (part->columns + 1) / 2;
    if (b->half) {
        cpu_bf16_rows(tile, BLOCK, part->rows, part->columns, part->spare);
        cpu_bf16_gemm(part->rows, b->width, pairs, (struct cpu_bf16_a){part->spare, 2 * pairs, 2},
                      down_from(b, part->column), true, made, leading);
        return;
    }
    cpu_f32_gemm(part->rows, leading / PANEL, part->columns, (struct cpu_f32_a){tile, BLOCK, 1},
                 panels_from(b, part->column), true, (struct cpu_f32_c){made, leading, PANEL});
}

void tile_turned_product(const struct part *part, const float *tile, const struct operand *b,
                         float *made) {
    const size_t leading = accumulator_width(b->width);
    if (b->half) {
        const size_t pairs = (part->rows + 1) / 2;
        struct cpu_bf16_a turned = {part->spare, 2, 2 * part->columns};
        if (cpu_amx_products()) {
            cpu_bf16_transposed(tile, BLOCK, part->rows, part->columns, part->spare);
            turned = (struct cpu_bf16_a){part->spare, 2 * pairs, 2};
        } else {
            cpu_bf16_turned(tile, BLOCK, part->rows, part->columns, part->spare);
        }
        cpu_bf16_gemm(part->columns, b->width, pairs, turned, down_from(b, part->first), true, made,
                      leading);
        return;
    }
    cpu_f32_gemm(part->columns, leading / PANEL, part->rows, (struct cpu_f32_a){tile, 1, BLOCK},
                 panels_from(b, part->first), true, (struct cpu_f32_c){made, leading, PANEL});
}

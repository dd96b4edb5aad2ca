// Matrix products of tiles, in float32 or in bf16.
#include "ops/position_attention/cpu/tiles.h"

#include "backend/cpu/cpu.h"
#include "backend/cpu/level.h"
#include "backend/cpu/products/amx.h"
#include "backend/cpu/products/bf16.h"
#include "backend/cpu/products/f32.h"

#include "core/numbers/size.h"
#include "core/simd.h"

#include <string.h>

#define BLOCK POSITION_BLOCK
#define STRIDE POSITION_STRIDE
#define PANEL ((size_t)CPU_F32_PANEL)

static size_t blocks_of(size_t pixels) {
    return size_divide_up(pixels, BLOCK);
}

bool position_multiplies_bf16(enum precision precision, size_t keys, size_t channels) {
    return precision == PRECISION_BF16 && keys % 2 == 0 && channels % 2 == 0 &&
           (cpu_bf16_ahead() || cpu_amx_gemm() != NULL);
}

// Bytes of such panels: of numbers of bf16, or of float32.
static size_t panels_bytes(const struct position_form *form, enum position_panels panels,
                           size_t halves, size_t floats) {
    return (form->panels & panels) == 0 ? 0
           : form->bf16                 ? size_round_up(halves * sizeof(uint16_t), 64)
                                        : size_round_up(floats * sizeof(float), 64);
}

static size_t pixel_panels_bytes(const struct position_form *form) {
    return panels_bytes(form, POSITION_PIXEL_PANELS, cpu_bf16_packed(form->width, form->pixels),
                        blocks_of(form->pixels) * BLOCK * form->width);
}

static size_t channel_panels_bytes(const struct position_form *form) {
    return panels_bytes(form, POSITION_CHANNEL_PANELS, cpu_bf16_packed(form->pixels, form->width),
                        form->pixels * position_accumulator_width(form->width));
}

// Whether values that are stored as bf16 are multiplied in float32.
static bool widens(const struct position_form *form) {
    return !form->bf16 && form->precision != PRECISION_F32;
}

size_t position_operand_bytes(const struct position_form *form) {
    const size_t rows = form->pixels * form->width * sizeof(float);
    return pixel_panels_bytes(form) + channel_panels_bytes(form) +
           (widens(form) ? size_round_up(rows, 64) : 0);
}

// ---- an operand's panels, block by block

static void pack_bf16(const struct position_operand *operand, size_t first, size_t pixels) {
    const size_t width = operand->width;
    const uint16_t *rows = operand->bf16_rows + first * width;
    const size_t panel = cpu_bf16_panel(width);
    if (operand->bf16_pixel_panels != NULL) {
        cpu_bf16_pack(rows, 1, width, width, pixels,
                      operand->bf16_pixel_panels + first / CPU_BF16_PANEL * panel);
    }
    // Blocks are some of the pairs of every panel.
    const size_t whole = cpu_bf16_panel(operand->pixels);
    for (size_t c = 0; operand->bf16_channel_panels != NULL && c < width; c += CPU_BF16_PANEL) {
        const size_t left = width - c;
        cpu_bf16_pack(rows + c, width, 1, pixels, left < CPU_BF16_PANEL ? left : CPU_BF16_PANEL,
                      operand->bf16_channel_panels + c / CPU_BF16_PANEL * whole +
                          first * CPU_BF16_PANEL);
    }
}

VECTORISED static void pack_f32_pixels(const struct position_operand *operand, size_t first,
                                       size_t pixels) {
    const size_t width = operand->width;
    const float *rows = operand->rows + first * width;
    for (size_t i = 0; i < pixels; i++) {
        float *to =
            operand->pixel_panels + (first + i) / PANEL * width * PANEL + (first + i) % PANEL;
        for (size_t c = 0; c < width; c++) {
            to[c * PANEL] = rows[i * width + c];
        }
    }
}

VECTORISED static void pack_f32_channels(const struct position_operand *operand, size_t first,
                                         size_t pixels) {
    const size_t width = operand->width;
    const float *rows = operand->rows + first * width;
    for (size_t panel = 0; panel < position_accumulator_width(width) / PANEL; panel++) {
        const size_t left = width - panel * PANEL;
        const size_t lanes = left < PANEL ? left : PANEL;
        float *to = operand->channel_panels + (panel * operand->pixels + first) * PANEL;
        for (size_t i = 0; i < pixels; i++) {
            for (size_t lane = 0; lane < PANEL; lane++) {
                to[i * PANEL + lane] = lane < lanes ? rows[i * width + panel * PANEL + lane] : 0;
            }
        }
    }
}

// Makes a block's panels.
static void pack_block(const struct position_operand *operand, size_t first, size_t pixels) {
    if (operand->bf16) {
        pack_bf16(operand, first, pixels);
    }
    if (operand->pixel_panels != NULL) {
        pack_f32_pixels(operand, first, pixels);
    }
    if (operand->channel_panels != NULL) {
        pack_f32_channels(operand, first, pixels);
    }
}

struct position_operand position_operand_make(const struct position_form *form, const void *values,
                                              void *memory, int threads) {
    const size_t width = form->width;
    struct position_operand operand = {.pixels = form->pixels, .width = width, .bf16 = form->bf16};
    char *by_channels = (char *)memory + pixel_panels_bytes(form);
    float *floats = (float *)(void *)(by_channels + channel_panels_bytes(form));
    void *pixel_panels = (form->panels & POSITION_PIXEL_PANELS) != 0 ? memory : NULL;
    void *channel_panels = (form->panels & POSITION_CHANNEL_PANELS) != 0 ? by_channels : NULL;
    if (form->bf16) {
        operand.bf16_rows = values;
        operand.bf16_pixel_panels = pixel_panels;
        operand.bf16_channel_panels = channel_panels;
    } else {
        operand.rows = widens(form) ? floats : values;
        operand.pixel_panels = pixel_panels;
        operand.channel_panels = channel_panels;
    }
#pragma omp parallel for schedule(static) num_threads(threads)
    for (size_t block = 0; block < blocks_of(form->pixels); block++) {
        const size_t first = block * BLOCK;
        const size_t count = form->pixels - first < BLOCK ? form->pixels - first : BLOCK;
        for (size_t i = first; widens(form) && i < first + count; i++) {
            (void)cpu_read(form->precision, values, i * width, width, floats + i * width);
        }
        pack_block(&operand, first, count);
    }
    return operand;
}

// ---- products

void position_tile_scores(const struct position_tile *tile, const struct position_operand *a,
                          const struct position_operand *b, float *scores) {
    const size_t width = a->width;
    if (a->bf16) {
        const size_t panel = cpu_bf16_panel(width);
        cpu_bf16_gemm(tile->rows, tile->columns, width / 2,
                      (struct cpu_bf16_a){a->bf16_rows + tile->row * width, width, 2},
                      (struct cpu_bf16_b){
                          b->bf16_pixel_panels + tile->column / CPU_BF16_PANEL * panel, panel},
                      false, scores, STRIDE);
        return;
    }
    cpu_f32_gemm(tile->rows, (tile->columns + PANEL - 1) / PANEL, width,
                 (struct cpu_f32_a){a->rows + tile->row * width, width, 1},
                 (struct cpu_f32_b){b->pixel_panels + tile->column * width, width * PANEL, PANEL},
                 false, (struct cpu_f32_c){scores, STRIDE, PANEL});
}

// The rows of b from pixel `first` on, as the inner side of a product.
static struct cpu_f32_b f32_rows_from(const struct position_operand *b, size_t first) {
    return (struct cpu_f32_b){b->channel_panels + first * PANEL, b->pixels * PANEL, PANEL};
}

static struct cpu_bf16_b bf16_rows_from(const struct position_operand *b, size_t first) {
    return (struct cpu_bf16_b){b->bf16_channel_panels + first * CPU_BF16_PANEL,
                               cpu_bf16_panel(b->pixels)};
}

void position_tile_bf16_product(const struct position_tile *tile, const uint16_t *values,
                                size_t step, const struct position_operand *b, float *sums) {
    cpu_bf16_gemm(tile->rows, b->width, (tile->columns + 1) / 2,
                  (struct cpu_bf16_a){values, step, 2}, bf16_rows_from(b, tile->column), true, sums,
                  position_accumulator_width(b->width));
}

// Of the tile's transpose, as `a` has it.
static void transposed_product(const struct position_tile *tile, struct cpu_bf16_a a,
                               const struct position_operand *b, float *sums) {
    cpu_bf16_gemm(tile->columns, b->width, (tile->rows + 1) / 2, a, bf16_rows_from(b, tile->row),
                  true, sums, position_accumulator_width(b->width));
}

void position_tile_bf16_transposed_product(const struct position_tile *tile, const uint16_t *values,
                                           size_t step, const struct position_operand *b,
                                           float *sums) {
    transposed_product(tile, (struct cpu_bf16_a){values, 2, 2 * step}, b, sums);
}

void position_tile_product(const struct position_tile *tile, const float *values,
                           const struct position_operand *b, float *sums) {
    if (b->bf16) {
        cpu_bf16_rows(values, STRIDE, tile->rows, tile->columns, tile->rounded);
        position_tile_bf16_product(tile, tile->rounded, (tile->columns + 1) / 2 * 2, b, sums);
        return;
    }
    cpu_f32_gemm(tile->rows, position_accumulator_width(b->width) / PANEL, tile->columns,
                 (struct cpu_f32_a){values, STRIDE, 1}, f32_rows_from(b, tile->column), true,
                 (struct cpu_f32_c){sums, PANEL, BLOCK * PANEL});
}

void position_tile_transposed_product(const struct position_tile *tile, const float *values,
                                      const struct position_operand *b, float *sums) {
    if (b->bf16 && cpu_amx_gemm() != NULL) {
        const size_t row = (tile->rows + 1) / 2 * 2;
        cpu_bf16_transposed(values, STRIDE, tile->rows, tile->columns, tile->rounded);
        transposed_product(tile, (struct cpu_bf16_a){tile->rounded, row, 2}, b, sums);
    } else if (b->bf16) {
        cpu_bf16_interleaved(values, STRIDE, tile->rows, tile->columns, tile->rounded);
        position_tile_bf16_transposed_product(tile, tile->rounded, tile->columns, b, sums);
    } else {
        cpu_f32_gemm(tile->columns, position_accumulator_width(b->width) / PANEL, tile->rows,
                     (struct cpu_f32_a){values, 1, STRIDE}, f32_rows_from(b, tile->row), true,
                     (struct cpu_f32_c){sums, PANEL, BLOCK * PANEL});
    }
}

// channel_attention on the CPU. With X (pixels x channels) of one image: E = X^T X, A = softmax of
// -E a row (the maximum that the formula adds drops out), Y = X A^T. Backward: dA = dY^T X,
// dE = A (sum_k dA A - dA), dX = dY A + X (dE + dE^T). Saved: A.
// Sums over pixels are of float32 parts, brought together in float64 in a fixed order. Of bf16 the
// forward pass's products are of bf16 where the processor's are ahead, or by matrix units: E of X
// as it is, Y of A rounded to bf16.
#include "backend/cpu/cpu.h"
#include "backend/cpu/level.h"
#include "backend/cpu/products/amx.h"
#include "backend/cpu/products/bf16.h"
#include "backend/cpu/products/f32.h"
#include "core/numbers/exponential.h"
#include "ops/channel_attention/formula.h"
#include "ops/convolution/cpu/amx/pack.h"
#include "ops/cpu_operation.h"
#include "ops/kernels.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#define PARTS 8 // of an image's pixels

struct state {
    size_t images, pixels, channels;
    size_t part;  // pixels
    size_t plane; // floats of a copy of them; 0: float32 needs none
    enum precision precision;
    int threads, workers;              // workers: that have parts
    bool bf16;                         // products of the forward pass
    const struct amx_functions *units; // NULL: it goes without
};

// Without whole panels of channels products of float32 are oneDNN's.
static bool has_panels(size_t channels) {
    return channels % CPU_F32_PANEL == 0;
}

// Whole tiles of channels, and so many pixels that all fits into a part's copies of its pixels.
static bool suits_bf16(const struct state *state) {
    return state->precision == PRECISION_BF16 && state->channels % AMX_DEPTH == 0 &&
           state->part >= 2 * AMX_DEPTH && state->channels <= state->part;
}

static bool plan(struct kernel_plan *plan, struct error *error) {
    const struct shape in = plan_input_shape(plan, 0);
    if (!has_panels(in.c) && !onednn_load(error)) {
        return false;
    }
    struct state *state = cpu_state_alloc(sizeof *state, in.c, CPU_BLOCK, error);
    if (state == NULL) {
        return false;
    }
    *state = (struct state){.images = in.n,
                            .pixels = in.h * in.w,
                            .channels = in.c,
                            .part = (in.h * in.w + PARTS - 1) / PARTS,
                            .precision = plan->backend->precision,
                            .threads = plan->backend->threads};
    state->units = suits_bf16(state) ? amx_functions_here() : NULL;
    state->bf16 = suits_bf16(state) && (state->units != NULL || cpu_bf16_ahead());
    // Each part: two squares of channels. Each thread: three copies of a part's pixels.
    const size_t parts = in.n * PARTS;
    const size_t threads = (size_t)plan->backend->threads;
    state->workers = (int)(threads < parts ? threads : parts);
    state->plane = state->precision == PRECISION_F32 ? 0 : state->part * in.c;
    plan->scratch =
        (parts * 2 * in.c * in.c + (size_t)state->workers * 3 * state->plane) * sizeof(float);
    plan->saved = in.n * in.c * in.c * sizeof(float);
    plan->state = state;
    return true;
}

// Some pixels of one image, and the scratch memory that goes with them: squares of its own, and the
// calling thread's copies.
struct image_part {
    size_t image, first, pixels; // number of the first element
    float *square, *more, *one, *two, *three;
};

static struct image_part find_part(const struct state *state, const struct call *call,
                                   size_t index) {
    const size_t square = state->channels * state->channels;
    const size_t worker = (size_t)(omp_get_thread_num() % state->workers);
    const size_t pixel = index % PARTS * state->part;
    float *squares = (float *)call->scratch + index * 2 * square;
    float *copies =
        (float *)call->scratch + state->images * PARTS * 2 * square + worker * 3 * state->plane;
    struct image_part part = {.image = index / PARTS,
                              .square = squares,
                              .more = squares + square,
                              .one = copies,
                              .two = copies + state->plane,
                              .three = copies + 2 * state->plane};
    if (pixel < state->pixels) {
        const size_t left = state->pixels - pixel;
        part.pixels = left < state->part ? left : state->part;
        part.first = (part.image * state->pixels + pixel) * state->channels;
    }
    return part;
}

// C (rows x channels) = A B, or with `add` += A B; B is square.
static void multiply(const struct state *state, size_t rows, size_t inner, struct cpu_f32_a a,
                     const float *b, bool add, float *c) {
    const size_t channels = state->channels;
    if (has_panels(channels)) {
        cpu_f32_gemm(rows, channels / CPU_F32_PANEL, inner, a,
                     (struct cpu_f32_b){b, CPU_F32_PANEL, channels}, add,
                     (struct cpu_f32_c){c, channels, CPU_F32_PANEL});
    } else {
        const bool transposed = a.row_step == 1;
        cpu_gemm(transposed, false, rows, channels, inner, 1, a.data,
                 transposed ? a.inner_step : a.row_step, b, channels, add ? 1 : 0, c, channels);
    }
}

// The part's A^T B into its square.
static void part_product(const struct state *state, const struct image_part *part, const float *a,
                         const float *b) {
    const size_t channels = state->channels;
    if (part->pixels == 0) {
        memset(part->square, 0, channels * channels * sizeof *part->square);
        return;
    }
    multiply(state, channels, part->pixels, (struct cpu_f32_a){a, 1, channels}, b, false,
             part->square);
}

// Sum over the parts of one image of row `row` of their squares.
static void sum_row(const struct state *state, const struct call *call, size_t image, size_t row,
                    double *sum) {
    const size_t channels = state->channels;
    memset(sum, 0, channels * sizeof *sum);
    for (size_t i = 0; i < PARTS; i++) {
        const struct image_part part = find_part(state, call, image * PARTS + i);
        for (size_t c = 0; c < channels; c++) {
            sum[c] += part.square[row * channels + c];
        }
    }
}

// What a softmax adds for x <= 0.
static double term(double x) {
    return x < (double)SOFTMAX_MIN ? 0 : exp(x);
}

// A row of A from one of E, which is overwritten: softmax(-E).
static void softmax_row(double *energy, size_t channels, float *attention) {
    double minimum = energy[0];
    double total = 0;
    for (size_t c = 1; c < channels; c++) {
        minimum = energy[c] < minimum ? energy[c] : minimum;
    }
    for (size_t c = 0; c < channels; c++) {
        energy[c] = term(minimum - energy[c]);
        total += energy[c];
    }
    for (size_t c = 0; c < channels; c++) {
        attention[c] = (float)(energy[c] / total);
    }
}

// X^T X of a part into its square, by matrix units.
static void unit_energies(const struct state *state, const struct image_part *part,
                          const uint16_t *x) {
    const size_t channels = state->channels;
    const size_t count = (part->pixels + AMX_DEPTH - 1) / AMX_DEPTH * AMX_DEPTH;
    const size_t step = (count / AMX_DEPTH | 1) * AMX_DEPTH; // rows in different cache sets
    const struct amx_functions *units = state->units;
    uint16_t *zeros = (uint16_t *)(void *)part->three;
    const uint16_t **at = (const uint16_t **)(void *)(part->three + channels / 2);
    memset(zeros, 0, channels * sizeof *zeros);
    for (size_t i = 0; i < count; i++) {
        at[i] = i < part->pixels ? x + i * channels : zeros;
    }
    const struct amx_pixels pixels = {at, count, channels};
    uint16_t *rows = (uint16_t *)(void *)part->one;
    uint16_t *panels = (uint16_t *)(void *)part->two;
    units->rows(pixels, rows, step);
    units->panels(pixels, panels, count * AMX_SIDE);
    memset(part->square, 0, channels * channels * sizeof *part->square);
    units->begin();
    units->gemm(channels, channels / AMX_SIDE, count / 2, (struct cpu_bf16_a){rows, step, 2},
                (struct cpu_bf16_b){panels, count * AMX_SIDE}, true, part->square, channels);
    units->end();
}

// The same by vectors: of a panel of channels pairs of pixels are either factor.
static void paired_energies(const struct state *state, const struct image_part *part,
                            const uint16_t *x) {
    const size_t channels = state->channels;
    const size_t panel = cpu_bf16_panel(part->pixels);
    uint16_t *pairs = (uint16_t *)(void *)part->one;
    cpu_bf16_pack(x, channels, 1, part->pixels, channels, pairs);
    for (size_t row = 0; row < channels; row += CPU_BF16_PANEL) {
        cpu_bf16_gemm(CPU_BF16_PANEL, channels, (part->pixels + 1) / 2,
                      (struct cpu_bf16_a){pairs + row / CPU_BF16_PANEL * panel, 2,
                                          (size_t)2 * CPU_BF16_PANEL},
                      (struct cpu_bf16_b){pairs, panel}, false, part->square + row * channels,
                      channels);
    }
}

static void energies(const struct state *state, const struct call *call,
                     const struct image_part *part) {
    if (state->units != NULL) {
        unit_energies(state, part, (const uint16_t *)call->in[0] + part->first);
        return;
    }
    if (state->bf16) {
        paired_energies(state, part, (const uint16_t *)call->in[0] + part->first);
        return;
    }
    const float *x = cpu_read(state->precision, call->in[0], part->first,
                              part->pixels * state->channels, part->one);
    part_product(state, part, x, x);
}

// Y of a part by products of bf16.
static void bf16_outputs(const struct state *state, const struct image_part *part,
                         const uint16_t *x, const float *attention, float *y) {
    const size_t channels = state->channels;
    uint16_t *rounded = (uint16_t *)(void *)part->three;
    uint16_t *packed = (uint16_t *)(void *)part->one;
    cpu_bf16_round(attention, channels * channels, rounded);
    cpu_bf16_pack(rounded, 1, channels, channels, channels, packed);
    cpu_bf16_gemm(part->pixels, channels, channels / 2, (struct cpu_bf16_a){x, channels, 2},
                  (struct cpu_bf16_b){packed, cpu_bf16_panel(channels)}, false, y, channels);
}

static void outputs(const struct state *state, const struct call *call,
                    const struct image_part *part) {
    const size_t channels = state->channels;
    const size_t count = part->pixels * channels;
    const float *attention = (float *)call->saved + part->image * channels * channels;
    float *y = cpu_target(state->precision, call->out, part->first, count, false, part->two);
    if (state->bf16) {
        bf16_outputs(state, part, (const uint16_t *)call->in[0] + part->first, attention, y);
    } else {
        const float *x = cpu_read(state->precision, call->in[0], part->first, count, part->one);
        multiply(state, part->pixels, channels, (struct cpu_f32_a){x, channels, 1},
                 find_part(state, call, part->image * PARTS).more, false, y);
    }
    cpu_write(state->precision, call->out, part->first, count, y);
}

// A row of A, and for products of float32 a column of A^T, in the image's first part's second
// square.
static void attention_row(const struct state *state, const struct call *call, size_t row) {
    const size_t channels = state->channels;
    const struct image_part first = find_part(state, call, row / channels * PARTS);
    float *attention = (float *)call->saved + row * channels;
    double energy[CPU_BLOCK];
    sum_row(state, call, row / channels, row % channels, energy);
    softmax_row(energy, channels, attention);
    for (size_t c = 0; !state->bf16 && c < channels; c++) {
        first.more[c * channels + row % channels] = attention[c];
    }
}

static void forward(const struct call *call) {
    const struct state *state = call->state;
    const size_t channels = state->channels;
    const size_t parts = state->images * PARTS;
#pragma omp parallel for schedule(static) num_threads(state->workers)
    for (size_t index = 0; index < parts; index++) {
        const struct image_part part = find_part(state, call, index);
        energies(state, call, &part);
    }
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t row = 0; row < state->images * channels; row++) {
        attention_row(state, call, row);
    }
#pragma omp parallel for schedule(static) num_threads(state->workers)
    for (size_t index = 0; index < parts; index++) {
        const struct image_part part = find_part(state, call, index);
        if (part.pixels > 0) {
            outputs(state, call, &part);
        }
    }
}

// A row of dE, into the image's first part's second square.
static void energy_row(const struct state *state, const struct call *call, size_t row) {
    const size_t channels = state->channels;
    const struct image_part first = find_part(state, call, row / channels * PARTS);
    const float *attention = (const float *)call->saved + row * channels;
    float *result = first.more + row % channels * channels;
    double of_attention[CPU_BLOCK];
    double mean = 0;
    sum_row(state, call, row / channels, row % channels, of_attention);
    for (size_t c = 0; c < channels; c++) {
        mean += of_attention[c] * attention[c];
    }
    for (size_t c = 0; c < channels; c++) {
        result[c] = channel_attention_gradient(attention[c], of_attention[c], mean);
    }
}

static void write_gradient(const struct state *state, const struct call *call,
                           const struct image_part *part) {
    const size_t channels = state->channels;
    const size_t count = part->pixels * channels;
    const float *attention = (const float *)call->saved + part->image * channels * channels;
    const float *energy = find_part(state, call, part->image * PARTS).more;
    for (size_t row = 0; row < channels; row++) {
        for (size_t c = 0; c < channels; c++) {
            part->square[row * channels + c] =
                energy[row * channels + c] + energy[c * channels + row];
        }
    }
    const float *x = cpu_read(state->precision, call->in[0], part->first, count, part->one);
    const float *dy = cpu_read(state->precision, call->out_gradient, part->first, count, part->two);
    float *dx = cpu_target(state->precision, call->in_gradient[0], part->first, count, call->add[0],
                           part->three);
    multiply(state, part->pixels, channels, (struct cpu_f32_a){dy, channels, 1}, attention, true,
             dx);
    multiply(state, part->pixels, channels, (struct cpu_f32_a){x, channels, 1}, part->square, true,
             dx);
    cpu_write(state->precision, call->in_gradient[0], part->first, count, dx);
}

static void backward(const struct call *call) {
    const struct state *state = call->state;
    const size_t channels = state->channels;
    const size_t parts = state->images * PARTS;
#pragma omp parallel for schedule(static) num_threads(state->workers)
    for (size_t index = 0; index < parts; index++) {
        const struct image_part part = find_part(state, call, index);
        const size_t count = part.pixels * channels;
        part_product(state, &part,
                     cpu_read(state->precision, call->out_gradient, part.first, count, part.two),
                     cpu_read(state->precision, call->in[0], part.first, count, part.one));
    }
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t row = 0; row < state->images * channels; row++) {
        energy_row(state, call, row);
    }
#pragma omp parallel for schedule(static) num_threads(state->workers)
    for (size_t index = 0; index < parts; index++) {
        const struct image_part part = find_part(state, call, index);
        if (part.pixels > 0) {
            write_gradient(state, call, &part);
        }
    }
}

const struct kernel channel_attention_cpu = {plan, forward, backward, free, NULL};

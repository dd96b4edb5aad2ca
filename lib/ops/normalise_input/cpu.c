// normalise_input on the CPU: a table of 256 gray values.
#include "backend/cpu/cpu.h"
#include "backend/cpu/products/bf16.h"
#include "ops/kernels.h"
#include "ops/normalise_input/normalise_input.h"

#include <stdlib.h>
#include <string.h>

struct state {
    size_t pixels, rows, row; // of all images; of one image, and pixels of it
    bool gray;
    enum precision precision;
    int threads;
    float table[256][3];
    uint16_t bf16_table[256][4]; // the same, and a number that the next pixel covers
};

static bool plan(struct kernel_plan *plan, struct error *error) {
    const struct shape shape = plan_input_shape(plan, 0);
    struct state *state = malloc(sizeof *state);
    if (state == NULL) {
        return fail(error, "no memory");
    }
    *state = (struct state){.pixels = shape.n * shape.h * shape.w,
                            .rows = shape.h,
                            .row = shape.w,
                            .gray = shape.c == 1,
                            .precision = plan_precision(plan, plan->node->output),
                            .threads = plan->backend->threads};
    for (int gray = 0; gray < 256; gray++) {
        for (int c = 0; c < 3; c++) {
            state->table[gray][c] = normalise_gray(gray, c);
        }
    }
    for (int gray = 0; gray < 256; gray++) {
        cpu_bf16_round(state->table[gray], 3, state->bf16_table[gray]);
        state->bf16_table[gray][3] = 0;
    }
    plan->state = state;
    return true;
}

// Pixels of gray levels in bf16.
static void look_up(const struct state *state, const unsigned char *gray, size_t count,
                    uint16_t *out) {
    for (size_t i = 0; i + 1 < count; i++) {
        memcpy(out + 3 * i, state->bf16_table[gray[i]], 4 * sizeof *out);
    }
    memcpy(out + 3 * (count - 1), state->bf16_table[gray[count - 1]], 3 * sizeof *out);
}

#define BLOCK (CPU_BLOCK / 3)

// At most a block of pixels before `end`.
static void forward_block(const struct state *state, const struct call *call, size_t first,
                          size_t end) {
    const size_t count = end - first < BLOCK ? end - first : BLOCK;
    if (state->gray && state->precision == PRECISION_BF16) {
        look_up(state, (const unsigned char *)call->in[0] + first, count,
                (uint16_t *)call->out + 3 * first);
        return;
    }
    float result[3 * BLOCK];
    float *out = state->precision == PRECISION_F32 ? (float *)call->out + 3 * first : result;
    for (size_t i = 0; i < count; i++) {
        const float *from = state->gray
                                ? state->table[((const unsigned char *)call->in[0])[first + i]]
                                : (const float *)call->in[0] + 3 * (first + i);
        for (size_t c = 0; c < 3; c++) {
            out[3 * i + c] = from[c];
        }
    }
    cpu_write(state->precision, call->out, 3 * first, 3 * count, out);
}

static void forward(const struct call *call) {
    const struct state *state = call->state;
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t first = 0; first < state->pixels; first += BLOCK) {
        forward_block(state, call, first, state->pixels);
    }
}

static void forward_rows(const struct call *call, size_t image, struct row_span rows) {
    const struct state *state = call->state;
    const size_t end = (image * state->rows + rows.end) * state->row;
    for (size_t first = (image * state->rows + rows.first) * state->row; first < end;
         first += BLOCK) {
        forward_block(state, call, first, end);
    }
}

const struct row_kernel normalise_input_rows = {NULL, NULL, forward_rows};
const struct kernel normalise_input_cpu = {plan, forward, NULL, free, NULL};

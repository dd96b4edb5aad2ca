// normalise_input on the CPU: a table of 256 gray values.
#include "backend/cpu/cpu.h"
#include "ops/kernels.h"
#include "ops/normalise_input/normalise_input.h"

#include <stdlib.h>

struct state {
    size_t pixels;
    bool gray;
    enum precision precision;
    int threads;
    float table[256][3];
};

static bool plan(struct kernel_plan *plan, struct error *error) {
    const struct shape shape = plan_input_shape(plan, 0);
    struct state *state = malloc(sizeof *state);
    if (state == NULL) {
        return fail(error, "no memory");
    }
    *state = (struct state){.pixels = shape.n * shape.h * shape.w,
                            .gray = shape.c == 1,
                            .precision = plan_precision(plan, plan->node->output),
                            .threads = plan->backend->threads};
    for (int gray = 0; gray < 256; gray++) {
        for (int c = 0; c < 3; c++) {
            state->table[gray][c] = normalise_gray(gray, c);
        }
    }
    plan->state = state;
    return true;
}

#define BLOCK (CPU_BLOCK / 3)

static void forward(const struct call *call) {
    const struct state *state = call->state;
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t first = 0; first < state->pixels; first += BLOCK) {
        const size_t count = state->pixels - first < BLOCK ? state->pixels - first : BLOCK;
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
}

const struct kernel normalise_input_cpu = {plan, forward, NULL, free, NULL};

// position_attention on the CPU, in tiles of the (pixels x pixels) matrix, which is never held
// whole. Queries are keys, so the matrix of scores is symmetric: a tile serves its rows and its
// columns.
#include "ops/position_attention/cpu/passes.h"

#include <stdlib.h>

static bool plan(struct kernel_plan *plan, struct error *error) {
    const struct shape q = plan_input_shape(plan, 0);
    const struct shape v = plan_input_shape(plan, 1);
    const enum precision precision = plan->backend->precision;
    struct position_plan *state = malloc(sizeof *state);
    if (state == NULL) {
        return fail(error, "no memory");
    }
    *state = (struct position_plan){.images = q.n,
                                    .pixels = q.h * q.w,
                                    .blocks = (q.h * q.w + POSITION_BLOCK - 1) / POSITION_BLOCK,
                                    .keys = q.c,
                                    .channels = v.c,
                                    .bf16 = position_multiplies_bf16(precision, q.c, v.c),
                                    .precision = precision,
                                    .threads = plan->backend->threads};
    state->units = state->bf16 ? position_units() : NULL;
    state->bf16_functions = state->bf16 && state->units == NULL ? position_bf16_tiles() : NULL;
    const bool train = graph_mode_of(plan->graph) == GRAPH_TRAIN;
    const size_t forward = position_forward_bytes(state);
    const size_t backward = train ? position_backward_bytes(state) : 0;
    plan->scratch = position_workspace_bytes(state) + (forward > backward ? forward : backward);
    plan->saved = q.n * state->pixels * sizeof(float);
    plan->state = state;
    return true;
}

const struct kernel position_attention_cpu = {plan, position_forward, position_backward, free,
                                              NULL};

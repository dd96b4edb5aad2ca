// Winograd's method by products of int16 as a row of the list.
#include "ops/convolution/cpu/winograd/method.h"
#include "ops/convolution/cpu/winograd/tiles.h"
#include "ops/convolution/cpu/winograd_int16/int16.h"

#include <stdlib.h>

struct state {
    struct convolution_problem problem;
    struct winograd tiles;
    struct winograd_int16_weights weights;
    void *kept; // the forward pass's weights
};

// In training, wide layers' weights are measured in each step, which takes as long as these tiles
// save.
#define MEASURED_TILES 64

// Fewer channels take as long by direct products of bf16.
#define MIN_CHANNELS 32

static bool accepts(const struct convolution_problem *problem) {
    const struct convolution_shape *shape = &problem->shape;
    const struct winograd tiles = winograd_tiles_for(problem, 4);
    const bool measures = shape->train && winograd_transforms_at_use(shape);
    return problem->precision == PRECISION_BF16 && problem->processor.int16_products &&
           problem->pass != CONVOLUTION_WEIGHT_GRADIENT && winograd_takes(problem) &&
           winograd_has_channels(problem, MIN_CHANNELS) &&
           (!measures || tile_count(&tiles, 4) >= MEASURED_TILES);
}

static double share(const struct convolution_problem *problem) {
    (void)problem;
    return 0.25;
}

static size_t factor_bytes(const struct winograd *shape) {
    return workspace_part(cpu_winograd_int16_factors(shape) * sizeof(float));
}

static size_t scale_bytes(const struct winograd *shape) {
    return workspace_part(cpu_winograd_int16_scales(shape) * sizeof(float));
}

static size_t transformed_bytes(const struct state *state) {
    return winograd_transforms_at_use(&state->problem.shape)
               ? 0
               : workspace_part(cpu_winograd_int16_transformed(&state->tiles) * sizeof(int16_t));
}

// Wide layers' weights in prediction; in training the layer's own are there.
static bool is_packed(const struct state *state) {
    const struct convolution_shape *shape = &state->problem.shape;
    return winograd_transforms_at_use(shape) && !shape->train;
}

static size_t packed_bytes(const struct state *state) {
    return is_packed(state)
               ? workspace_part(cpu_winograd_int16_packed(&state->tiles) * sizeof(int16_t))
               : 0;
}

static size_t packed_scale_bytes(const struct state *state) {
    return is_packed(state)
               ? workspace_part(cpu_winograd_int16_packed_scales(&state->tiles) * sizeof(float))
               : 0;
}

static size_t weight_bytes(const struct state *state) {
    return factor_bytes(&state->tiles) + scale_bytes(&state->tiles) + transformed_bytes(state) +
           packed_bytes(state) + packed_scale_bytes(state);
}

// The next `bytes` of *memory; NULL for 0.
static void *next_part(void **memory, size_t bytes) {
    void *part = bytes > 0 ? *memory : NULL;
    *memory = workspace_behind(*memory, bytes);
    return part;
}

static void place_weights(struct state *state, void *memory) {
    struct winograd_int16_weights *weights = &state->weights;
    weights->factors = next_part(&memory, factor_bytes(&state->tiles));
    weights->scales = next_part(&memory, scale_bytes(&state->tiles));
    weights->transformed = next_part(&memory, transformed_bytes(state));
    weights->packed = next_part(&memory, packed_bytes(state));
    weights->packed_scales = next_part(&memory, packed_scale_bytes(state));
}

static void *plan(struct backend *backend, const struct convolution_problem *problem,
                  size_t *workspace, struct error *error) {
    const struct state planned = {.problem = *problem, .tiles = winograd_tiles_for(problem, 4)};
    const bool forward_pass = problem->pass == CONVOLUTION_FORWARD;
    const size_t kept = forward_pass ? weight_bytes(&planned) : 0;
    void *memory = NULL;
    struct state *state = convolution_state_alloc(sizeof *state, kept, &memory, error);
    (void)backend;
    if (state != NULL) {
        *state = planned;
        state->kept = memory;
        *workspace =
            cpu_winograd_int16_workspace(&state->tiles) + (forward_pass ? 0 : weight_bytes(state));
    }
    return state;
}

static void prepare(void *planned, const float *weights) {
    struct state *state = planned;
    state->weights.source = (struct winograd_weights){weights, WINOGRAD_PLAIN};
    if (state->kept != NULL) {
        place_weights(state, state->kept);
        cpu_winograd_int16_weights(&state->tiles, &state->weights);
    }
}

static void forward(void *planned, const void *input, const float *bias, void *output,
                    void *workspace) {
    const struct state *state = planned;
    const struct convolution_shape *shape = &state->problem.shape;
    cpu_winograd_int16_convolve(&state->tiles, input, &state->weights,
                                (struct epilogue){bias, shape->sum, shape->relu}, output,
                                workspace);
}

static void data_gradient(void *planned, const void *output_gradient, void *input_gradient,
                          void *workspace) {
    struct state *state = planned;
    place_weights(state, workspace);
    state->weights.source.form = WINOGRAD_ROTATED;
    cpu_winograd_int16_weights(&state->tiles, &state->weights);
    cpu_winograd_int16_convolve(&state->tiles, output_gradient, &state->weights,
                                (struct epilogue){.bias = NULL}, input_gradient,
                                workspace_behind(workspace, weight_bytes(state)));
}

const struct convolution_method convolution_winograd_int16 = {.name = "winograd-int16",
                                                              .accepts = accepts,
                                                              .share = share,
                                                              .in_16_bits = true,
                                                              .plan = plan,
                                                              .release = free,
                                                              .prepare = prepare,
                                                              .forward = forward,
                                                              .data_gradient = data_gradient};

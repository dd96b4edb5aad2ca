// Winograd's method as a row of the list: 3 x 3 convolutions with many channels on both sides.
#include "ops/convolution/cpu/winograd/method.h"
#include "ops/convolution/cpu/bias_gradient.h"

#include <stdlib.h>

#define WEIGHTS_A_PIXEL 512 // channels x channels, at most
#define MIN_PIXELS 128      // that save more than the weights' transforms take
// Channels, on both sides, from which on transformed weights, four times the weights, are not kept:
// in prediction, and in training, where small tiles' are less than twice the weights.
#define WIDE ((size_t)128)
#define WIDE_TRAINED ((size_t)256)

struct state {
    struct convolution_problem problem;
    struct winograd tiles;
    const float *weights; // the layer's
    float *kept;          // the forward pass's, transformed or packed; NULL: none
};

struct winograd winograd_tiles_for(const struct convolution_problem *problem, size_t tile) {
    const struct convolution_shape *shape = &problem->shape;
    const bool data_gradient = problem->pass == CONVOLUTION_DATA_GRADIENT;
    return (struct winograd){.tile = tile,
                             .precision = problem->precision,
                             .images = shape->images,
                             .height = shape->height,
                             .width = shape->width,
                             .channels = data_gradient ? shape->out_channels : shape->channels,
                             .out_channels = data_gradient ? shape->channels : shape->out_channels,
                             .threads = problem->threads};
}

// Below so many channels the transforms take what the method saves; in prediction, whose layers run
// strip by strip otherwise, and in training.
#define MIN_CHANNELS 32
#define MIN_CHANNELS_TRAINED 16

// Where products of bf16 are ahead: from here on the method takes a third of direct products' time,
// and less than products of bf16 take; if it makes such products itself, from there.
#define SAVING_CHANNELS 64
#define SAVING_CHANNELS_ROUNDED 32

// Transformed weights and their gradients cost the same whatever there is to convolve: with few
// pixels to many channels they take more than they save. In bf16's prediction a transform takes as
// long as the products of eight tiles. In prediction each image counts alone: its bytes must not
// depend on the others.
static bool has_pixels(const struct convolution_problem *problem) {
    const struct convolution_shape *shape = &problem->shape;
    const size_t pixels = shape->height * shape->width * (shape->train ? shape->images : 1);
    return pixels * WEIGHTS_A_PIXEL >= shape->channels * shape->out_channels ||
           (!shape->train && problem->precision == PRECISION_BF16 && pixels >= MIN_PIXELS);
}

bool winograd_takes(const struct convolution_problem *problem) {
    const struct convolution_shape *shape = &problem->shape;
    const struct winograd tiles = winograd_tiles_for(problem, 4);
    return problem->processor.f32_products && shape->groups == 1 && shape->window == 3 &&
           shape->stride == 1 && shape->pad == 1 && cpu_winograd_suits(&tiles) &&
           winograd_has_channels(problem, shape->train ? MIN_CHANNELS_TRAINED : MIN_CHANNELS) &&
           (problem->pass != CONVOLUTION_WEIGHT_GRADIENT ||
            shape->channels % WINOGRAD_LANES == 0) &&
           has_pixels(problem);
}

// Where the processor's products of bf16 are ahead the method must save so many products that those
// need not be of bf16.
static bool accepts(const struct convolution_problem *problem) {
    const bool ahead = problem->precision == PRECISION_BF16 && problem->processor.bf16_ahead;
    return winograd_takes(problem) && (!ahead || winograd_has_channels(problem, SAVING_CHANNELS));
}

bool winograd_transforms_at_use(const struct convolution_shape *shape) {
    const size_t wide = shape->train ? WIDE_TRAINED : WIDE;
    return shape->channels * shape->out_channels >= wide * wide;
}

// Floats of the weights that the forward pass keeps. In training they change with each step.
static size_t kept_floats(const struct state *state) {
    return !winograd_transforms_at_use(&state->problem.shape)
               ? cpu_winograd_weights_size(&state->tiles)
           : state->problem.shape.train ? 0
                                        : cpu_winograd_packed_size(&state->tiles);
}

static size_t transformed_bytes(const struct winograd *tiles) {
    return workspace_part(cpu_winograd_weights_size(tiles) * sizeof(float));
}

static size_t workspace_of(const struct state *state) {
    if (state->problem.pass == CONVOLUTION_WEIGHT_GRADIENT) {
        return workspace_for_either(cpu_winograd_gradient_workspace(&state->tiles),
                                    cpu_bias_gradient_workspace(&state->problem.shape));
    }
    if (winograd_transforms_at_use(&state->problem.shape)) {
        return cpu_winograd_wide_workspace(&state->tiles);
    }
    return cpu_winograd_workspace(&state->tiles) +
           (state->problem.pass == CONVOLUTION_FORWARD ? 0 : transformed_bytes(&state->tiles));
}

// In training the forward pass of float32 goes by small tiles: its errors decide on which side of 0
// a ReLU's input falls, and what it lets through; those of the backward passes only add to
// gradients, and bf16's own are a thousand times as large.
static size_t tile_of(const struct convolution_problem *problem) {
    return problem->pass == CONVOLUTION_FORWARD && problem->shape.train &&
                   problem->precision == PRECISION_F32
               ? 2
               : 4;
}

// (tile + 2)^2 products for the tile^2 windows of 3 x 3.
static double share(const struct convolution_problem *problem) {
    const double tile = (double)tile_of(problem);
    return (tile + 2) * (tile + 2) / (9 * tile * tile);
}

// `rounds`: as winograd.h has it.
static void *plan_tiles(const struct convolution_problem *problem, bool rounds, size_t *workspace,
                        struct error *error) {
    struct state planned = {.problem = *problem,
                            .tiles = winograd_tiles_for(problem, tile_of(problem))};
    planned.tiles.rounds = rounds;
    const size_t kept = problem->pass == CONVOLUTION_FORWARD ? kept_floats(&planned) : 0;
    void *memory = NULL;
    struct state *state =
        convolution_state_alloc(sizeof *state, kept * sizeof(float), &memory, error);
    if (state != NULL) {
        *state = planned;
        state->kept = memory;
        *workspace = workspace_of(state);
    }
    return state;
}

static void *plan(struct backend *backend, const struct convolution_problem *problem,
                  size_t *workspace, struct error *error) {
    (void)backend;
    return plan_tiles(problem, false, workspace, error);
}

static void prepare(void *planned, const float *weights) {
    struct state *state = planned;
    state->weights = weights;
    if (state->kept != NULL && winograd_transforms_at_use(&state->problem.shape)) {
        cpu_winograd_pack(&state->tiles, weights, state->kept);
    } else if (state->kept != NULL) {
        cpu_winograd_weights(&state->tiles, weights, false, state->kept);
    }
}

static void forward(void *planned, const void *input, const float *bias, void *output,
                    void *workspace) {
    const struct state *state = planned;
    const struct convolution_shape *shape = &state->problem.shape;
    const struct epilogue epilogue = {bias, shape->sum, shape->relu};
    if (winograd_transforms_at_use(&state->problem.shape)) {
        const struct winograd_weights weights =
            state->kept != NULL ? (struct winograd_weights){state->kept, WINOGRAD_PACKED}
                                : (struct winograd_weights){state->weights, WINOGRAD_PLAIN};
        cpu_winograd_convolve_wide(&state->tiles, input, weights, epilogue, output, workspace);
    } else {
        cpu_winograd_convolve(&state->tiles, input, state->kept, epilogue, output, workspace);
    }
}

static void data_gradient(void *planned, const void *output_gradient, void *input_gradient,
                          void *workspace) {
    const struct state *state = planned;
    const struct epilogue epilogue = {.bias = NULL};
    if (winograd_transforms_at_use(&state->problem.shape)) {
        cpu_winograd_convolve_wide(&state->tiles, output_gradient,
                                   (struct winograd_weights){state->weights, WINOGRAD_ROTATED},
                                   epilogue, input_gradient, workspace);
    } else {
        float *transformed = workspace;
        cpu_winograd_weights(&state->tiles, state->weights, true, transformed);
        cpu_winograd_convolve(&state->tiles, output_gradient, transformed, epilogue, input_gradient,
                              (char *)workspace + transformed_bytes(&state->tiles));
    }
}

static void weight_gradient(void *planned, const void *input, const void *output_gradient,
                            float *weight_gradient, float *bias_gradient, void *workspace) {
    const struct state *state = planned;
    cpu_winograd_gradient(&state->tiles, input, output_gradient, weight_gradient, workspace);
    cpu_add_bias_gradient(&state->problem, output_gradient, bias_gradient, workspace);
}

const struct convolution_method convolution_winograd = {.name = "winograd",
                                                        .accepts = accepts,
                                                        .share = share,
                                                        .plan = plan,
                                                        .release = free,
                                                        .prepare = prepare,
                                                        .forward = forward,
                                                        .data_gradient = data_gradient,
                                                        .weight_gradient = weight_gradient};

// ---- the weights' gradient by products of bf16

static bool accepts_rounded(const struct convolution_problem *problem) {
    return problem->pass == CONVOLUTION_WEIGHT_GRADIENT && problem->precision == PRECISION_BF16 &&
           problem->processor.bf16_ahead && winograd_takes(problem) &&
           winograd_has_channels(problem, SAVING_CHANNELS_ROUNDED);
}

static void *plan_rounded(struct backend *backend, const struct convolution_problem *problem,
                          size_t *workspace, struct error *error) {
    (void)backend;
    return plan_tiles(problem, true, workspace, error);
}

const struct convolution_method convolution_winograd_bf16 = {.name = "winograd-bf16",
                                                             .accepts = accepts_rounded,
                                                             .share = share,
                                                             .in_16_bits = true,
                                                             .plan = plan_rounded,
                                                             .release = free,
                                                             .weight_gradient = weight_gradient};

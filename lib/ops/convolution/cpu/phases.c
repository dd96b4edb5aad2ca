// The phases' geometry, and the passes.
#include "ops/convolution/cpu/phases.h"

#include "ops/convolution/cpu/bias_gradient.h"
#include "ops/convolution/cpu/repeated.h"

#include <stdlib.h>

#define MAX_STRIDE 2
#define MAX_PHASES (MAX_STRIDE * MAX_STRIDE)

struct phase {
    struct phase_plan plan;
    size_t first;   // the number of its first pixel in what is written
    float *weights; // packed; NULL for the weights' gradient
};

struct state {
    const struct phased_convolution *method;
    struct convolution_problem problem;
    struct phase phases[MAX_PHASES];
    size_t phase_count;
    float *sums; // of weights, of one phase of repeated pixels
};

// ---- geometry

static struct phase_plan lay_forward(const struct convolution_problem *problem) {
    const struct convolution_shape *shape = &problem->shape;
    const size_t side = shape->window;
    const size_t inputs = shape->channels / shape->groups;
    return (struct phase_plan){.pixels = 1,
                               .images = shape->images,
                               .height = shape->height,
                               .width = shape->width,
                               .channels = shape->channels,
                               .rows = shape->out_height,
                               .columns = shape->out_width,
                               .out_channels = shape->out_channels,
                               .group_width = inputs,
                               .window_height = side,
                               .window_width = side,
                               .stride_y = shape->stride,
                               .stride_x = shape->stride,
                               .top = -(ptrdiff_t)shape->pad,
                               .left = -(ptrdiff_t)shape->pad,
                               .out_image =
                                   shape->out_height * shape->out_width * shape->out_channels,
                               .out_row = shape->out_width * shape->out_channels,
                               .out_pixel = shape->out_channels,
                               .precision = problem->precision,
                               .threads = problem->threads,
                               .taps = {inputs * side * side, side * side, side, 0, 0, 1}};
}

// In one direction: the input pixels `phase`, phase + stride, ... get something from the taps t
// with phase + pad - t a multiple of the stride, and that from the output pixel (that / stride).
// The last such tap comes with the first output pixel.
struct reach {
    size_t taps;
    ptrdiff_t last_tap, first_pixel;
};

static struct reach reach_of(const struct convolution_shape *shape, size_t phase) {
    struct reach reach = {0, 0, 0};
    for (size_t tap = 0; tap < shape->window; tap++) {
        const ptrdiff_t apart = (ptrdiff_t)(phase + shape->pad) - (ptrdiff_t)tap;
        if (apart % (ptrdiff_t)shape->stride == 0) {
            reach.taps++;
            reach.last_tap = (ptrdiff_t)tap;
            reach.first_pixel = apart / (ptrdiff_t)shape->stride;
        }
    }
    return reach;
}

// Every stride'th pixel from `phase` on.
static size_t phase_pixels(size_t pixels, size_t phase, size_t stride) {
    return phase < pixels ? (pixels - phase + stride - 1) / stride : 0;
}

static struct phase_plan lay_data_gradient(const struct convolution_problem *problem,
                                           size_t phase) {
    const struct convolution_shape *shape = &problem->shape;
    const size_t stride = shape->stride;
    const size_t y = phase / stride;
    const size_t x = phase % stride;
    const struct reach down = reach_of(shape, y);
    const struct reach across = reach_of(shape, x);
    const size_t inputs = shape->channels / shape->groups;
    const size_t square = shape->window * shape->window;
    return (struct phase_plan){.pixels = 1,
                               .images = shape->images,
                               .height = shape->out_height,
                               .width = shape->out_width,
                               .channels = shape->out_channels,
                               .rows = phase_pixels(shape->height, y, stride),
                               .columns = phase_pixels(shape->width, x, stride),
                               .out_channels = shape->channels,
                               .group_width = inputs,
                               .window_height = across.taps > 0 ? down.taps : 0,
                               .window_width = across.taps,
                               .stride_y = 1,
                               .stride_x = 1,
                               .top = down.first_pixel,
                               .left = across.first_pixel,
                               .out_image = shape->height * shape->width * shape->channels,
                               .out_row = stride * shape->width * shape->channels,
                               .out_pixel = stride * shape->channels,
                               .precision = problem->precision,
                               .threads = problem->threads,
                               .taps = {square, inputs * square, shape->window, down.last_tap,
                                        across.last_tap, -(ptrdiff_t)stride}};
}

static struct phase_plan lay_repeated(const struct convolution_problem *problem, size_t phase) {
    struct phase_plan plan = lay_forward(problem);
    const size_t y = phase / REPEATED;
    const size_t x = phase % REPEATED;
    plan.rows = phase_pixels(plan.rows, y, REPEATED);
    plan.columns = phase_pixels(plan.columns, x, REPEATED);
    plan.window_height = plan.window_width = plan.stride_y = plan.stride_x = REPEATED;
    plan.top = -repeated_pad(y);
    plan.left = -repeated_pad(x);
    plan.out_row *= REPEATED;
    plan.out_pixel *= REPEATED;
    plan.taps = (struct taps){plan.channels * REPEATED_PHASES, REPEATED_PHASES, REPEATED, 0, 0, 1};
    return plan;
}

// ---- planning

static size_t phases_of(const struct convolution_problem *problem) {
    const size_t stride = problem->shape.stride;
    return problem->pass == CONVOLUTION_DATA_GRADIENT ? stride * stride
           : repeated_suits(problem)                  ? REPEATED_PHASES
                                                      : 1;
}

static bool find_plan(const struct phased_convolution *method,
                      const struct convolution_problem *problem, size_t phase,
                      struct phase_plan *plan) {
    *plan = problem->pass == CONVOLUTION_DATA_GRADIENT ? lay_data_gradient(problem, phase)
            : repeated_suits(problem)                  ? lay_repeated(problem, phase)
                                                       : lay_forward(problem);
    return method->complete(plan);
}

// Where a phase's first pixel lies in the input's gradient, or in the output.
static size_t first_of(const struct convolution_problem *problem, size_t phase) {
    const struct convolution_shape *shape = &problem->shape;
    if (problem->pass == CONVOLUTION_DATA_GRADIENT) {
        return (phase / shape->stride * shape->width + phase % shape->stride) * shape->channels;
    }
    return repeated_first(shape, phase);
}

bool phases_suit(const struct phased_convolution *method,
                 const struct convolution_problem *problem) {
    bool suit = problem->shape.stride <= MAX_STRIDE;
    for (size_t i = 0; suit && i < phases_of(problem); i++) {
        struct phase_plan plan;
        suit = find_plan(method, problem, i, &plan);
    }
    return suit;
}

void phases_release(void *planned) {
    struct state *state = planned;
    for (size_t i = 0; state != NULL && i < state->phase_count; i++) {
        free(state->phases[i].weights);
    }
    if (state != NULL) {
        free(state->sums);
    }
    free(state);
}

static bool plan_phase(struct state *state, size_t index, size_t *workspace) {
    const struct phased_convolution *method = state->method;
    struct phase *phase = &state->phases[index];
    if (!find_plan(method, &state->problem, index, &phase->plan)) {
        return false;
    }
    phase->first = first_of(&state->problem, index);
    if (state->problem.pass == CONVOLUTION_WEIGHT_GRADIENT) {
        *workspace = workspace_for_either(method->gradient_workspace(&phase->plan),
                                          cpu_bias_gradient_workspace(&state->problem.shape));
        return true;
    }
    const size_t bytes = method->weights_size(&phase->plan) * sizeof(float);
    *workspace = workspace_for_either(*workspace, method->workspace(&phase->plan));
    phase->weights = aligned_alloc(64, workspace_part(bytes + 1));
    return phase->weights != NULL;
}

void *phases_plan(const struct phased_convolution *method,
                  const struct convolution_problem *problem, size_t *workspace,
                  struct error *error) {
    struct state *state = calloc(1, sizeof *state);
    bool planned = state != NULL;
    *workspace = 0;
    if (planned) {
        state->method = method;
        state->problem = *problem;
        state->phase_count = phases_of(problem);
    }
    if (planned && repeated_suits(problem)) {
        state->sums =
            malloc(problem->shape.channels * problem->shape.out_channels * 4 * sizeof *state->sums);
        planned = state->sums != NULL;
    }
    for (size_t i = 0; planned && i < state->phase_count; i++) {
        planned = plan_phase(state, i, workspace);
    }
    if (!planned) {
        phases_release(state);
        (void)fail(error, "no memory");
        return NULL;
    }
    return state;
}

// ---- the passes

void phases_prepare(void *planned, const float *weights) {
    struct state *state = planned;
    for (size_t i = 0; i < state->phase_count; i++) {
        if (state->sums != NULL) {
            repeated_weights(weights,
                             state->problem.shape.channels * state->problem.shape.out_channels, i,
                             state->sums);
        }
        state->method->pack_weights(&state->phases[i].plan,
                                    state->sums != NULL ? state->sums : weights,
                                    state->phases[i].weights);
    }
}

void phases_forward(void *planned, const void *input, const float *bias, void *output,
                    void *workspace) {
    const struct state *state = planned;
    const struct convolution_shape *shape = &state->problem.shape;
    for (size_t i = 0; i < state->phase_count; i++) {
        const struct phase *phase = &state->phases[i];
        state->method->convolve(&phase->plan, input, phase->weights,
                                (struct epilogue){bias, shape->sum, shape->relu}, output,
                                phase->first, workspace);
    }
}

void phases_forward_rows(void *planned, const void *input, const float *bias, void *output,
                         struct convolution_rows rows, void *workspace) {
    const struct state *state = planned;
    const struct convolution_shape *shape = &state->problem.shape;
    const size_t size = precision_size(state->problem.precision);
    for (size_t i = 0; i < state->phase_count; i++) {
        const struct phase *phase = &state->phases[i];
        state->method->convolve_rows(
            &phase->plan, input, phase->weights, (struct epilogue){bias, shape->sum, shape->relu},
            (char *)output + phase->first * size,
            state->phase_count > 1 ? repeated_rows(rows, i) : rows, workspace);
    }
}

size_t phases_row_workspace(const void *planned) {
    const struct state *state = planned;
    return state->method->row_workspace(&state->phases[0].plan);
}

void phases_data_gradient(void *planned, const void *output_gradient, void *input_gradient,
                          void *workspace) {
    const struct state *state = planned;
    struct phase_job jobs[MAX_PHASES];
    for (size_t i = 0; i < state->phase_count; i++) {
        jobs[i] = (struct phase_job){&state->phases[i].plan, state->phases[i].weights,
                                     state->phases[i].first};
    }
    if (state->method->convolve_phases != NULL) {
        state->method->convolve_phases(jobs, state->phase_count, output_gradient, input_gradient,
                                       workspace);
        return;
    }
    for (size_t i = 0; i < state->phase_count; i++) {
        state->method->convolve(jobs[i].plan, output_gradient, jobs[i].weights,
                                (struct epilogue){.bias = NULL}, input_gradient, jobs[i].first,
                                workspace);
    }
}

void phases_weight_gradient(void *planned, const void *input, const void *output_gradient,
                            float *weight_gradient, float *bias_gradient, void *workspace) {
    const struct state *state = planned;
    state->method->weight_gradient(&state->phases[0].plan, input, output_gradient, weight_gradient,
                                   workspace);
    cpu_add_bias_gradient(&state->problem, output_gradient, bias_gradient, workspace);
}

// The plain method: loops that take every layer on any processor, and the oracle of the others'
// tests. Sums are float64; activations of bf16 are converted as a whole on their way in and out.
#include "ops/convolution/cpu/method.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

struct state {
    struct convolution_problem problem;
    float *weights; // of the forward pass (tap, input channel of a group, output channel), of the
                    // input's gradient (tap, output channel, input channel of its group)
};

// Channels of one group.
static size_t group_inputs(const struct convolution_shape *s) {
    return s->channels / s->groups;
}

static size_t group_outputs(const struct convolution_shape *s) {
    return s->out_channels / s->groups;
}

static bool accepts(const struct convolution_problem *problem) {
    (void)problem;
    return true;
}

// ---- the workspace: input and output as floats, unless they are stored so, and each thread's sums

static size_t widened_bytes(const struct state *state, size_t count) {
    return state->problem.precision == PRECISION_F32 ? 0 : workspace_part(count * sizeof(float));
}

// The numbers that a thread sums: of a pixel, or of the weights of one output channel.
static size_t sum_count(const struct state *state) {
    const struct convolution_shape *s = &state->problem.shape;
    switch (state->problem.pass) {
    case CONVOLUTION_FORWARD: return s->out_channels;
    case CONVOLUTION_DATA_GRADIENT: return s->channels;
    default: return s->window * s->window * group_inputs(s);
    }
}

struct parts {
    float *input, *output;
    double *sums;
};

static struct parts split(const struct state *state, void *workspace) {
    const size_t inputs = convolution_inputs(&state->problem.shape);
    const size_t outputs = convolution_outputs(&state->problem.shape);
    char *output = (char *)workspace + widened_bytes(state, inputs);
    return (struct parts){workspace, (float *)(void *)output,
                          (double *)(void *)(output + widened_bytes(state, outputs))};
}

static double *thread_sums(const struct state *state, const struct parts *parts) {
    double *sums = parts->sums + (size_t)omp_get_thread_num() * sum_count(state);
    memset(sums, 0, sum_count(state) * sizeof *sums);
    return sums;
}

// ---- planning

static void *plan(struct backend *backend, const struct convolution_problem *problem,
                  size_t *workspace, struct error *error) {
    const bool takes_weights = problem->pass != CONVOLUTION_WEIGHT_GRADIENT;
    const size_t kept = takes_weights ? convolution_weights(&problem->shape) * sizeof(float) : 0;
    void *weights = NULL;
    struct state *state = convolution_state_alloc(sizeof *state, kept, &weights, error);
    (void)backend;
    if (state != NULL) {
        *state = (struct state){*problem, weights};
        *workspace = widened_bytes(state, convolution_inputs(&problem->shape)) +
                     widened_bytes(state, convolution_outputs(&problem->shape)) +
                     (size_t)problem->threads * sum_count(state) * sizeof(double);
    }
    return state;
}

static void prepare(void *planned, const float *weights) {
    struct state *state = planned;
    const struct convolution_shape *s = &state->problem.shape;
    const size_t taps = s->window * s->window;
    const size_t inputs = group_inputs(s);
    const bool forward = state->problem.pass == CONVOLUTION_FORWARD;
    for (size_t o = 0; o < s->out_channels; o++) {
        for (size_t c = 0; c < inputs; c++) {
            for (size_t tap = 0; tap < taps; tap++) {
                state->weights[forward ? (tap * inputs + c) * s->out_channels + o
                                       : (tap * s->out_channels + o) * inputs + c] = *weights++;
            }
        }
    }
}

// ---- the passes

// sums[i] += factor * numbers[i]
static inline void add_scaled(double *restrict sums, double factor, const float *restrict numbers,
                              size_t count) {
    for (size_t i = 0; i < count; i++) {
        sums[i] += factor * (double)numbers[i];
    }
}

// The input's row or column that a tap reads for an output's; false beyond the image.
static bool input_of(const struct convolution_shape *s, size_t out, size_t tap, size_t side,
                     size_t *in) {
    *in = out * s->stride + tap - s->pad; // below 0: too great
    return *in < side;
}

// The output's row or column that reads an input's with a tap; false for none.
static bool output_of(const struct convolution_shape *s, size_t in, size_t tap, size_t side,
                      size_t *out) {
    const size_t first = in + s->pad - tap;
    *out = first / s->stride;
    return in + s->pad >= tap && first % s->stride == 0 && *out < side;
}

static void add_output_pixel(const struct state *state, const float *input, size_t image, size_t y,
                             size_t x, double *sums) {
    const struct convolution_shape *s = &state->problem.shape;
    const size_t inputs = group_inputs(s);
    const size_t outputs = group_outputs(s);
    for (size_t tap = 0; tap < s->window * s->window; tap++) {
        size_t in_y;
        size_t in_x;
        if (input_of(s, y, tap / s->window, s->height, &in_y) &&
            input_of(s, x, tap % s->window, s->width, &in_x)) {
            const float *pixel =
                input + ((image * s->height + in_y) * s->width + in_x) * s->channels;
            for (size_t c = 0; c < s->channels; c++) {
                const size_t first = c / inputs * outputs;
                add_scaled(sums + first, pixel[c],
                           state->weights + (tap * inputs + c % inputs) * s->out_channels + first,
                           outputs);
            }
        }
    }
}

static void forward(void *planned, const void *input, const float *bias, void *output,
                    void *workspace) {
    const struct state *state = planned;
    const struct convolution_shape *s = &state->problem.shape;
    const enum precision precision = state->problem.precision;
    const size_t outputs = convolution_outputs(s);
    const struct parts parts = split(state, workspace);
    const float *from = cpu_read(precision, input, 0, convolution_inputs(s), parts.input);
    float *to = cpu_target(precision, output, 0, outputs, s->sum, parts.output);
#pragma omp parallel for schedule(static) num_threads(state->problem.threads)
    for (size_t row = 0; row < s->images * s->out_height; row++) {
        for (size_t x = 0; x < s->out_width; x++) {
            double *sums = thread_sums(state, &parts);
            float *pixel = to + (row * s->out_width + x) * s->out_channels;
            add_output_pixel(state, from, row / s->out_height, row % s->out_height, x, sums);
            for (size_t o = 0; o < s->out_channels; o++) {
                const float sum =
                    (float)(sums[o] + (bias != NULL ? (double)bias[o] : 0) + (double)pixel[o]);
                pixel[o] = s->relu && sum < 0 ? 0 : sum;
            }
        }
    }
    cpu_write(precision, output, 0, outputs, to);
}

static void add_input_pixel(const struct state *state, const float *output_gradient, size_t image,
                            size_t y, size_t x, double *sums) {
    const struct convolution_shape *s = &state->problem.shape;
    const size_t inputs = group_inputs(s);
    const size_t outputs = group_outputs(s);
    for (size_t tap = 0; tap < s->window * s->window; tap++) {
        size_t out_y;
        size_t out_x;
        if (output_of(s, y, tap / s->window, s->out_height, &out_y) &&
            output_of(s, x, tap % s->window, s->out_width, &out_x)) {
            const float *pixel =
                output_gradient +
                ((image * s->out_height + out_y) * s->out_width + out_x) * s->out_channels;
            for (size_t o = 0; o < s->out_channels; o++) {
                add_scaled(sums + o / outputs * inputs, pixel[o],
                           state->weights + (tap * s->out_channels + o) * inputs, inputs);
            }
        }
    }
}

static void data_gradient(void *planned, const void *output_gradient, void *input_gradient,
                          void *workspace) {
    const struct state *state = planned;
    const struct convolution_shape *s = &state->problem.shape;
    const enum precision precision = state->problem.precision;
    const size_t inputs = convolution_inputs(s);
    const struct parts parts = split(state, workspace);
    const float *from =
        cpu_read(precision, output_gradient, 0, convolution_outputs(s), parts.output);
    float *to = cpu_target(precision, input_gradient, 0, inputs, false, parts.input);
#pragma omp parallel for schedule(static) num_threads(state->problem.threads)
    for (size_t row = 0; row < s->images * s->height; row++) {
        for (size_t x = 0; x < s->width; x++) {
            double *sums = thread_sums(state, &parts);
            float *pixel = to + (row * s->width + x) * s->channels;
            add_input_pixel(state, from, row / s->height, row % s->height, x, sums);
            for (size_t c = 0; c < s->channels; c++) {
                pixel[c] = (float)sums[c];
            }
        }
    }
    cpu_write(precision, input_gradient, 0, inputs, to);
}

// Sums the gradients of one output channel's weights (tap, input channel); returns the bias's.
static double add_weights(const struct convolution_shape *s, size_t o, const float *input,
                          const float *output_gradient, double *sums) {
    const size_t inputs = group_inputs(s);
    const size_t first = o / group_outputs(s) * inputs; // of the group
    double bias = 0;
    for (size_t pixel = 0; pixel < s->images * s->out_height * s->out_width; pixel++) {
        const size_t row = pixel / s->out_width;
        const double gradient = output_gradient[pixel * s->out_channels + o];
        bias += gradient;
        for (size_t tap = 0; tap < s->window * s->window; tap++) {
            size_t y;
            size_t x;
            if (input_of(s, row % s->out_height, tap / s->window, s->height, &y) &&
                input_of(s, pixel % s->out_width, tap % s->window, s->width, &x)) {
                add_scaled(
                    sums + tap * inputs, gradient,
                    input + ((row / s->out_height * s->height + y) * s->width + x) * s->channels +
                        first,
                    inputs);
            }
        }
    }
    return bias;
}

static void weight_gradient(void *planned, const void *input, const void *output_gradient,
                            float *weight_gradient, float *bias_gradient, void *workspace) {
    const struct state *state = planned;
    const struct convolution_shape *s = &state->problem.shape;
    const enum precision precision = state->problem.precision;
    const size_t taps = s->window * s->window;
    const size_t channels = group_inputs(s);
    const struct parts parts = split(state, workspace);
    const float *pixels = cpu_read(precision, input, 0, convolution_inputs(s), parts.input);
    const float *gradients =
        cpu_read(precision, output_gradient, 0, convolution_outputs(s), parts.output);
#pragma omp parallel for schedule(static) num_threads(state->problem.threads)
    for (size_t o = 0; o < s->out_channels; o++) {
        double *sums = thread_sums(state, &parts);
        const double bias = add_weights(s, o, pixels, gradients, sums);
        float *to = weight_gradient + o * channels * taps;
        for (size_t c = 0; c < channels; c++) {
            for (size_t tap = 0; tap < taps; tap++) {
                to[c * taps + tap] += (float)sums[tap * channels + c];
            }
        }
        if (bias_gradient != NULL) {
            bias_gradient[o] += (float)bias;
        }
    }
}

const struct convolution_method convolution_plain = {.name = "plain",
                                                     .accepts = accepts,
                                                     .plan = plan,
                                                     .release = free,
                                                     .prepare = prepare,
                                                     .forward = forward,
                                                     .data_gradient = data_gradient,
                                                     .weight_gradient = weight_gradient};

// Convolutions of the CPU backend on trial: every method that accepts a pass, in float32 and bf16,
// against the plain one.
#ifndef PLEURA_TESTS_CONVOLUTION_TRIALS_H
#define PLEURA_TESTS_CONVOLUTION_TRIALS_H

#include "core/numbers/random.h"
#include "ops/convolution/cpu/method.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// cmocka, which calls a macro of its own `fail`, comes behind our headers.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MAX_ERROR 2e-6         // of all numbers together, to those of the plain method
#define BF16_ERROR (1.0 / 256) // of what is stored as bf16: half of its last bit
#define ROUNDED_ERROR 1e-2     // of weights' gradients from transformed numbers of bf16
#define THREADS 2

static void *need(size_t bytes) {
    void *memory = aligned_alloc(64, (bytes + 64) / 64 * 64);
    assert_non_null(memory);
    memset(memory, 0, (bytes + 64) / 64 * 64);
    return memory;
}

// ---- a layer's tensors: what the passes read, and what they make

struct tensors {
    size_t inputs, outputs, weights, biases;
    float *input, *output, *weight, *bias, *gradient; // gradient: of the output
};

// Numbers that bf16 holds as well.
static float *drawn(struct random *random, size_t count) {
    float *numbers = need(count * sizeof *numbers);
    for (size_t i = 0; i < count; i++) {
        numbers[i] = (float)((int)(random_next(random) >> 56) - 128 + 38) / 128;
    }
    return numbers;
}

// Gives each 2 x 2 pixels the numbers of the first.
static void repeat_pixels(const struct convolution_shape *s, float *input) {
    for (size_t row = 0; row < s->images * s->height; row++) {
        for (size_t x = 0; x < s->width; x++) {
            const size_t from = (row / 2 * 2 * s->width + x / 2 * 2) * s->channels;
            memmove(input + (row * s->width + x) * s->channels, input + from,
                    s->channels * sizeof *input);
        }
    }
}

static struct tensors open_tensors(const struct convolution_shape *s) {
    struct random random = random_seed(7, s->channels, s->height);
    struct tensors tensors = {.inputs = convolution_inputs(s),
                              .outputs = convolution_outputs(s),
                              .weights = convolution_weights(s),
                              .biases = s->out_channels};
    tensors.input = drawn(&random, tensors.inputs);
    if (s->repeated) {
        repeat_pixels(s, tensors.input);
    }
    tensors.output = drawn(&random, tensors.outputs);
    tensors.weight = drawn(&random, tensors.weights);
    tensors.bias = drawn(&random, tensors.biases);
    tensors.gradient = drawn(&random, tensors.outputs);
    return tensors;
}

static void close_tensors(struct tensors *tensors) {
    free(tensors->input);
    free(tensors->output);
    free(tensors->weight);
    free(tensors->bias);
    free(tensors->gradient);
}

// What a pass makes, as floats: the output, the input's gradient, or the gradients of the weights
// and behind them of the bias.
static size_t result_count(const struct tensors *tensors, enum convolution_pass pass) {
    switch (pass) {
    case CONVOLUTION_FORWARD: return tensors->outputs;
    case CONVOLUTION_DATA_GRADIENT: return tensors->inputs;
    default: return tensors->weights + tensors->biases;
    }
}

// ---- a pass, run by a method

// Activations as they are stored; the caller frees them.
static void *stored(enum precision precision, const float *numbers, size_t count) {
    void *memory = need(count * sizeof(float));
    if (precision == PRECISION_F32) {
        memcpy(memory, numbers, count * sizeof *numbers);
    } else {
        cpu_write(precision, memory, 0, count, numbers);
    }
    return memory;
}

static void restore(enum precision precision, void *memory, size_t count, float *numbers) {
    const float *floats = cpu_read(precision, memory, 0, count, numbers);
    memmove(numbers, floats, count * sizeof *numbers);
    free(memory);
}

struct run {
    const struct convolution_method *method;
    const struct convolution_problem *problem;
    void *state, *workspace;
};

static void run_forward(const struct run *run, const struct tensors *tensors, float *result) {
    const enum precision precision = run->problem->precision;
    void *input = stored(precision, tensors->input, tensors->inputs);
    void *output = stored(precision, tensors->output, tensors->outputs);
    run->method->prepare(run->state, tensors->weight);
    run->method->forward(run->state, input, run->problem->shape.bias ? tensors->bias : NULL, output,
                         run->workspace);
    restore(precision, output, tensors->outputs, result);
    free(input);
}

static void run_data_gradient(const struct run *run, const struct tensors *tensors, float *result) {
    const enum precision precision = run->problem->precision;
    void *gradient = stored(precision, tensors->gradient, tensors->outputs);
    void *input_gradient = stored(precision, tensors->input, tensors->inputs); // is overwritten
    run->method->prepare(run->state, tensors->weight);
    run->method->data_gradient(run->state, gradient, input_gradient, run->workspace);
    restore(precision, input_gradient, tensors->inputs, result);
    free(gradient);
}

// Gradients of weights and bias are added to what is there.
static void run_weight_gradient(const struct run *run, const struct tensors *tensors,
                                float *result) {
    const enum precision precision = run->problem->precision;
    void *input = stored(precision, tensors->input, tensors->inputs);
    void *gradient = stored(precision, tensors->gradient, tensors->outputs);
    for (size_t i = 0; i < tensors->weights + tensors->biases; i++) {
        result[i] = 1;
    }
    run->method->weight_gradient(run->state, input, gradient, result,
                                 run->problem->shape.bias ? result + tensors->weights : NULL,
                                 run->workspace);
    free(input);
    free(gradient);
}

// The caller frees the result.
static float *run_method(const struct convolution_method *method, struct backend *backend,
                         const struct convolution_problem *problem, const struct tensors *tensors) {
    struct error error;
    size_t workspace = 0;
    struct run run = {.method = method, .problem = problem};
    float *result = need(result_count(tensors, problem->pass) * sizeof *result);
    run.state = method->plan(backend, problem, &workspace, &error);
    if (run.state == NULL) {
        fail_msg("%s: %s", method->name, error.text);
    }
    run.workspace = need(workspace);
    switch (problem->pass) {
    case CONVOLUTION_FORWARD: run_forward(&run, tensors, result); break;
    case CONVOLUTION_DATA_GRADIENT: run_data_gradient(&run, tensors, result); break;
    default: run_weight_gradient(&run, tensors, result);
    }
    method->release(run.state);
    free(run.workspace);
    return result;
}

// ---- comparisons

static void compare(const char *what, const struct convolution_problem *problem, double tolerance,
                    const float *numbers, const double *wanted, size_t count) {
    static const char *const passes[] = {"forward", "data gradient", "weight gradient"};
    const struct convolution_shape *s = &problem->shape;
    double apart = 0;
    double length = 0;
    for (size_t i = 0; i < count; i++) {
        apart += (numbers[i] - wanted[i]) * (numbers[i] - wanted[i]);
        length += wanted[i] * wanted[i];
    }
    if (!(sqrt(apart) <= tolerance * sqrt(length))) {
        fail_msg("%s, %s, %zu x %zu x %zu x %zu to %zu channels, %zu groups, window %zu, stride "
                 "%zu: off by %g",
                 what, passes[problem->pass], s->images, s->height, s->width, s->channels,
                 s->out_channels, s->groups, s->window, s->stride, sqrt(apart / length));
    }
}

static double error_of(const struct convolution_method *method,
                       const struct convolution_problem *problem) {
    const bool rounded =
        problem->precision == PRECISION_BF16 && problem->pass != CONVOLUTION_WEIGHT_GRADIENT;
    return method == &convolution_winograd_bf16 ? ROUNDED_ERROR : rounded ? BF16_ERROR : MAX_ERROR;
}

// Every method that can do the pass, also where another is taken since it is faster; if the
// environment has METHOD, that one only.
static void check_methods(struct backend *backend, struct convolution_problem problem,
                          const struct tensors *tensors, const double *wanted) {
    const struct convolution_method *method = NULL;
    const char *only = getenv("METHOD");
    problem.precision = backend->precision;
    problem.processor = convolution_processor();
    const struct convolution_problem own = problem;
    problem.processor.bf16_ahead = false;
    for (size_t i = 0; (method = convolution_method_at(i)) != NULL; i++) {
        if ((only == NULL || strcmp(only, method->name) == 0) &&
            (method->accepts(&problem) || method->accepts(&own))) {
            float *result = run_method(method, backend, &problem, tensors);
            compare(method->name, &problem, error_of(method, &problem), result, wanted,
                    result_count(tensors, problem.pass));
            free(result);
        }
    }
}

static double *plain_result(struct backend *backend, const struct convolution_problem *problem,
                            const struct tensors *tensors) {
    const size_t count = result_count(tensors, problem->pass);
    float *result = run_method(&convolution_plain, backend, problem, tensors);
    double *wanted = need(count * sizeof *wanted);
    for (size_t i = 0; i < count; i++) {
        wanted[i] = result[i];
    }
    free(result);
    return wanted;
}

static struct convolution_shape complete(struct convolution_shape s) {
    s.groups = s.groups == 0 ? 1 : s.groups;
    s.out_height = (s.height + 2 * s.pad - s.window) / s.stride + 1;
    s.out_width = (s.width + 2 * s.pad - s.window) / s.stride + 1;
    return s;
}

static struct backend *open_backend(enum precision precision) {
    struct error error;
    struct backend *backend = backend_open("cpu", precision, THREADS, &error);
    assert_non_null(backend);
    return backend;
}

// Whether the environment has PART, and leaves out this shape: every PART-th is tried, where all
// of them would take too long.
static bool left_out(void) {
    static unsigned long shapes = 0;
    const char *part = getenv("PART");
    return part != NULL && shapes++ % strtoul(part, NULL, 10) != 0;
}

__attribute__((unused)) static void check(struct convolution_shape shape) {
    if (left_out()) {
        return;
    }
    struct backend *f32 = open_backend(PRECISION_F32);
    struct backend *bf16 = open_backend(PRECISION_BF16);
    struct convolution_problem problem = {.shape = complete(shape), .threads = THREADS};
    struct tensors tensors = open_tensors(&problem.shape);
    for (int pass = 0; pass < (shape.train ? CONVOLUTION_PASSES : 1); pass++) {
        problem.pass = (enum convolution_pass)pass;
        if (problem.pass != CONVOLUTION_DATA_GRADIENT || shape.input_gradient) {
            double *wanted = plain_result(f32, &problem, &tensors);
            check_methods(f32, problem, &tensors, wanted);
            check_methods(bf16, problem, &tensors, wanted);
            free(wanted);
        }
    }
    close_tensors(&tensors);
    backend_close(f32);
    backend_close(bf16);
}

#endif

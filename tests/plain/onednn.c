// What the CPU backend takes from oneDNN, as plain loops in float32: for comparisons on machines
// without it.
#include "backend/cpu/products/plain.h"
#include "ops/convolution/cpu/convolution.h"
#include "program/die.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_CHANNELS = 1024 };

struct onednn {
    int unused;
};

struct onednn *onednn_open(struct error *error) {
    struct onednn *made = calloc(1, sizeof *made);
    if (made == NULL) {
        (void)fail(error, "no memory");
    }
    return made;
}

void onednn_close(struct onednn *onednn) {
    free(onednn);
}

bool onednn_failed(const struct onednn *onednn, struct error *error) {
    (void)onednn;
    (void)error;
    return false;
}

void cpu_gemm(bool transpose_a, bool transpose_b, size_t rows, size_t columns, size_t inner,
              float alpha, const float *a, size_t lda, const float *b, size_t ldb, float beta,
              float *c, size_t ldc) {
    cpu_plain_gemm(transpose_a, transpose_b, rows, columns, inner, alpha, a, lda, b, ldb, beta, c,
                   ldc);
}

// Weights by tap, so that the innermost loops go over what lies together.
struct cpu_convolution {
    struct convolution_shape shape;
    float *by_input;  // tap, input channel, output channel
    float *by_output; // tap, output channel, input channel
};

static size_t weight_count(const struct convolution_shape *shape) {
    return shape->out_channels * shape->channels * shape->kernel * shape->kernel;
}

struct cpu_convolution *cpu_convolution_plan(struct backend *backend,
                                             const struct convolution_shape *shape,
                                             struct error *error) {
    struct cpu_convolution *made = NULL;
    if (backend->precision != PRECISION_F32 || shape->out_channels > MOST_CHANNELS) {
        (void)fail(error, "plain loops know float32 and %d channels only", MOST_CHANNELS);
        return NULL;
    }
    made = calloc(1, sizeof *made);
    if (made != NULL) {
        *made = (struct cpu_convolution){*shape, calloc(weight_count(shape), sizeof(float)),
                                         calloc(weight_count(shape), sizeof(float))};
    }
    if (made == NULL || made->by_input == NULL || made->by_output == NULL) {
        cpu_convolution_release(made);
        (void)fail(error, "no memory");
        return NULL;
    }
    return made;
}

void cpu_convolution_release(struct cpu_convolution *convolution) {
    if (convolution != NULL) {
        free(convolution->by_input);
        free(convolution->by_output);
        free(convolution);
    }
}

size_t cpu_convolution_scratch(const struct cpu_convolution *convolution) {
    (void)convolution;
    return 0;
}

void cpu_convolution_weights(struct cpu_convolution *convolution, const float *weights) {
    const struct convolution_shape *s = &convolution->shape;
    const size_t taps = s->kernel * s->kernel;
    for (size_t o = 0; o < s->out_channels; o++) {
        for (size_t c = 0; c < s->channels; c++) {
            for (size_t k = 0; k < taps; k++) {
                const float weight = *weights++; // OIHW
                convolution->by_input[(k * s->channels + c) * s->out_channels + o] = weight;
                convolution->by_output[(k * s->out_channels + o) * s->channels + c] = weight;
            }
        }
    }
}

// sum[i] += factor * numbers[i]
static inline void add_times(float *restrict sum, float factor, const float *restrict numbers,
                             size_t count) {
    for (size_t i = 0; i < count; i++) {
        sum[i] += factor * numbers[i];
    }
}

// Where a tap of the kernel reads for an output: false beyond the image.
static bool reads(const struct convolution_shape *s, size_t out, size_t k, size_t side,
                  size_t *in) {
    *in = out * s->stride + k - s->pad; // may wrap around, and is then too great
    return *in < side;
}

// Which output reads a number with a tap; false for none.
static bool is_read(const struct convolution_shape *s, size_t in, size_t k, size_t side,
                    size_t *out) {
    const size_t from = in + s->pad - k; // may wrap around
    *out = from / s->stride;
    return in + s->pad >= k && from % s->stride == 0 && *out < side;
}

static void forward_pixel(const struct cpu_convolution *convolution, const float *input,
                          const float *bias, size_t image, size_t y, size_t x, float *output) {
    const struct convolution_shape *s = &convolution->shape;
    float sums[MOST_CHANNELS] = {0};
    for (size_t k = 0; k < s->kernel * s->kernel; k++) {
        size_t iy;
        size_t ix;
        if (!reads(s, y, k / s->kernel, s->height, &iy) ||
            !reads(s, x, k % s->kernel, s->width, &ix)) {
            continue;
        }
        const float *pixel = input + ((image * s->height + iy) * s->width + ix) * s->channels;
        const float *weights = convolution->by_input + k * s->channels * s->out_channels;
        for (size_t c = 0; c < s->channels; c++) {
            add_times(sums, pixel[c], weights + c * s->out_channels, s->out_channels);
        }
    }
    for (size_t o = 0; o < s->out_channels; o++) {
        const float sum = sums[o] + (bias != NULL ? bias[o] : 0) + (s->sum ? output[o] : 0);
        output[o] = s->relu && sum < 0 ? 0 : sum;
    }
}

void cpu_convolution_forward(struct cpu_convolution *convolution, const void *input,
                             const float *bias, void *output, void *scratch) {
    (void)scratch;
    const struct convolution_shape *s = &convolution->shape;
#pragma omp parallel for
    for (size_t row = 0; row < s->images * s->out_height; row++) {
        for (size_t x = 0; x < s->out_width; x++) {
            forward_pixel(convolution, input, s->bias ? bias : NULL, row / s->out_height,
                          row % s->out_height, x,
                          (float *)output + (row * s->out_width + x) * s->out_channels);
        }
    }
}

static void input_gradient(const struct cpu_convolution *convolution, const float *outer,
                           size_t image, size_t y, size_t x, float *pixel) {
    const struct convolution_shape *s = &convolution->shape;
    memset(pixel, 0, s->channels * sizeof *pixel);
    for (size_t k = 0; k < s->kernel * s->kernel; k++) {
        size_t oy;
        size_t ox;
        if (!is_read(s, y, k / s->kernel, s->out_height, &oy) ||
            !is_read(s, x, k % s->kernel, s->out_width, &ox)) {
            continue;
        }
        const float *gradients =
            outer + ((image * s->out_height + oy) * s->out_width + ox) * s->out_channels;
        const float *weights = convolution->by_output + k * s->out_channels * s->channels;
        for (size_t o = 0; o < s->out_channels; o++) {
            add_times(pixel, gradients[o], weights + o * s->channels, s->channels);
        }
    }
}

// Adds one output channel's gradients to weights (of that channel: input channel, tap) and bias.
static void weight_gradient(const struct convolution_shape *s, size_t o, const float *input,
                            const float *outer, float *weights, float *bias) {
    const size_t taps = s->kernel * s->kernel;
    const size_t pixels = s->out_height * s->out_width;
    float *sums = calloc(taps * s->channels + 1, sizeof *sums); // tap, input channel
    if (sums == NULL) {
        die("no memory");
    }
    for (size_t at = 0; at < s->images * pixels; at++) {
        const float gradient = outer[at * s->out_channels + o];
        sums[taps * s->channels] += gradient;
        for (size_t k = 0; k < taps; k++) {
            size_t iy;
            size_t ix;
            if (reads(s, at % pixels / s->out_width, k / s->kernel, s->height, &iy) &&
                reads(s, at % s->out_width, k % s->kernel, s->width, &ix)) {
                const float *pixel =
                    input + ((at / pixels * s->height + iy) * s->width + ix) * s->channels;
                add_times(sums + k * s->channels, gradient, pixel, s->channels);
            }
        }
    }
    for (size_t i = 0; weights != NULL && i < taps * s->channels; i++) {
        weights[i % s->channels * taps + i / s->channels] += sums[i];
    }
    if (bias != NULL) {
        *bias += sums[taps * s->channels];
    }
    free(sums);
}

void cpu_convolution_backward(struct cpu_convolution *convolution, const void *input,
                              const void *output_gradient, void *input_gradients,
                              float *weight_gradients, float *bias_gradient, void *scratch) {
    (void)scratch;
    const struct convolution_shape *s = &convolution->shape;
    const size_t own = s->channels * s->kernel * s->kernel; // weights of an output channel
#pragma omp parallel for
    for (size_t row = 0; row < (input_gradients != NULL ? s->images * s->height : 0); row++) {
        for (size_t x = 0; x < s->width; x++) {
            input_gradient(convolution, output_gradient, row / s->height, row % s->height, x,
                           (float *)input_gradients + (row * s->width + x) * s->channels);
        }
    }
#pragma omp parallel for
    for (size_t o = 0; o < s->out_channels; o++) {
        weight_gradient(s, o, input, output_gradient,
                        weight_gradients != NULL ? weight_gradients + o * own : NULL,
                        bias_gradient != NULL ? bias_gradient + o : NULL);
    }
}

// Convolutions by our own products: which pass of a layer goes by which method.
#include "ops/convolution/cpu/panels.h"

#include "ops/convolution/cpu/direct/direct.h"
#include "ops/convolution/cpu/winograd/winograd.h"

#include <stdlib.h>

#define MOST_STRIDE 2
#define PHASES (MOST_STRIDE * MOST_STRIDE)
#define WEIGHTS_A_PIXEL 512 // at most, channels x channels, for Winograd's method
#define SAVING_CHANNELS 64  // from here on Winograd's method takes a third of direct products' time
#define BIAS_PARTS ((size_t)64) // of the pixels, summed each on its own

// A convolution by either method, with weights made ready for it.
struct way {
    struct winograd tiles;
    struct sweep sweep;
    struct taps taps;
    float *weights;
};

struct panels {
    struct convolution_shape shape;
    const float *plain; // the layer's weights
    struct way forward;
    struct way backward[PHASES]; // the input's gradient: one, or a sweep a phase
    size_t phases;               // 0: not wanted
    bool winograd;               // all passes; else all are direct
};

static struct winograd tiles_of(const struct convolution_shape *shape, size_t tile, bool turned,
                                const struct backend *backend) {
    return (struct winograd){.tile = tile,
                             .precision = backend->precision,
                             .images = shape->images,
                             .height = shape->height,
                             .width = shape->width,
                             .channels = turned ? shape->out_channels : shape->channels,
                             .out_channels = turned ? shape->channels : shape->out_channels,
                             .threads = backend->threads};
}

// Transformed weights and their gradients cost the same whatever there is to convolve: with few
// pixels to many channels they take more than they save. In prediction each image counts alone: its
// bytes must not depend on the others.
static bool suits_winograd(const struct convolution_shape *shape, const struct backend *backend) {
    const struct winograd tiles = tiles_of(shape, 4, false, backend);
    const size_t pixels = shape->height * shape->width * (shape->train ? shape->images : 1);
    return shape->kernel == 3 && shape->stride == 1 && shape->pad == 1 &&
           cpu_winograd_suits(&tiles) &&
           pixels * WEIGHTS_A_PIXEL >= shape->channels * shape->out_channels;
}

static size_t phases_of(const struct convolution_shape *shape) {
    return shape->train && shape->input_gradient ? shape->stride * shape->stride : 0;
}

bool panels_suit(const struct backend *backend, const struct convolution_shape *shape) {
    struct sweep sweep;
    struct taps taps;
    if (shape->stride > MOST_STRIDE || !sweep_forward(shape, backend, &sweep, &taps)) {
        return false;
    }
    for (size_t phase = 0; phase < phases_of(shape); phase++) {
        if (!sweep_backward(shape, backend, phase, &sweep, &taps)) {
            return false;
        }
    }
    return true;
}

bool panels_save(const struct backend *backend, const struct convolution_shape *shape) {
    return panels_suit(backend, shape) && suits_winograd(shape, backend) &&
           shape->channels >= SAVING_CHANNELS && shape->out_channels >= SAVING_CHANNELS;
}

static bool make_way(struct way *way, bool winograd, struct error *error) {
    const size_t count =
        winograd ? cpu_winograd_weights_size(&way->tiles) : sweep_weights_size(&way->sweep);
    way->weights = aligned_alloc(64, (count * sizeof(float) + 64) / 64 * 64);
    return way->weights != NULL || fail(error, "no memory");
}

// In training the forward pass of float32 goes by small tiles: its errors decide on which side of 0
// a ReLU's input falls, and what it lets through; those of the backward passes only add to
// gradients, and bf16's own are a thousand times as large.
struct panels *panels_plan(struct backend *backend, const struct convolution_shape *shape,
                           bool gradient_only, struct error *error) {
    struct panels *made = calloc(1, sizeof *made);
    if (made == NULL) {
        (void)fail(error, "no memory");
        return NULL;
    }
    const bool winograd = suits_winograd(shape, backend);
    const bool exact = shape->train && backend->precision == PRECISION_F32;
    made->shape = *shape;
    made->winograd = winograd;
    made->forward.tiles = tiles_of(shape, exact ? 2 : 4, false, backend);
    made->phases = gradient_only ? 0 : winograd && phases_of(shape) > 0 ? 1 : phases_of(shape);
    bool planned = sweep_forward(shape, backend, &made->forward.sweep, &made->forward.taps) &&
                   (gradient_only || make_way(&made->forward, winograd, error));
    for (size_t phase = 0; planned && phase < made->phases; phase++) {
        struct way *way = &made->backward[phase];
        way->tiles = tiles_of(shape, 4, true, backend);
        planned = sweep_backward(shape, backend, phase, &way->sweep, &way->taps) &&
                  (winograd ||
                   make_way(way, winograd, error)); // four times the weights: made in each step
    }
    if (!planned) {
        panels_release(made);
        return NULL;
    }
    return made;
}

void panels_release(struct panels *panels) {
    if (panels != NULL) {
        free(panels->forward.weights);
        for (size_t phase = 0; phase < panels->phases; phase++) {
            free(panels->backward[phase].weights);
        }
        free(panels);
    }
}

static size_t greater(size_t one, size_t other) {
    return one > other ? one : other;
}

size_t panels_scratch(const struct panels *panels) {
    const struct way *forward = &panels->forward;
    const bool winograd = panels->winograd;
    size_t most = 2 * BIAS_PARTS * panels->shape.out_channels * sizeof(float);
    most = greater(most, winograd ? cpu_winograd_scratch(&forward->tiles)
                                  : sweep_scratch(&forward->sweep));
    if (panels->shape.train) {
        most = greater(most, winograd ? cpu_winograd_gradient_scratch(&forward->tiles)
                                      : sweep_gradient_scratch(&forward->sweep));
    }
    for (size_t phase = 0; phase < panels->phases; phase++) {
        const struct way *way = &panels->backward[phase];
        most = greater(most, winograd ? cpu_winograd_weights_size(&way->tiles) * sizeof(float) +
                                            cpu_winograd_scratch(&way->tiles)
                                      : sweep_scratch(&way->sweep));
    }
    return most;
}

void panels_weights(struct panels *panels, const float *weights) {
    struct way *forward = &panels->forward;
    panels->plain = weights;
    if (panels->winograd) {
        cpu_winograd_weights(&forward->tiles, weights, false, forward->weights);
        return;
    }
    sweep_weights(&forward->sweep, &forward->taps, weights, forward->weights);
    for (size_t phase = 0; phase < panels->phases; phase++) {
        struct way *way = &panels->backward[phase];
        sweep_weights(&way->sweep, &way->taps, weights, way->weights);
    }
}

void panels_forward(struct panels *panels, const void *input, const float *bias, void *output,
                    void *scratch) {
    const struct way *way = &panels->forward;
    const struct finish finish = {bias, panels->shape.sum, panels->shape.relu};
    if (panels->winograd) {
        cpu_winograd_convolve(&way->tiles, input, way->weights, finish, output, scratch);
    } else {
        sweep_convolve(&way->sweep, input, way->weights, finish, output, 0, scratch);
    }
}

// Adds the sums over pixels, in parts that do not depend on the threads.
static void add_bias_gradient(const struct panels *panels, const void *output_gradient,
                              float *bias_gradient, float *parts) {
    const struct convolution_shape *shape = &panels->shape;
    const struct sweep *sweep = &panels->forward.sweep;
    const size_t channels = shape->out_channels;
    const size_t pixels = shape->images * shape->out_height * shape->out_width;
#pragma omp parallel for schedule(static) num_threads(sweep->threads)
    for (size_t part = 0; part < BIAS_PARTS; part++) {
        float *sums = parts + part * channels;
        float *room = parts + (BIAS_PARTS + part) * channels;
        for (size_t c = 0; c < channels; c++) {
            sums[c] = 0;
        }
        for (size_t i = part * pixels / BIAS_PARTS; i < (part + 1) * pixels / BIAS_PARTS; i++) {
            const float *pixel =
                cpu_read(sweep->precision, output_gradient, i * channels, channels, room);
            for (size_t c = 0; c < channels; c++) {
                sums[c] += pixel[c];
            }
        }
    }
    for (size_t part = 0; part < BIAS_PARTS; part++) {
        for (size_t c = 0; c < channels; c++) {
            bias_gradient[c] += parts[part * channels + c];
        }
    }
}

// Where a phase's first pixel lies in the input's gradient.
static size_t phase_at(const struct convolution_shape *shape, size_t phase) {
    return (phase / shape->stride * shape->width + phase % shape->stride) * shape->channels;
}

void panels_backward(struct panels *panels, const void *input, const void *output_gradient,
                     void *input_gradient, float *weight_gradient, float *bias_gradient,
                     void *scratch) {
    const struct way *forward = &panels->forward;
    const struct finish finish = {NULL, false, false};
    if (weight_gradient != NULL && panels->winograd) {
        cpu_winograd_gradient(&forward->tiles, input, output_gradient, weight_gradient, scratch);
    } else if (weight_gradient != NULL) {
        sweep_gradient(&forward->sweep, &forward->taps, input, output_gradient, weight_gradient,
                       scratch);
    }
    if (bias_gradient != NULL && panels->shape.bias) {
        add_bias_gradient(panels, output_gradient, bias_gradient, scratch);
    }
    for (size_t phase = 0; input_gradient != NULL && phase < panels->phases; phase++) {
        const struct way *way = &panels->backward[phase];
        if (panels->winograd) {
            float *weights = scratch;
            cpu_winograd_weights(&way->tiles, panels->plain, true, weights);
            cpu_winograd_convolve(&way->tiles, output_gradient, weights, finish, input_gradient,
                                  weights + cpu_winograd_weights_size(&way->tiles));
        } else {
            sweep_convolve(&way->sweep, output_gradient, way->weights, finish, input_gradient,
                           phase_at(&panels->shape, phase), scratch);
        }
    }
}

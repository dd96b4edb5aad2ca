// head_convolution on the CPU. A dropped channel is a weight of 0 for that image, a kept one is
// scaled by 1 / (1 - probability).
#include "backend/cpu/cpu.h"
#include "backend/bf16.h"
#include "backend/cpu/number.h"
#include "core/simd.h"
#include "ops/cpu_operation.h"
#include "ops/head_convolution/head_convolution.h"
#include "ops/kernels.h"

#include <stdlib.h>
#include <string.h>

#define MAX_CHANNELS 512
#define LANES 8 // channels of backward's sums that stay in registers
#define INLINED __attribute__((always_inline)) static inline

struct state {
    size_t images, pixels, channels; // pixels of one image
    size_t row;                      // pixels of a row
    size_t block, blocks;            // pixels worked on at once; how often, in one image
    double dropout;
    enum precision precision;
    int threads;
};

static bool plan(struct kernel_plan *plan, struct error *error) {
    const struct head_convolution_attributes *attributes = plan->node->attributes;
    const struct shape in = plan_input_shape(plan, 0);
    struct state *state = cpu_state_alloc(sizeof *state, in.c, MAX_CHANNELS, error);
    if (state == NULL) {
        return false;
    }
    *state = (struct state){.images = in.n,
                            .pixels = in.h * in.w,
                            .channels = in.c,
                            .row = in.w,
                            .block = CPU_BLOCK / in.c,
                            .dropout = attributes->dropout,
                            .precision = plan->backend->precision,
                            .threads = plan->backend->threads};
    state->blocks = (state->pixels + state->block - 1) / state->block;
    plan->scratch = in.n * state->blocks * (in.c + 1) * sizeof(double); // backward's sums
    plan->state = state;
    return true;
}

// What each channel of an image is multiplied with by dropout.
static void draw(const struct state *state, const struct call *call, size_t image, float *factors) {
    for (size_t c = 0; c < state->channels; c++) {
        factors[c] = head_convolution_dropout(*call->seed ^ call->salt, image, c, state->dropout);
    }
}

VECTORISED static void products(const float *x, const float *weights, size_t pixels,
                                size_t channels, float bias, float *out) {
    for (size_t pixel = 0; pixel < pixels; pixel++) {
        const float *of_pixel = x + pixel * channels;
        float sums[8] = {bias};
        size_t c = 0;
        for (; c + 8 <= channels; c += 8) {
            for (size_t lane = 0; lane < 8; lane++) {
                sums[lane] += of_pixel[c + lane] * weights[c + lane];
            }
        }
        for (; c < channels; c++) {
            sums[0] += of_pixel[c] * weights[c];
        }
        out[pixel] = ((sums[0] + sums[4]) + (sums[1] + sums[5])) +
                     ((sums[2] + sums[6]) + (sums[3] + sums[7]));
    }
}

// The same of 8 channels of bf16, which lie in 4 words: the lower halves are even channels.
VECTORISED static void narrow_products(const uint32_t *restrict words,
                                       const float weights[restrict 8], size_t pixels, float bias,
                                       float *restrict out) {
#pragma omp simd
    for (size_t pixel = 0; pixel < pixels; pixel++) {
        float terms[8];
        for (size_t i = 0; i < 4; i++) {
            terms[2 * i] = bf16_to((uint16_t)words[4 * pixel + i]) * weights[2 * i];
            terms[2 * i + 1] = bf16_to((uint16_t)(words[4 * pixel + i] >> 16)) * weights[2 * i + 1];
        }
        out[pixel] = (((bias + terms[0]) + terms[4]) + (terms[1] + terms[5])) +
                     ((terms[2] + terms[6]) + (terms[3] + terms[7]));
    }
}

// At most a block of an image's pixels.
static void forward_block(const struct state *state, const struct call *call, size_t image,
                          size_t pixel, size_t pixels) {
    const size_t first = image * state->pixels + pixel;
    float weights[MAX_CHANNELS];
    float temporary[CPU_BLOCK];
    draw(state, call, image, weights);
    for (size_t c = 0; c < state->channels; c++) {
        weights[c] *= call->parameter[0][c];
    }
    float *out = (float *)call->out + first;
    if (state->precision == PRECISION_BF16 && state->channels == 8) {
        narrow_products((const uint32_t *)call->in[0] + first * 4, weights, pixels,
                        *call->parameter[1], out);
        return;
    }
    products(cpu_read(state->precision, call->in[0], first * state->channels,
                      pixels * state->channels, temporary),
             weights, pixels, state->channels, *call->parameter[1], out);
}

static void forward(const struct call *call) {
    const struct state *state = call->state;
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t index = 0; index < state->images * state->blocks; index++) {
        const size_t pixel = index % state->blocks * state->block;
        const size_t left = state->pixels - pixel;
        forward_block(state, call, index / state->blocks, pixel,
                      left < state->block ? left : state->block);
    }
}

static void forward_rows(const struct call *call, size_t image, struct row_span rows) {
    const struct state *state = call->state;
    const size_t end = rows.end * state->row;
    for (size_t pixel = rows.first * state->row; pixel < end; pixel += state->block) {
        forward_block(state, call, image, pixel,
                      end - pixel < state->block ? end - pixel : state->block);
    }
}

// A block's pixels: their channels, and the output's gradient.
struct pixels {
    size_t count, channels;
    const void *x;
    const float *dy;
};

// At most LANES channels of a block's pixels: sums over them of dy * x, and the input's gradient,
// which is dy * weights, on top of what is there if asked. `lanes` and `add` are constants where
// this is called.
INLINED void backward_lanes(enum precision precision, size_t lanes, bool add,
                            const struct pixels *pixels, size_t channel, const float *weights,
                            float *sums, void *gradient) {
    const struct pixels from = *pixels;
    float sum[LANES] = {0};
    float weight[LANES];
    memcpy(weight, weights + channel, lanes * sizeof *weight);
    for (size_t pixel = 0; pixel < from.count; pixel++) {
        const size_t first = pixel * from.channels + channel;
        const float dy = from.dy[pixel];
        float x[LANES];
#pragma omp simd
        for (size_t lane = 0; lane < lanes; lane++) {
            x[lane] = cpu_load(precision, from.x, first + lane);
        }
#pragma omp simd
        for (size_t lane = 0; lane < lanes; lane++) {
            const float before = add ? cpu_load(precision, gradient, first + lane) : 0;
            sum[lane] += dy * x[lane];
            cpu_store(precision, before + dy * weight[lane], gradient, first + lane);
        }
    }
    memcpy(sums + channel, sum, lanes * sizeof *sum);
}

INLINED void backward_by(enum precision precision, bool add, const struct pixels *pixels,
                         const float *weights, float *sums, void *gradient) {
    size_t channel = 0;
    for (; channel + LANES <= pixels->channels; channel += LANES) {
        backward_lanes(precision, LANES, add, pixels, channel, weights, sums, gradient);
    }
    for (; channel < pixels->channels; channel++) {
        backward_lanes(precision, 1, add, pixels, channel, weights, sums, gradient);
    }
}

VECTORISED static void backward_pixels(enum precision stored, bool adds,
                                       const struct pixels *pixels, const float *weights,
                                       float *sums, void *gradient) {
    CPU_FOR_PRECISION(
        stored,
        CPU_FOR_FLAG(add, adds, backward_by(precision, add, pixels, weights, sums, gradient)));
}

// The input's gradient may lie where the input does, which is read first.
static void backward_block(const struct state *state, const struct call *call, size_t index,
                           double *sums) {
    const size_t channels = state->channels;
    const size_t image = index / state->blocks;
    const size_t pixel = index % state->blocks * state->block;
    const size_t left = state->pixels - pixel;
    const size_t pixels = left < state->block ? left : state->block;
    const size_t first = image * state->pixels + pixel;
    const float *dy = (const float *)call->out_gradient + first;
    float factors[MAX_CHANNELS];
    float weights[MAX_CHANNELS];
    float of_weights[MAX_CHANNELS];
    draw(state, call, image, factors);
    for (size_t c = 0; c < channels; c++) {
        weights[c] = factors[c] * call->parameter[0][c];
    }
    const size_t offset = first * channels * precision_size(state->precision);
    const struct pixels block = {pixels, channels, (const char *)call->in[0] + offset, dy};
    backward_pixels(state->precision, call->add[0], &block, weights, of_weights,
                    (char *)call->in_gradient[0] + offset);
    sums[channels] = 0;
    for (size_t i = 0; i < pixels; i++) {
        sums[channels] += dy[i];
    }
    for (size_t c = 0; c < channels; c++) {
        sums[c] = (double)of_weights[c] * factors[c];
    }
}

static void backward(const struct call *call) {
    const struct state *state = call->state;
    const size_t blocks = state->images * state->blocks;
    const size_t wide = state->channels + 1;
    double *sums = call->scratch;
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t index = 0; index < blocks; index++) {
        backward_block(state, call, index, sums + index * wide);
    }
    for (size_t c = 0; c < wide; c++) {
        double sum = 0;
        for (size_t index = 0; index < blocks; index++) {
            sum += sums[index * wide + c];
        }
        float *to = c < state->channels ? &call->gradient[0][c] : call->gradient[1];
        *to += (float)sum;
    }
}

const struct row_kernel head_convolution_rows = {NULL, NULL, forward_rows};
const struct kernel head_convolution_cpu = {plan, forward, backward, free, NULL};

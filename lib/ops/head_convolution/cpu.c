// head_convolution on the CPU. A dropped channel is a weight of 0 for that image, a kept one is
// scaled by 1 / (1 - probability).
#include "backend/cpu/cpu.h"
#include "backend/bf16.h"
#include "core/simd.h"
#include "ops/cpu_operation.h"
#include "ops/head_convolution/head_convolution.h"
#include "ops/kernels.h"

#include <stdlib.h>
#include <string.h>

#define MAX_CHANNELS 512

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

// Sums over pixels of dy * x, a channel each.
VECTORISED static void weight_sums(const float *x, const float *dy, size_t pixels, size_t channels,
                                   float *sums) {
    memset(sums, 0, channels * sizeof *sums);
    for (size_t pixel = 0; pixel < pixels; pixel++) {
        for (size_t c = 0; c < channels; c++) {
            sums[c] += dy[pixel] * x[pixel * channels + c];
        }
    }
}

// dx += dy * weights.
VECTORISED static void add_input_gradient(const float *dy, const float *weights, size_t pixels,
                                          size_t channels, float *dx) {
    for (size_t pixel = 0; pixel < pixels; pixel++) {
        for (size_t c = 0; c < channels; c++) {
            dx[pixel * channels + c] += dy[pixel] * weights[c];
        }
    }
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
    float of_x[CPU_BLOCK];
    float of_dx[CPU_BLOCK];
    draw(state, call, image, factors);
    for (size_t c = 0; c < channels; c++) {
        weights[c] = factors[c] * call->parameter[0][c];
    }
    weight_sums(cpu_read(state->precision, call->in[0], first * channels, pixels * channels, of_x),
                dy, pixels, channels, of_weights);
    float *dx = cpu_target(state->precision, call->in_gradient[0], first * channels,
                           pixels * channels, call->add[0], of_dx);
    add_input_gradient(dy, weights, pixels, channels, dx);
    cpu_write(state->precision, call->in_gradient[0], first * channels, pixels * channels, dx);
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

// norm on the CPU. Rows are pixels. Statistics are of float32 blocks with their own means, brought
// together in float64 (Chan, Golub, LeVeque 1979), in an order that threads do not change. What
// float32 leaves of a mean is kept as a correction: over two pixels 1 / deviation may be 300.
#include "backend/cpu.h"
#include "core/simd.h"
#include "ops/kernels.h"
#include "ops/norm/norm.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 16384 // numbers
#define MOST_CHUNKS 64

struct state {
    size_t rows, channels;
    size_t block;         // rows worked on at once
    size_t chunks, chunk; // chunks of so many rows: what a thread takes
    enum precision precision;
    bool relu, residual;
    int threads;
};

// What is saved: the normalised input is (x - mean) * inverse + rest, a channel each.
struct normal {
    float *mean, *inverse, *rest;
};

static struct normal saved_normal(const struct state *state, const struct call *call) {
    float *at = call->saved;
    return (struct normal){at, at + state->channels, at + 2 * state->channels};
}

// Sums of one chunk, a channel each. Forward: mean and sum of squared differences; backward: sums
// of the gradient and of its product with the normalised input.
struct sums {
    double *first, *second;
};

static struct sums chunk_sums(const struct state *state, void *scratch, size_t chunk) {
    double *at = (double *)scratch + chunk * 2 * state->channels;
    return (struct sums){at, at + state->channels};
}

// Room for four floats a channel.
static float *behind_sums(const struct state *state, void *scratch) {
    void *at = (char *)scratch + state->chunks * 2 * state->channels * sizeof(double);
    return at;
}

static bool plan_norm(struct kernel_plan *plan, bool residual, struct error *error) {
    const struct shape shape = output_shape(plan);
    const struct norm_attributes *attributes = plan->node->attributes;
    struct state *state = malloc(sizeof *state);
    if (state == NULL || shape.c > BLOCK) {
        free(state);
        return fail(error, "no memory, or more channels than %d", BLOCK);
    }
    const size_t rows = shape.n * shape.h * shape.w;
    const size_t block = BLOCK / shape.c;
    const size_t blocks = (rows + block - 1) / block;
    const size_t per_chunk = (blocks + MOST_CHUNKS - 1) / MOST_CHUNKS;
    *state = (struct state){.rows = rows,
                            .channels = shape.c,
                            .block = block,
                            .chunks = (blocks + per_chunk - 1) / per_chunk,
                            .chunk = per_chunk * block,
                            .precision = plan->backend->precision,
                            .relu = attributes->relu,
                            .residual = residual,
                            .threads = plan->backend->threads};
    plan->scratch = state->chunks * 2 * shape.c * sizeof(double) + 4 * shape.c * sizeof(float);
    plan->saved = 3 * shape.c * sizeof(float);
    plan->state = state;
    return true;
}

static bool plan(struct kernel_plan *asked, struct error *error) {
    return plan_norm(asked, false, error);
}

static bool plan_residual(struct kernel_plan *asked, struct error *error) {
    return plan_norm(asked, true, error);
}

// ---- forward

// Mean and sum of squared differences of a block, joined to those of `seen` rows before it.
VECTORISED static void join_block(const float *x, size_t rows, size_t channels, size_t seen,
                                  struct sums sums) {
    float mean[BLOCK];
    float squares[BLOCK];
    memset(mean, 0, channels * sizeof *mean);
    memset(squares, 0, channels * sizeof *squares);
    for (size_t row = 0; row < rows; row++) {
        for (size_t c = 0; c < channels; c++) {
            mean[c] += x[row * channels + c];
        }
    }
    const float share = 1.0F / (float)rows;
    for (size_t c = 0; c < channels; c++) {
        mean[c] *= share;
    }
    for (size_t row = 0; row < rows; row++) {
        for (size_t c = 0; c < channels; c++) {
            const float from_mean = x[row * channels + c] - mean[c];
            squares[c] += from_mean * from_mean;
        }
    }
    const double part = (double)rows / (double)(seen + rows);
    const double weight = part * (double)seen;
    for (size_t c = 0; c < channels; c++) {
        const double apart = mean[c] - sums.first[c];
        sums.first[c] += apart * part;
        sums.second[c] += squares[c] + apart * apart * weight;
    }
}

static void statistics_of_chunk(const struct state *state, const struct call *call, size_t chunk) {
    const struct sums sums = chunk_sums(state, call->scratch, chunk);
    const size_t first = chunk * state->chunk;
    const size_t end = first + state->chunk < state->rows ? first + state->chunk : state->rows;
    float temporary[BLOCK];
    memset(sums.first, 0, 2 * state->channels * sizeof *sums.first);
    for (size_t row = first; row < end; row += state->block) {
        const size_t rows = end - row < state->block ? end - row : state->block;
        const float *x = cpu_read(state->precision, call->in[0], row * state->channels,
                                  rows * state->channels, temporary);
        join_block(x, rows, state->channels, row - first, sums);
    }
}

// The batch's statistics into call->saved; running ones follow, the variance unbiased.
static void finish_statistics(const struct state *state, const struct call *call) {
    const struct normal normal = saved_normal(state, call);
    const double rows = (double)state->rows;
    for (size_t c = 0; c < state->channels; c++) {
        double mean = 0;
        double squares = 0;
        double seen = 0;
        for (size_t chunk = 0; chunk < state->chunks; chunk++) {
            const struct sums sums = chunk_sums(state, call->scratch, chunk);
            const size_t first = chunk * state->chunk;
            const size_t left = state->rows - first;
            const double here = (double)(left < state->chunk ? left : state->chunk);
            const double apart = sums.first[c] - mean;
            mean += apart * here / (seen + here);
            squares += sums.second[c] + apart * apart * seen * here / (seen + here);
            seen += here;
        }
        const double inverse = 1 / sqrt(squares / rows + NORM_EPSILON);
        normal.mean[c] = (float)mean;
        normal.inverse[c] = (float)inverse;
        normal.rest[c] = (float)((normal.mean[c] - mean) * inverse);
        float *running_mean = &call->parameter[NORM_MEAN][c];
        float *running_variance = &call->parameter[NORM_VARIANCE][c];
        *running_mean += (float)(NORM_MOMENTUM * (mean - *running_mean));
        *running_variance += (float)(NORM_MOMENTUM * (squares / (rows - 1) - *running_variance));
    }
}

// scale and shift such that the norm is (x - mean) * scale + shift.
static void affine(const struct state *state, const struct call *call, float *scale, float *shift) {
    const struct normal normal = saved_normal(state, call);
    for (size_t c = 0; c < state->channels; c++) {
        scale[c] = call->parameter[NORM_SCALE][c] * normal.inverse[c];
        shift[c] = call->parameter[NORM_SHIFT][c] + call->parameter[NORM_SCALE][c] * normal.rest[c];
    }
}

VECTORISED static void apply(const float *x, const float *residual, size_t rows, size_t channels,
                             const float *mean, const float *scale, const float *shift, bool relu,
                             float *y) {
    const float least = relu ? 0 : -INFINITY; // NaN is to stay, and to be found
    for (size_t row = 0; row < rows; row++) {
        const size_t at = row * channels;
        if (residual != NULL) {
            for (size_t c = 0; c < channels; c++) {
                const float sum = (x[at + c] - mean[c]) * scale[c] + shift[c] + residual[at + c];
                y[at + c] = sum < least ? least : sum;
            }
        } else {
            for (size_t c = 0; c < channels; c++) {
                const float sum = (x[at + c] - mean[c]) * scale[c] + shift[c];
                y[at + c] = sum < least ? least : sum;
            }
        }
    }
}

static void forward(const struct call *call) {
    const struct state *state = call->state;
    const size_t channels = state->channels;
    float *scale = behind_sums(state, call->scratch);
    float *shift = scale + channels;
    if (call->mode == RUN_FORWARD) {
#pragma omp parallel for schedule(static) num_threads(state->threads)
        for (size_t chunk = 0; chunk < state->chunks; chunk++) {
            statistics_of_chunk(state, call, chunk);
        }
        finish_statistics(state, call);
    }
    affine(state, call, scale, shift);
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t row = 0; row < state->rows; row += state->block) {
        const size_t rows = state->rows - row < state->block ? state->rows - row : state->block;
        const size_t at = row * channels;
        float of_x[BLOCK];
        float of_residual[BLOCK];
        float of_y[BLOCK];
        const float *x = cpu_read(state->precision, call->in[0], at, rows * channels, of_x);
        const float *residual = state->residual ? cpu_read(state->precision, call->in[1], at,
                                                           rows * channels, of_residual)
                                                : NULL;
        float *y = state->precision == PRECISION_F32 ? (float *)call->out + at : of_y;
        apply(x, residual, rows, channels, call->saved, scale, shift, state->relu, y);
        cpu_write(state->precision, call->out, at, rows * channels, y);
    }
}

// ---- backward

// One block: its input, and its output's gradient with the ReLU taken into account.
struct block {
    size_t first, rows; // number of the first element; rows
    const float *x;
    float dz[BLOCK];
    float of_x[BLOCK];
};

VECTORISED static void mask_by_output(const float *dy, const float *y, size_t count, float *dz) {
    for (size_t i = 0; i < count; i++) {
        dz[i] = y[i] > 0 ? dy[i] : 0;
    }
}

VECTORISED static void mask_by_input(const float *dy, const float *x, const float *mean,
                                     const float *scale, const float *shift, size_t rows,
                                     size_t channels, float *dz) {
    for (size_t row = 0; row < rows; row++) {
        const size_t at = row * channels;
        for (size_t c = 0; c < channels; c++) {
            dz[at + c] = (x[at + c] - mean[c]) * scale[c] + shift[c] > 0 ? dy[at + c] : 0;
        }
    }
}

static void read_block(const struct state *state, const struct call *call, const float *scale,
                       const float *shift, size_t row, struct block *block) {
    const size_t channels = state->channels;
    float temporary[BLOCK];
    block->rows = state->rows - row < state->block ? state->rows - row : state->block;
    block->first = row * channels;
    const size_t count = block->rows * channels;
    block->x = cpu_read(state->precision, call->in[0], block->first, count, block->of_x);
    const float *dy =
        cpu_read(state->precision, call->out_gradient, block->first, count, temporary);
    if (!state->relu) {
        memcpy(block->dz, dy, count * sizeof *dy);
    } else if (state->residual) {
        float of_y[BLOCK];
        const float *y = cpu_read(state->precision, call->out, block->first, count, of_y);
        mask_by_output(dy, y, count, block->dz);
    } else {
        mask_by_input(dy, block->x, call->saved, scale, shift, block->rows, channels, block->dz);
    }
}

VECTORISED static void add_block(const struct block *block, struct normal normal, size_t channels,
                                 struct sums sums) {
    float plain[BLOCK];
    float product[BLOCK];
    memset(plain, 0, channels * sizeof *plain);
    memset(product, 0, channels * sizeof *product);
    for (size_t row = 0; row < block->rows; row++) {
        const float *x = block->x + row * channels;
        const float *dz = block->dz + row * channels;
        for (size_t c = 0; c < channels; c++) {
            plain[c] += dz[c];
            product[c] += dz[c] * ((x[c] - normal.mean[c]) * normal.inverse[c] + normal.rest[c]);
        }
    }
    for (size_t c = 0; c < channels; c++) {
        sums.first[c] += plain[c];
        sums.second[c] += product[c];
    }
}

// Gradients of scale and shift; what of them reaches every input: mean gradient and mean product.
static void finish_sums(const struct state *state, const struct call *call, float *mean_plain,
                        float *mean_product) {
    for (size_t c = 0; c < state->channels; c++) {
        double plain = 0;
        double product = 0;
        for (size_t chunk = 0; chunk < state->chunks; chunk++) {
            const struct sums sums = chunk_sums(state, call->scratch, chunk);
            plain += sums.first[c];
            product += sums.second[c];
        }
        call->gradient[NORM_SCALE][c] += (float)product;
        call->gradient[NORM_SHIFT][c] += (float)plain;
        mean_plain[c] = (float)(plain / (double)state->rows);
        mean_product[c] = (float)(product / (double)state->rows);
    }
}

// What the input's gradient is made of, a channel each.
struct factors {
    struct normal normal;
    const float *scale, *mean_plain, *mean_product;
};

// dx = scale * (dz - mean(dz) - xhat * mean(dz * xhat)), scale with the deviation in it.
VECTORISED static void input_gradient(const struct block *block, const struct factors *factors,
                                      size_t channels, bool add, float *dx) {
    const struct normal normal = factors->normal;
    const float *scale = factors->scale;
    const float *mean_plain = factors->mean_plain;
    const float *mean_product = factors->mean_product;
    for (size_t row = 0; row < block->rows; row++) {
        const size_t at = row * channels;
        for (size_t c = 0; c < channels; c++) {
            const float xhat =
                (block->x[at + c] - normal.mean[c]) * normal.inverse[c] + normal.rest[c];
            const float made =
                scale[c] * (block->dz[at + c] - mean_plain[c] - xhat * mean_product[c]);
            dx[at + c] = add ? dx[at + c] + made : made;
        }
    }
}

static void write_residual(const struct state *state, const struct call *call,
                           const struct block *block) {
    const size_t count = block->rows * state->channels;
    float temporary[BLOCK];
    float *to = cpu_target(state->precision, call->in_gradient[1], block->first, count,
                           call->add[1], temporary);
    for (size_t i = 0; i < count; i++) {
        to[i] += block->dz[i];
    }
    cpu_write(state->precision, call->in_gradient[1], block->first, count, to);
}

static void write_gradients(const struct state *state, const struct call *call,
                            const struct block *block, const struct factors *factors) {
    const size_t count = block->rows * state->channels;
    if (call->in_gradient[0] != NULL) {
        float temporary[BLOCK];
        float *dx = (float *)call->in_gradient[0] + block->first;
        if (state->precision != PRECISION_F32) {
            dx = temporary;
            if (call->add[0]) {
                (void)cpu_read(state->precision, call->in_gradient[0], block->first, count, dx);
            }
        }
        input_gradient(block, factors, state->channels, call->add[0], dx);
        cpu_write(state->precision, call->in_gradient[0], block->first, count, dx);
    }
    if (state->residual && call->in_gradient[1] != NULL) {
        write_residual(state, call, block);
    }
}

static void backward(const struct call *call) {
    const struct state *state = call->state;
    const size_t channels = state->channels;
    float *scale = behind_sums(state, call->scratch);
    float *shift = scale + channels;
    float *mean_plain = shift + channels;
    float *mean_product = mean_plain + channels;
    const struct factors factors = {saved_normal(state, call), scale, mean_plain, mean_product};
    affine(state, call, scale, shift);
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t chunk = 0; chunk < state->chunks; chunk++) {
        const struct sums sums = chunk_sums(state, call->scratch, chunk);
        const size_t first = chunk * state->chunk;
        const size_t end = first + state->chunk < state->rows ? first + state->chunk : state->rows;
        struct block block;
        memset(sums.first, 0, 2 * channels * sizeof *sums.first);
        for (size_t row = first; row < end; row += state->block) {
            read_block(state, call, scale, shift, row, &block);
            add_block(&block, factors.normal, channels, sums);
        }
    }
    finish_sums(state, call, mean_plain, mean_product);
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t row = 0; row < state->rows; row += state->block) {
        struct block block;
        read_block(state, call, scale, shift, row, &block);
        write_gradients(state, call, &block, &factors);
    }
}

const struct kernel norm_cpu = {plan, forward, backward, free, NULL};
const struct kernel norm_residual_cpu = {plan_residual, forward, backward, free, NULL};

// position_attention on the CPU, in tiles of ROWS x COLUMNS of the (pixels x pixels) matrix, which
// is never held whole: forward with a running softmax (Milakov, Gimelshein 2018; Dao et al. 2022),
// saving L_i = log sum_j exp(s_ij).
//
// Backward. Queries are keys, so S is symmetric, and the tile that gives P_ij = exp(s_ij - L_i)
// gives P_ji = exp(s_ij - L_j), too. With D_i = dY_i . Y_i and
//     g_ij = P_ij (dY_i . v_j - D_i) + P_ji (dY_j . v_i - D_j)
// dq_i = sum_j g_ij q_j and dv_i = sum_j P_ji dY_j: every row of pixels is on its own, and no two
// threads add to one place.
#include "backend/cpu.h"
#include "core/exponential.h"
#include "core/simd.h"
#include "ops/kernels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 64
#define COLUMNS 256

struct state {
    size_t images, pixels, keys, channels; // of one image; of q; of v
    size_t room;                           // floats of scratch a thread
    enum precision precision;
    int threads;
};

static bool plan(struct kernel_plan *plan, struct error *error) {
    const struct shape q = input_shape(plan, 0);
    const struct shape v = input_shape(plan, 1);
    struct state *state = malloc(sizeof *state);
    if (state == NULL) {
        return fail(error, "no memory");
    }
    *state = (struct state){.images = q.n,
                            .pixels = q.h * q.w,
                            .keys = q.c,
                            .channels = v.c,
                            .room = 3 * (size_t)ROWS * COLUMNS + ROWS * (2 * q.c + 3 * v.c + 2),
                            .precision = plan->backend->precision,
                            .threads = plan->backend->threads};
    // One image's q, v, and the gradient and D of its output; what each thread works with.
    plan->scratch = (state->pixels * (q.c + 2 * v.c + 1) + (size_t)state->threads * state->room) *
                    sizeof(float);
    plan->saved = q.n * state->pixels * sizeof(float);
    plan->state = state;
    return true;
}

// One image as floats.
struct picture {
    const float *q, *v, *dy;
    float *d;    // D
    float *logs; // L
};

// `count` numbers of one image, all at once.
static const float *whole(const struct state *state, const void *numbers, size_t image,
                          size_t count, float *room) {
    if (state->precision == PRECISION_F32) {
        return (const float *)numbers + image * count;
    }
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t first = 0; first < count; first += CPU_BLOCK) {
        const size_t some = count - first < CPU_BLOCK ? count - first : CPU_BLOCK;
        (void)cpu_read(state->precision, numbers, image * count + first, some, room + first);
    }
    return room;
}

static struct picture read_picture(const struct state *state, const struct call *call,
                                   size_t image) {
    float *room = call->scratch;
    const size_t keys = state->pixels * state->keys;
    const size_t values = state->pixels * state->channels;
    const struct picture picture = {.q = whole(state, call->in[0], image, keys, room),
                                    .v = whole(state, call->in[1], image, values, room + keys),
                                    .d = room + keys + 2 * values,
                                    .logs = (float *)call->saved + image * state->pixels};
    return picture;
}

static float *thread_room(const struct state *state, const struct call *call, size_t thread) {
    return (float *)call->scratch + state->pixels * (state->keys + 2 * state->channels + 1) +
           thread * state->room;
}

// ---- forward

// A row of the tile into probabilities, given the greatest so far.
VECTORISED static float exponentials(float *row, size_t count, float most) {
    float sums[16] = {0};
    size_t i = 0;
    for (; i + 16 <= count; i += 16) {
        for (size_t lane = 0; lane < 16; lane++) {
            row[i + lane] = exp_negative(row[i + lane] - most);
            sums[lane] += row[i + lane];
        }
    }
    for (; i < count; i++) {
        row[i] = exp_negative(row[i] - most);
        sums[0] += row[i];
    }
    float sum = 0;
    for (size_t lane = 0; lane < 16; lane++) {
        sum += sums[lane];
    }
    return sum;
}

VECTORISED static float greatest(const float *row, size_t count, float most) {
    float lanes[16];
    size_t i = 0;
    for (size_t lane = 0; lane < 16; lane++) {
        lanes[lane] = most;
    }
    for (; i + 16 <= count; i += 16) {
        for (size_t lane = 0; lane < 16; lane++) {
            lanes[lane] = row[i + lane] > lanes[lane] ? row[i + lane] : lanes[lane];
        }
    }
    for (; i < count; i++) {
        lanes[0] = row[i] > lanes[0] ? row[i] : lanes[0];
    }
    for (size_t lane = 0; lane < 16; lane++) {
        most = lanes[lane] > most ? lanes[lane] : most;
    }
    return most;
}

VECTORISED static void scale_by(float *numbers, size_t count, float factor) {
    for (size_t i = 0; i < count; i++) {
        numbers[i] *= factor;
    }
}

static void forward_rows(const struct state *state, const struct picture *picture, size_t first,
                         size_t rows, float *room, float *y) {
    float *tile = room;
    float *most = room + (size_t)ROWS * COLUMNS;
    float *sum = most + ROWS;
    memset(y, 0, rows * state->channels * sizeof *y);
    for (size_t row = 0; row < rows; row++) {
        most[row] = -INFINITY;
        sum[row] = 0;
    }
    for (size_t column = 0; column < state->pixels; column += COLUMNS) {
        const size_t left = state->pixels - column;
        const size_t columns = left < COLUMNS ? left : COLUMNS;
        cpu_gemm(false, true, rows, columns, state->keys, 1, picture->q + first * state->keys,
                 state->keys, picture->q + column * state->keys, state->keys, 0, tile, COLUMNS);
        for (size_t row = 0; row < rows; row++) {
            const float before = most[row];
            most[row] = greatest(tile + row * COLUMNS, columns, before);
            const float shrink = before > -INFINITY ? exp_negative(before - most[row]) : 0;
            sum[row] = sum[row] * shrink + exponentials(tile + row * COLUMNS, columns, most[row]);
            if (shrink < 1) {
                scale_by(y + row * state->channels, state->channels, shrink);
            }
        }
        cpu_gemm(false, false, rows, state->channels, columns, 1, tile, COLUMNS,
                 picture->v + column * state->channels, state->channels, 1, y, state->channels);
    }
    for (size_t row = 0; row < rows; row++) {
        scale_by(y + row * state->channels, state->channels, 1.0F / sum[row]);
        picture->logs[first + row] = most[row] + logf(sum[row]);
    }
}

static void forward(const struct call *call) {
    const struct state *state = call->state;
    const size_t blocks = (state->pixels + ROWS - 1) / ROWS;
    const size_t threads = (size_t)state->threads;
    for (size_t image = 0; image < state->images; image++) {
        const struct picture picture = read_picture(state, call, image);
#pragma omp parallel for schedule(static, 1) num_threads(state->threads)
        for (size_t t = 0; t < threads; t++) {
            float *room = thread_room(state, call, t);
            float *made = room + (size_t)ROWS * COLUMNS + 2 * ROWS;
            for (size_t i = blocks * t / threads; i < blocks * (t + 1) / threads; i++) {
                const size_t first = i * ROWS;
                const size_t left = state->pixels - first;
                const size_t rows = left < ROWS ? left : ROWS;
                const size_t at = (image * state->pixels + first) * state->channels;
                float *y = cpu_target(state->precision, call->out, at, rows * state->channels,
                                      false, made);
                forward_rows(state, &picture, first, rows, room, y);
                cpu_write(state->precision, call->out, at, rows * state->channels, y);
            }
        }
    }
}

// ---- backward

// tile: s_ij, then g_ij. mine: dY_i . v_j. theirs: dY_j . v_i, then P_ji.
VECTORISED static void tile_gradients(const struct picture *picture, size_t first, size_t column,
                                      size_t rows, size_t columns, float *tile, const float *mine,
                                      float *theirs) {
    const float *logs = picture->logs + column;
    const float *d = picture->d + column;
    for (size_t row = 0; row < rows; row++) {
        const float own_log = picture->logs[first + row];
        const float own_d = picture->d[first + row];
        const size_t at = row * COLUMNS;
        for (size_t i = 0; i < columns; i++) {
            const float p = exp_negative(tile[at + i] - own_log);
            const float turned = exp_negative(tile[at + i] - logs[i]);
            tile[at + i] = p * (mine[at + i] - own_d) + turned * (theirs[at + i] - d[i]);
            theirs[at + i] = turned;
        }
    }
}

static void backward_rows(const struct state *state, const struct picture *picture, size_t first,
                          size_t rows, float *room, float *dq, float *dv) {
    const size_t keys = state->keys;
    const size_t channels = state->channels;
    const float *q = picture->q + first * keys;
    float *tile = room;
    float *mine = tile + (size_t)ROWS * COLUMNS;
    float *theirs = mine + (size_t)ROWS * COLUMNS;
    memset(dq, 0, rows * keys * sizeof *dq);
    memset(dv, 0, rows * channels * sizeof *dv);
    for (size_t column = 0; column < state->pixels; column += COLUMNS) {
        const size_t left = state->pixels - column;
        const size_t columns = left < COLUMNS ? left : COLUMNS;
        const float *other_q = picture->q + column * keys;
        const float *other_v = picture->v + column * channels;
        const float *other_dy = picture->dy + column * channels;
        cpu_gemm(false, true, rows, columns, keys, 1, q, keys, other_q, keys, 0, tile, COLUMNS);
        cpu_gemm(false, true, rows, columns, channels, 1, picture->dy + first * channels, channels,
                 other_v, channels, 0, mine, COLUMNS);
        cpu_gemm(false, true, rows, columns, channels, 1, picture->v + first * channels, channels,
                 other_dy, channels, 0, theirs, COLUMNS);
        tile_gradients(picture, first, column, rows, columns, tile, mine, theirs);
        cpu_gemm(false, false, rows, keys, columns, 1, tile, COLUMNS, other_q, keys, 1, dq, keys);
        cpu_gemm(false, false, rows, channels, columns, 1, theirs, COLUMNS, other_dy, channels, 1,
                 dv, channels);
    }
}

// D of some rows of one image.
static void output_products(const struct state *state, const struct call *call,
                            const struct picture *picture, size_t image, size_t first, size_t rows,
                            float *room) {
    const size_t channels = state->channels;
    const float *y = cpu_read(state->precision, call->out,
                              (image * state->pixels + first) * channels, rows * channels, room);
    for (size_t row = 0; row < rows; row++) {
        double sum = 0;
        for (size_t c = 0; c < channels; c++) {
            sum += (double)y[row * channels + c] * picture->dy[(first + row) * channels + c];
        }
        picture->d[first + row] = (float)sum;
    }
}

static void write_rows(const struct state *state, const struct call *call, int input, size_t first,
                       size_t count, const float *made, float *room) {
    float *to = cpu_target(state->precision, call->in_gradient[input], first, count,
                           call->add[input], room);
    for (size_t i = 0; i < count; i++) {
        to[i] += made[i];
    }
    cpu_write(state->precision, call->in_gradient[input], first, count, to);
}

static void backward_block(const struct state *state, const struct call *call,
                           const struct picture *picture, size_t image, size_t first, float *room) {
    const size_t left = state->pixels - first;
    const size_t rows = left < ROWS ? left : ROWS;
    float *dq = room + 3 * (size_t)ROWS * COLUMNS;
    float *dv = dq + ROWS * state->keys;
    float *spare = dv + ROWS * state->channels;
    const size_t row = image * state->pixels + first;
    backward_rows(state, picture, first, rows, room, dq, dv);
    write_rows(state, call, 0, row * state->keys, rows * state->keys, dq, spare);
    write_rows(state, call, 1, row * state->channels, rows * state->channels, dv, spare);
}

static void backward(const struct call *call) {
    const struct state *state = call->state;
    const size_t blocks = (state->pixels + ROWS - 1) / ROWS;
    const size_t threads = (size_t)state->threads;
    for (size_t image = 0; image < state->images; image++) {
        struct picture picture = read_picture(state, call, image);
        picture.dy =
            whole(state, call->out_gradient, image, state->pixels * state->channels,
                  (float *)call->scratch + state->pixels * (state->keys + state->channels));
#pragma omp parallel for schedule(static, 1) num_threads(state->threads)
        for (size_t t = 0; t < threads; t++) {
            for (size_t i = blocks * t / threads; i < blocks * (t + 1) / threads; i++) {
                const size_t left = state->pixels - i * ROWS;
                output_products(state, call, &picture, image, i * ROWS, left < ROWS ? left : ROWS,
                                thread_room(state, call, t));
            }
        }
#pragma omp parallel for schedule(static, 1) num_threads(state->threads)
        for (size_t t = 0; t < threads; t++) {
            for (size_t i = blocks * t / threads; i < blocks * (t + 1) / threads; i++) {
                backward_block(state, call, &picture, image, i * ROWS, thread_room(state, call, t));
            }
        }
    }
}

const struct kernel position_attention_cpu = {plan, forward, backward, free, NULL};

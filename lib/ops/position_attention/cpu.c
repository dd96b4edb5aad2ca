// position_attention on the CPU, in tiles of the (pixels x pixels) matrix, which is never held
// whole: forward with a running softmax (Milakov, Gimelshein 2018; Dao et al. 2022), saving
// L_i = log sum_j exp(s_ij).
//
// Backward. Queries are keys, so S is symmetric, and the tile that gives P_ij = exp(s_ij - L_i)
// gives P_ji = exp(s_ij - L_j), too. With D_i = dY_i . Y_i and
//     g_ij = P_ij (dY_i . v_j - D_i) + P_ji (dY_j . v_i - D_j) = g_ji
// dq_i = sum_j g_ij q_j and dv_i = sum_j P_ji dY_j: one tile serves its rows and its columns.
// Blocks of pixels meet as the players of a tournament, in rounds in which each one has one
// partner: no two threads add to one place, and the order of the sums is the same for any number of
// them.
#include "backend/cpu.h"
#include "core/exponential.h"
#include "core/simd.h"
#include "ops/kernels.h"
#include "ops/position_attention/tiles.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#define TILE ((size_t)BLOCK * BLOCK)

struct state {
    size_t images, pixels, blocks, keys, channels; // of one image; of q; of v
    bool half;                                     // products in bf16
    enum precision precision;
    int threads;
    size_t room; // floats a thread
};

// Floats of a thread: three tiles, one of bf16, and a block's results.
static size_t thread_floats(size_t keys, size_t channels) {
    return 3 * TILE + TILE / 2 + BLOCK * (accumulator_width(channels) + channels + keys + 2);
}

static size_t accumulators(const struct state *state) {
    return state->blocks * BLOCK *
           (accumulator_width(state->keys) + accumulator_width(state->channels));
}

static bool plan(struct kernel_plan *plan, struct error *error) {
    const struct shape q = input_shape(plan, 0);
    const struct shape v = input_shape(plan, 1);
    const enum precision precision = plan->backend->precision;
    struct state *state = malloc(sizeof *state);
    if (state == NULL) {
        return fail(error, "no memory");
    }
    *state = (struct state){.images = q.n,
                            .pixels = q.h * q.w,
                            .blocks = (q.h * q.w + BLOCK - 1) / BLOCK,
                            .keys = q.c,
                            .channels = v.c,
                            .half = operand_half(precision, q.c, v.c),
                            .precision = precision,
                            .threads = plan->backend->threads,
                            .room = (thread_floats(q.c, v.c) + 15) / 16 * 16};
    const size_t values = operand_room(precision, state->half, state->pixels, v.c);
    const bool train = graph_mode_of(plan->graph) == GRAPH_TRAIN;
    plan->scratch = (size_t)state->threads * state->room * sizeof(float) +
                    operand_room(precision, state->half, state->pixels, q.c) + values;
    if (train) { // the output's gradient, sums for both inputs', and D
        plan->scratch += values + (accumulators(state) + state->pixels) * sizeof(float);
    }
    plan->saved = q.n * state->pixels * sizeof(float);
    plan->state = state;
    return true;
}

// One image, and what is made of it.
struct picture {
    struct operand q, v, dy;
    float *logs;    // L
    float *dq, *dv; // sums
    float *d;       // D
};

static struct operand operand_of(const struct state *state, const void *numbers, size_t image,
                                 size_t width, void *room) {
    const size_t bytes = state->pixels * width * precision_size(state->precision);
    return operand_make(state->precision, state->half, (const char *)numbers + image * bytes,
                        state->pixels, width, room, state->threads);
}

// `backward`: with the output's gradient, too.
static struct picture picture_of(const struct call *call, size_t image, bool backward) {
    const struct state *state = call->state;
    const size_t keys = operand_room(state->precision, state->half, state->pixels, state->keys);
    const size_t values =
        operand_room(state->precision, state->half, state->pixels, state->channels);
    char *room = (char *)call->scratch + (size_t)state->threads * state->room * sizeof(float);
    struct picture made = {.q = operand_of(state, call->in[0], image, state->keys, room),
                           .v = operand_of(state, call->in[1], image, state->channels, room + keys),
                           .logs = (float *)call->saved + image * state->pixels};
    if (backward) {
        room += keys + values;
        made.dy = operand_of(state, call->out_gradient, image, state->channels, room);
        made.dq = (float *)(void *)(room + values);
        made.dv = made.dq + state->blocks * BLOCK * accumulator_width(state->keys);
        made.d = made.dq + accumulators(state);
    }
    return made;
}

// What one thread works with.
struct desk {
    float *tile, *mine, *theirs;
    uint16_t *spare;
    float *results;
};

static struct desk desk_of(const struct call *call, int thread) {
    const struct state *state = call->state;
    float *room = (float *)call->scratch + (size_t)thread * state->room;
    return (struct desk){room, room + TILE, room + 2 * TILE, (uint16_t *)(void *)(room + 3 * TILE),
                         room + 3 * TILE + TILE / 2};
}

static size_t pixels_of_block(const struct state *state, size_t block) {
    const size_t left = state->pixels - block * BLOCK;
    return left < BLOCK ? left : BLOCK;
}

static struct part part_of(const struct state *state, size_t block, size_t other,
                           const struct desk *desk) {
    return (struct part){block * BLOCK, pixels_of_block(state, block), other * BLOCK,
                         pixels_of_block(state, other), desk->spare};
}

// Stores rows of `made`, `leading` floats apart, as a part of a value: added to it if asked.
static void store_rows(const struct state *state, void *value, size_t first, size_t rows,
                       size_t width, bool add, const float *made, float *room) {
    const size_t leading = accumulator_width(width);
    float *to = cpu_target(state->precision, value, first * width, rows * width, add, room);
    for (size_t row = 0; row < rows; row++) {
        for (size_t c = 0; c < width; c++) {
            to[row * width + c] += made[row * leading + c];
        }
    }
    cpu_write(state->precision, value, first * width, rows * width, to);
}

// ---- forward

#define LANES 16

// A row of scores less `most` into exponentials; their sum, in as many parts on every processor.
VECTORISED static float exponentials(float *row, size_t count, float most) {
    float sums[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        for (size_t lane = 0; lane < LANES; lane++) {
            row[i + lane] = exp_negative(row[i + lane] - most);
            sums[lane] += row[i + lane];
        }
    }
    for (; i < count; i++) {
        row[i] = exp_negative(row[i] - most);
        sums[0] += row[i];
    }
    for (size_t half = LANES / 2; half > 0; half /= 2) {
        for (size_t lane = 0; lane < half; lane++) {
            sums[lane] += sums[lane + half];
        }
    }
    return sums[0];
}

VECTORISED static float greatest(const float *row, size_t count, float most) {
#pragma omp simd reduction(max : most)
    for (size_t i = 0; i < count; i++) {
        most = row[i] > most ? row[i] : most;
    }
    return most;
}

VECTORISED static void scale_by(float *numbers, size_t count, float factor) {
    for (size_t i = 0; i < count; i++) {
        numbers[i] *= factor;
    }
}

static void forward_block(const struct call *call, const struct picture *picture, size_t image,
                          size_t block, const struct desk *desk) {
    const struct state *state = call->state;
    const size_t leading = accumulator_width(state->channels);
    const size_t rows = pixels_of_block(state, block);
    float *most = desk->results;
    float *sum = most + BLOCK;
    float *y = sum + BLOCK;
    memset(y, 0, rows * leading * sizeof *y);
    for (size_t row = 0; row < rows; row++) {
        most[row] = -INFINITY;
        sum[row] = 0;
    }
    for (size_t other = 0; other < state->blocks; other++) {
        const struct part part = part_of(state, block, other, desk);
        tile_scores(&part, &picture->q, &picture->q, desk->tile);
        for (size_t row = 0; row < rows; row++) {
            float *scores = desk->tile + row * BLOCK;
            const float before = most[row];
            most[row] = greatest(scores, part.columns, before);
            const float shrink = before > -INFINITY ? exp_negative(before - most[row]) : 0;
            sum[row] = sum[row] * shrink + exponentials(scores, part.columns, most[row]);
            if (shrink < 1) {
                scale_by(y + row * leading, state->channels, shrink);
            }
        }
        tile_product(&part, desk->tile, &picture->v, y);
    }
    for (size_t row = 0; row < rows; row++) {
        scale_by(y + row * leading, state->channels, 1.0F / sum[row]);
        picture->logs[block * BLOCK + row] = most[row] + logf(sum[row]);
    }
    store_rows(state, call->out, image * state->pixels + block * BLOCK, rows, state->channels,
               false, y, y + BLOCK * leading);
}

static void forward(const struct call *call) {
    const struct state *state = call->state;
    for (size_t image = 0; image < state->images; image++) {
        const struct picture picture = picture_of(call, image, false);
#pragma omp parallel for schedule(dynamic) num_threads(state->threads)
        for (size_t block = 0; block < state->blocks; block++) {
            const struct desk desk = desk_of(call, omp_get_thread_num());
            forward_block(call, &picture, image, block, &desk);
        }
    }
}

// ---- backward

// tile: s_ij, then g_ij. mine: dY_i . v_j, then P_ij. theirs: dY_j . v_i, then P_ji.
VECTORISED static void tile_gradients(const struct picture *picture, const struct part *part,
                                      float *tile, float *mine, float *theirs) {
    const float *logs = picture->logs + part->column;
    const float *d = picture->d + part->column;
    for (size_t row = 0; row < part->rows; row++) {
        const float own_log = picture->logs[part->first + row];
        const float own_d = picture->d[part->first + row];
        const size_t at = row * BLOCK;
        for (size_t i = 0; i < part->columns; i++) {
            const float p = exp_negative(tile[at + i] - own_log);
            const float turned = exp_negative(tile[at + i] - logs[i]);
            tile[at + i] = p * (mine[at + i] - own_d) + turned * (theirs[at + i] - d[i]);
            mine[at + i] = p;
            theirs[at + i] = turned;
        }
    }
}

// What two blocks give to each other, or one to itself.
static void meet(const struct state *state, const struct picture *picture, size_t block,
                 size_t other, const struct desk *desk) {
    const struct part part = part_of(state, block, other, desk);
    const size_t keys = accumulator_width(state->keys);
    const size_t channels = accumulator_width(state->channels);
    tile_scores(&part, &picture->q, &picture->q, desk->tile);
    tile_scores(&part, &picture->dy, &picture->v, desk->mine);
    tile_scores(&part, &picture->v, &picture->dy, desk->theirs);
    tile_gradients(picture, &part, desk->tile, desk->mine, desk->theirs);
    tile_product(&part, desk->tile, &picture->q, picture->dq + part.first * keys);
    tile_product(&part, desk->theirs, &picture->dy, picture->dv + part.first * channels);
    if (block != other) {
        tile_turned_product(&part, desk->tile, &picture->q, picture->dq + part.column * keys);
        tile_turned_product(&part, desk->mine, &picture->dy, picture->dv + part.column * channels);
    }
}

// A block meets itself; its sums and D begin.
static void begin_block(const struct call *call, const struct picture *picture, size_t image,
                        size_t block, const struct desk *desk) {
    const struct state *state = call->state;
    const size_t channels = state->channels;
    const size_t first = block * BLOCK;
    const size_t rows = pixels_of_block(state, block);
    const size_t at = (image * state->pixels + first) * channels;
    const float *y = cpu_read(state->precision, call->out, at, rows * channels, desk->results);
    const float *dy = cpu_read(state->precision, call->out_gradient, at, rows * channels,
                               desk->results + BLOCK * channels);
    for (size_t row = 0; row < rows; row++) {
        double sum = 0;
        for (size_t c = 0; c < channels; c++) {
            sum += (double)y[row * channels + c] * dy[row * channels + c];
        }
        picture->d[first + row] = (float)sum;
    }
    const size_t keys = accumulator_width(state->keys);
    const size_t values = accumulator_width(channels);
    memset(picture->dq + first * keys, 0, BLOCK * keys * sizeof(float));
    memset(picture->dv + first * values, 0, BLOCK * values * sizeof(float));
    meet(state, picture, block, block, desk);
}

// The pair number `number` of a round among `players`, an even number: one stays, the others go
// round it.
static void partners(size_t players, size_t round, size_t number, size_t *one, size_t *other) {
    const size_t going = players - 1;
    const size_t a = number == 0 ? going : (round + number) % going;
    const size_t b = (round + going - number) % going;
    *one = a < b ? a : b;
    *other = a < b ? b : a;
}

static void end_block(const struct call *call, const struct picture *picture, size_t image,
                      size_t block, const struct desk *desk) {
    const struct state *state = call->state;
    const size_t first = block * BLOCK;
    const size_t at = image * state->pixels + first;
    const size_t rows = pixels_of_block(state, block);
    if (call->in_gradient[0] != NULL) {
        store_rows(state, call->in_gradient[0], at, rows, state->keys, call->add[0],
                   picture->dq + first * accumulator_width(state->keys), desk->results);
    }
    if (call->in_gradient[1] != NULL) {
        store_rows(state, call->in_gradient[1], at, rows, state->channels, call->add[1],
                   picture->dv + first * accumulator_width(state->channels), desk->results);
    }
}

static void backward(const struct call *call) {
    const struct state *state = call->state;
    const size_t players = state->blocks + state->blocks % 2;
    for (size_t image = 0; image < state->images; image++) {
        const struct picture picture = picture_of(call, image, true);
#pragma omp parallel num_threads(state->threads)
        {
            const struct desk desk = desk_of(call, omp_get_thread_num());
#pragma omp for schedule(dynamic)
            for (size_t block = 0; block < state->blocks; block++) {
                begin_block(call, &picture, image, block, &desk);
            }
            for (size_t round = 0; round + 1 < players; round++) {
#pragma omp for schedule(dynamic)
                for (size_t number = 0; number < players / 2; number++) {
                    size_t one = 0;
                    size_t other = 0;
                    partners(players, round, number, &one, &other);
                    if (other < state->blocks) {
                        meet(state, &picture, one, other, &desk);
                    }
                }
            }
#pragma omp for schedule(static)
            for (size_t block = 0; block < state->blocks; block++) {
                end_block(call, &picture, image, block, &desk);
            }
        }
    }
}

const struct kernel position_attention_cpu = {plan, forward, backward, free, NULL};

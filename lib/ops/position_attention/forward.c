// The forward direction: a running softmax (Milakov, Gimelshein 2018; Dao et al. 2022) of rows and,
// at the same time, of columns. Saves L_i = log sum_j exp(s_ij).
#include "backend/cpu/cpu.h"
#include "core/numbers/exponential.h"
#include "core/simd.h"
#include "ops/position_attention/pairs.h"

#include <math.h>
#include <string.h>

#define LANES 16

static size_t rows_of(const struct state *state) {
    return state->blocks * BLOCK;
}

size_t forward_room(const struct state *state) {
    const size_t floats = rows_of(state) * (accumulator_width(state->channels) + 2);
    return operand_room(state->precision, state->half, state->pixels, state->keys) +
           operand_room(state->precision, state->half, state->pixels, state->channels) +
           floats * sizeof(float);
}

static struct picture picture_of(const struct call *call, size_t image) {
    const struct state *state = call->state;
    char *q = (char *)call->scratch + (size_t)state->threads * state->room * sizeof(float);
    char *v = q + operand_room(state->precision, state->half, state->pixels, state->keys);
    float *y = (float *)(void *)(v + operand_room(state->precision, state->half, state->pixels,
                                                  state->channels));
    float *most = y + rows_of(state) * accumulator_width(state->channels);
    return (struct picture){.image = image,
                            .q = operand_of(state, call->in[0], image, state->keys, q),
                            .v = operand_of(state, call->in[1], image, state->channels, v),
                            .logs = (float *)call->saved + image * state->pixels,
                            .y = y,
                            .most = most,
                            .sum = most + rows_of(state)};
}

static float sum_of(float sums[LANES]) {
    for (size_t half = LANES / 2; half > 0; half /= 2) {
        for (size_t lane = 0; lane < half; lane++) {
            sums[lane] += sums[lane + half];
        }
    }
    return sums[0];
}

// A row of scores into exp(s - most); their sum, in as many parts on every processor.
VECTORISED static float exponentials(float *row, size_t count, float most) {
    float sums[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        for (size_t lane = 0; lane < LANES; lane++) {
            row[i + lane] = exp_softmax(row[i + lane] - most);
            sums[lane] += row[i + lane];
        }
    }
    for (; i < count; i++) {
        row[i] = exp_softmax(row[i] - most);
        sums[0] += row[i];
    }
    return sum_of(sums);
}

// The same, and `turned` becomes exp(s - most) of each column, which is added to the column's sum.
VECTORISED static float both_exponentials(float *restrict row, float *restrict turned, size_t count,
                                          float most, const float *restrict column_most,
                                          float *restrict column_sum) {
    float sums[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        for (size_t lane = 0; lane < LANES; lane++) {
            const float score = row[i + lane];
            row[i + lane] = exp_softmax(score - most);
            turned[i + lane] = exp_softmax(score - column_most[i + lane]);
            sums[lane] += row[i + lane];
            column_sum[i + lane] += turned[i + lane];
        }
    }
    for (; i < count; i++) {
        const float score = row[i];
        row[i] = exp_softmax(score - most);
        turned[i] = exp_softmax(score - column_most[i]);
        sums[0] += row[i];
        column_sum[i] += turned[i];
    }
    return sum_of(sums);
}

VECTORISED static float greatest(const float *row, size_t count, float most) {
#pragma omp simd reduction(max : most)
    for (size_t i = 0; i < count; i++) {
        most = row[i] > most ? row[i] : most;
    }
    return most;
}

// Of each column, where it is greater than what there was.
VECTORISED static void column_greatest(const float *tile, size_t rows, size_t columns,
                                       float *most) {
    for (size_t row = 0; row < rows; row++) {
        for (size_t i = 0; i < columns; i++) {
            const float score = tile[row * BLOCK + i];
            most[i] = score > most[i] ? score : most[i];
        }
    }
}

VECTORISED static void scale_by(float *numbers, size_t count, float factor) {
    for (size_t i = 0; i < count; i++) {
        numbers[i] *= factor;
    }
}

// A pixel's sums, where the greatest of its scores has grown.
static void raise(const struct game *game, size_t pixel, float most) {
    const struct picture *picture = &game->picture;
    const struct state *state = game->call->state;
    const size_t leading = accumulator_width(state->channels);
    const float before = picture->most[pixel];
    if (most > before) {
        const float shrink = before - most < SOFTMAX_LEAST ? 0 : expf(before - most);
        picture->most[pixel] = most;
        picture->sum[pixel] *= shrink;
        scale_by(picture->y + pixel * leading, leading, shrink);
    }
}

// A block meets itself: its sums begin.
static void begin(const struct game *game, size_t block, const struct desk *desk) {
    const struct picture *picture = &game->picture;
    const struct state *state = game->call->state;
    const struct part part = part_of(state, block, block, desk);
    const size_t leading = accumulator_width(state->channels);
    float *y = picture->y + part.first * leading;
    memset(y, 0, BLOCK * leading * sizeof *y);
    tile_scores(&part, &picture->q, &picture->q, desk->tile);
    for (size_t row = 0; row < part.rows; row++) {
        float *scores = desk->tile + row * BLOCK;
        const float most = greatest(scores, part.columns, -INFINITY);
        picture->most[part.first + row] = most;
        picture->sum[part.first + row] = exponentials(scores, part.columns, most);
    }
    tile_product(&part, desk->tile, &picture->v, y);
}

static void meet(const struct game *game, size_t block, size_t other, const struct desk *desk) {
    const struct picture *picture = &game->picture;
    const struct state *state = game->call->state;
    const struct part part = part_of(state, block, other, desk);
    const size_t leading = accumulator_width(state->channels);
    float most[BLOCK];
    memcpy(most, picture->most + part.column, part.columns * sizeof *most);
    tile_scores(&part, &picture->q, &picture->q, desk->tile);
    column_greatest(desk->tile, part.rows, part.columns, most);
    for (size_t i = 0; i < part.columns; i++) {
        raise(game, part.column + i, most[i]);
    }
    for (size_t row = 0; row < part.rows; row++) {
        const size_t pixel = part.first + row;
        float *scores = desk->tile + row * BLOCK;
        raise(game, pixel, greatest(scores, part.columns, picture->most[pixel]));
        picture->sum[pixel] +=
            both_exponentials(scores, desk->mine + row * BLOCK, part.columns, picture->most[pixel],
                              most, picture->sum + part.column);
    }
    tile_product(&part, desk->tile, &picture->v, picture->y + part.first * leading);
    tile_turned_product(&part, desk->mine, &picture->v, picture->y + part.column * leading);
}

static void end(const struct game *game, size_t block, const struct desk *desk) {
    const struct picture *picture = &game->picture;
    const struct state *state = game->call->state;
    const struct part part = part_of(state, block, block, desk);
    const size_t leading = accumulator_width(state->channels);
    for (size_t pixel = part.first; pixel < part.first + part.rows; pixel++) {
        scale_by(picture->y + pixel * leading, leading, 1.0F / picture->sum[pixel]);
        picture->logs[pixel] = picture->most[pixel] + logf(picture->sum[pixel]);
    }
    store_block(game, game->call->out, block, state->channels, false, picture->y, desk->results);
}

void position_attention_forward(const struct call *call) {
    const struct state *state = call->state;
    for (size_t image = 0; image < state->images; image++) {
        const struct game game = {call, picture_of(call, image), begin, meet, end};
        play(&game);
    }
}

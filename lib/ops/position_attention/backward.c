// The backward direction. The tile that gives P_ij = exp(s_ij - L_i) gives P_ji = exp(s_ij - L_j),
// too. With D_i = dY_i . Y_i and
//     g_ij = P_ij (dY_i . v_j - D_i) + P_ji (dY_j . v_i - D_j) = g_ji
// dq_i = sum_j g_ij q_j and dv_i = sum_j P_ji dY_j.
#include "backend/cpu/cpu.h"
#include "core/numbers/exponential.h"
#include "core/simd.h"
#include "ops/position_attention/pairs.h"

#include <string.h>

static size_t accumulators(const struct state *state) {
    return state->blocks * BLOCK *
           (accumulator_width(state->keys) + accumulator_width(state->channels));
}

size_t backward_room(const struct state *state) {
    return operand_room(state->precision, state->half, state->pixels, state->keys) +
           2 * operand_room(state->precision, state->half, state->pixels, state->channels) +
           (accumulators(state) + state->pixels) * sizeof(float);
}

static struct picture picture_of(const struct call *call, size_t image) {
    const struct state *state = call->state;
    const size_t values =
        operand_room(state->precision, state->half, state->pixels, state->channels);
    char *q = (char *)call->scratch + (size_t)state->threads * state->room * sizeof(float);
    char *v = q + operand_room(state->precision, state->half, state->pixels, state->keys);
    char *dy = v + values;
    float *dq = (float *)(void *)(dy + values);
    return (struct picture){.image = image,
                            .q = operand_of(state, call->in[0], image, state->keys, q),
                            .v = operand_of(state, call->in[1], image, state->channels, v),
                            .dy = operand_of(state, call->out_gradient, image, state->channels, dy),
                            .logs = (float *)call->saved + image * state->pixels,
                            .dq = dq,
                            .dv = dq + state->blocks * BLOCK * accumulator_width(state->keys),
                            .d = dq + accumulators(state)};
}

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
            const float p = exp_softmax(tile[at + i] - own_log);
            const float turned = exp_softmax(tile[at + i] - logs[i]);
            tile[at + i] = p * (mine[at + i] - own_d) + turned * (theirs[at + i] - d[i]);
            mine[at + i] = p;
            theirs[at + i] = turned;
        }
    }
}

static void meet(const struct game *game, size_t block, size_t other, const struct desk *desk) {
    const struct picture *picture = &game->picture;
    const struct state *state = game->call->state;
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
static void begin(const struct game *game, size_t block, const struct desk *desk) {
    const struct call *call = game->call;
    const struct picture *picture = &game->picture;
    const struct state *state = call->state;
    const size_t channels = state->channels;
    const struct part part = part_of(state, block, block, desk);
    const size_t at = (picture->image * state->pixels + part.first) * channels;
    const float *y = cpu_read(state->precision, call->out, at, part.rows * channels, desk->results);
    const float *dy = cpu_read(state->precision, call->out_gradient, at, part.rows * channels,
                               desk->results + BLOCK * channels);
    for (size_t row = 0; row < part.rows; row++) {
        double sum = 0;
        for (size_t c = 0; c < channels; c++) {
            sum += (double)y[row * channels + c] * dy[row * channels + c];
        }
        picture->d[part.first + row] = (float)sum;
    }
    const size_t keys = accumulator_width(state->keys);
    const size_t values = accumulator_width(channels);
    memset(picture->dq + part.first * keys, 0, BLOCK * keys * sizeof(float));
    memset(picture->dv + part.first * values, 0, BLOCK * values * sizeof(float));
    meet(game, block, block, desk);
}

static void end(const struct game *game, size_t block, const struct desk *desk) {
    const struct call *call = game->call;
    const struct state *state = call->state;
    if (call->in_gradient[0] != NULL) {
        store_block(game, call->in_gradient[0], block, state->keys, call->add[0], game->picture.dq,
                    desk->results);
    }
    if (call->in_gradient[1] != NULL) {
        store_block(game, call->in_gradient[1], block, state->channels, call->add[1],
                    game->picture.dv, desk->results);
    }
}

void position_attention_backward(const struct call *call) {
    const struct state *state = call->state;
    for (size_t image = 0; image < state->images; image++) {
        const struct game game = {call, picture_of(call, image), begin, meet, end};
        play(&game);
    }
}

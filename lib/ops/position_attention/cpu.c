// position_attention on the CPU, in tiles of the (pixels x pixels) matrix, which is never held
// whole. Queries are keys, so S is symmetric: a tile serves its rows and its columns.
#include "backend/cpu/cpu.h"
#include "ops/position_attention/pairs.h"

#include <omp.h>
#include <stdlib.h>

#define TILE ((size_t)BLOCK * BLOCK)

// Floats of a thread: three tiles, one of bf16, and a block's results.
static size_t thread_floats(size_t keys, size_t channels) {
    return 3 * TILE + TILE / 2 + BLOCK * (2 * channels + keys);
}

static bool plan(struct kernel_plan *plan, struct error *error) {
    const struct shape q = plan_input_shape(plan, 0);
    const struct shape v = plan_input_shape(plan, 1);
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
    const bool train = graph_mode_of(plan->graph) == GRAPH_TRAIN;
    const size_t forward = forward_room(state);
    const size_t backward = train ? backward_room(state) : 0;
    plan->scratch = (size_t)state->threads * state->room * sizeof(float) +
                    (forward > backward ? forward : backward);
    plan->saved = q.n * state->pixels * sizeof(float);
    plan->state = state;
    return true;
}

struct operand operand_of(const struct state *state, const void *numbers, size_t image,
                          size_t width, void *room) {
    const size_t bytes = state->pixels * width * precision_size(state->precision);
    return operand_make(state->precision, state->half, (const char *)numbers + image * bytes,
                        state->pixels, width, room, state->threads);
}

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

struct part part_of(const struct state *state, size_t block, size_t other,
                    const struct desk *desk) {
    return (struct part){block * BLOCK, pixels_of_block(state, block), other * BLOCK,
                         pixels_of_block(state, other), desk->spare};
}

void store_block(const struct game *game, void *value, size_t block, size_t width, bool add,
                 const float *made, float *room) {
    const struct state *state = game->call->state;
    const size_t leading = accumulator_width(width);
    const size_t rows = pixels_of_block(state, block);
    const size_t first = (game->picture.image * state->pixels + block * BLOCK) * width;
    const float *from = made + block * BLOCK * leading;
    float *to = cpu_target(state->precision, value, first, rows * width, add, room);
    for (size_t row = 0; row < rows; row++) {
        for (size_t c = 0; c < width; c++) {
            to[row * width + c] += from[row * leading + c];
        }
    }
    cpu_write(state->precision, value, first, rows * width, to);
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

void play(const struct game *game) {
    const struct state *state = game->call->state;
    const size_t players = state->blocks + state->blocks % 2;
#pragma omp parallel num_threads(state->threads)
    {
        const struct desk desk = desk_of(game->call, omp_get_thread_num());
#pragma omp for schedule(dynamic)
        for (size_t block = 0; block < state->blocks; block++) {
            game->begin(game, block, &desk);
        }
        for (size_t round = 0; round + 1 < players; round++) {
#pragma omp for schedule(dynamic)
            for (size_t number = 0; number < players / 2; number++) {
                size_t one = 0;
                size_t other = 0;
                partners(players, round, number, &one, &other);
                if (other < state->blocks) {
                    game->meet(game, one, other, &desk);
                }
            }
        }
#pragma omp for schedule(static)
        for (size_t block = 0; block < state->blocks; block++) {
            game->end(game, block, &desk);
        }
    }
}

const struct kernel position_attention_cpu = {plan, position_attention_forward,
                                              position_attention_backward, free, NULL};

// Inside the CPU's position attention: what its two directions share. Blocks of pixels meet as the
// players of a tournament, in rounds in which each one has one partner: no two threads add to one
// place, and the order of the sums is the same for any number of them.
#ifndef PLEURA_OPS_POSITION_ATTENTION_PAIRS_H
#define PLEURA_OPS_POSITION_ATTENTION_PAIRS_H

#include "ops/kernels.h"
#include "ops/position_attention/tiles.h"

struct state {
    size_t images, pixels, blocks, keys, channels; // of one image; of q; of v
    bool half;                                     // products in bf16
    enum precision precision;
    int threads;
    size_t room; // floats a thread
};

// One image, and what is made of it. Accumulators are rows for whole blocks, of accumulator_width.
struct picture {
    size_t image;
    struct operand q, v, dy;
    float *logs;           // L
    float *y, *most, *sum; // forward: sums of exp(s - most) v, and of exp(s - most)
    float *dq, *dv;        // backward: sums
    float *d;              // D
};

// What one thread works with: tiles, and room for a block's rows.
struct desk {
    float *tile, *mine, *theirs;
    uint16_t *spare;
    float *results;
};

// What is done with blocks: first each on its own, then each two, then each on its own again.
struct game {
    const struct call *call;
    struct picture picture;
    void (*begin)(const struct game *game, size_t block, const struct desk *desk);
    void (*meet)(const struct game *game, size_t block, size_t other, const struct desk *desk);
    void (*end)(const struct game *game, size_t block, const struct desk *desk);
};

void play(const struct game *game);

// The part of the matrix where two blocks meet.
struct part part_of(const struct state *state, size_t block, size_t other, const struct desk *desk);

// An image's inputs, or its output's gradient, ready for products; `room` holds them.
struct operand operand_of(const struct state *state, const void *numbers, size_t image,
                          size_t width, void *room);

// Scratch memory, in bytes, behind that of the threads: of forward and of backward.
size_t forward_room(const struct state *state);
size_t backward_room(const struct state *state);

// Stores a block's accumulators as a part of a value of this image: added to it if asked.
void store_block(const struct game *game, void *value, size_t block, size_t width, bool add,
                 const float *made, float *room);

void position_attention_forward(const struct call *call);
void position_attention_backward(const struct call *call);

#endif

// What the passes of position attention on the CPU share: the plan, a thread's workspace, and an
// image's values in blocks of pixels.
#ifndef PLEURA_OPS_POSITION_ATTENTION_CPU_IMAGE_H
#define PLEURA_OPS_POSITION_ATTENTION_CPU_IMAGE_H

#include "ops/kernels.h"
#include "ops/position_attention/cpu/bf16_tile.h"
#include "ops/position_attention/cpu/tiles.h"
#include "ops/position_attention/cpu/units/unit_step.h"

struct position_plan {
    size_t images, pixels, blocks, keys, channels; // of one image; of q; of v
    bool bf16;                                     // products in bf16
    enum precision precision;
    int threads;
    const struct unit_functions *units;                   // for the forward pass,
    const struct position_bf16_functions *bf16_functions; // for tiles; NULL: they go without
};

// What one thread works with. The call's scratch memory begins with the threads' workspaces.
struct position_workspace {
    float *tiles[3];
    uint16_t *bf16[4]; // tiles of BLOCK x BLOCK
    float *values;     // a block's rows of 2 channels + keys
};

size_t position_workspace_bytes(const struct position_plan *plan); // of all threads
struct position_workspace position_workspace_of(const struct call *call, int thread);

// The tile of a block of pixels against another.
struct position_tile position_tile_of(const struct position_plan *plan, size_t block, size_t other,
                                      const struct position_workspace *workspace);

// The form of an image's q (`width` = keys), v or gradient of y (`width` = channels), and how it is
// made of all images' `values`.
struct position_form position_image_form(const struct position_plan *plan, size_t width,
                                         enum position_panels panels);
struct position_operand position_image_operand(const struct position_plan *plan,
                                               const struct position_form *form, const void *values,
                                               size_t image, void *memory);

// Floats of an image's accumulators, whole blocks of rows of position_accumulator_width.
size_t position_accumulator_floats(const struct position_plan *plan, size_t width);

// Stores a block's rows of an image's accumulators as a part of `value`, or adds them to it.
// `memory` is for a block of `width`.
void position_store_block(const struct position_plan *plan, const float *accumulators, size_t image,
                          size_t block, size_t width, bool add, void *value, float *memory);

#endif

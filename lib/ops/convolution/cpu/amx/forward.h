// Convolutions of bf16 by matrix units, forward and, of stride 1, backward to the input: a window's
// row is one run of numbers in images x height x width x channels. Columns whose runs begin at
// multiples of 64 bytes are multiplied where they lie; others are spread out, once for all windows.
// Sums are float32.
#ifndef PLEURA_OPS_CONVOLUTION_CPU_AMX_FORWARD_H
#define PLEURA_OPS_CONVOLUTION_CPU_AMX_FORWARD_H

#include "ops/convolution/cpu/amx/pack.h"
#include "ops/convolution/cpu/method.h"

// What is convolved: a layer, or the one that makes its input's gradient of its output's. Of few
// output channels two neighbouring pixels count as one column.
struct amx_forward {
    const struct amx_functions *functions;
    struct convolution_problem problem;
    bool to_input;
    size_t height, width, channels, out_height, out_width, out_channels;
    size_t window, stride, pad;
    size_t pixels, columns; // of a column; of an output row
    size_t step;            // numbers from a column to the next, in an input row
    size_t run;             // numbers of a window's row, filled up to tiles
    size_t panels;          // of output channels of a column
    size_t inside, outside; // columns from the first on, before the second, read one row alone
    size_t block;           // columns that are made together
    bool spread;            // all blocks are spread out, else those at the image's edges
};

// False: the method does not take the pass.
CHECKED bool amx_forward_plan(const struct convolution_problem *problem,
                              const struct amx_functions *functions, struct amx_forward *plan);

size_t amx_forward_weights(const struct amx_forward *plan);   // numbers
size_t amx_forward_workspace(const struct amx_forward *plan); // bytes of a thread's workspace

// Packs the layer's weights, OIHW.
void amx_forward_pack(const struct amx_forward *plan, const float *weights, uint16_t *tiles);

// Makes output rows from `first` on, before `end`, of an image. `input` and `output` are where the
// image's first rows lie, or would lie: others than are read and written need not be there. `bias`:
// NULL without.
void amx_forward_rows(const struct amx_forward *plan, const uint16_t *tiles, const float *bias,
                      const uint16_t *input, uint16_t *output, size_t first, size_t end,
                      void *workspace);

#endif

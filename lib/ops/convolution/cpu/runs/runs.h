// Direct convolutions of bf16, forward and, of stride 1, backward to the input: a window's row is
// one run of numbers in images x height x width x channels, which is multiplied where it lies. Sums
// are float32, of whole windows. Columns whose windows reach over the image's left or right edge
// are copied, with zeros beyond.
#ifndef PLEURA_OPS_CONVOLUTION_CPU_RUNS_RUNS_H
#define PLEURA_OPS_CONVOLUTION_CPU_RUNS_RUNS_H

#include "backend/cpu/products/bf16.h"
#include "ops/convolution/cpu/epilogue.h"
#include "ops/convolution/cpu/method.h"

// A product of a block's columns with the weights of some panels of output channels, rounded.
struct run_product {
    struct cpu_bf16_runs a; // of columns up to a multiple of `unit`
    struct cpu_bf16_b b;    // a panel's runs one behind the other, of as many window rows as `a`
    bool begins;            // the first one with these columns
    size_t unit, panels;
    size_t columns;     // that are stored
    uint16_t *to;       // the columns are `step` numbers apart
    size_t step, count; // numbers of a column that are stored, at most those of the panels
    struct epilogue epilogue;
};

// What convolves on a processor.
struct run_functions {
    size_t depth;        // a run is filled up to a multiple of so many numbers
    bool aligned;        // rows are to begin at multiples of 64 bytes: others are spread out
    size_t panels;       // of a product, at most
    size_t one, several; // columns are multiplied by so many: with one panel, or more
    size_t together;     // of these, at most, in a product
    size_t memory;       // bytes of a thread's memory, a multiple of 64
    // On the thread that convolves, before and after; the memory is aligned to 64 bytes.
    void (*begin)(void *memory);
    void (*end)(void *memory);
    // The product may be stored as late as with the next, or at the end.
    void (*multiply)(const struct run_product *product, void *memory);
    // Copies `count` rows of `run` numbers, a multiple of the depth, which begin `step` numbers
    // apart, one behind the other to 64-byte aligned memory. NULL if nothing is spread out.
    void (*spread)(const uint16_t *from, size_t step, size_t run, size_t count, uint16_t *to);
};

// By matrix units, and by vectors; NULL: this processor has none, or the system keeps them from
// this process.
const struct run_functions *run_functions_by_tiles(void);
const struct run_functions *run_functions_by_vectors(void);

// What is convolved: a layer, a phase of one over repeated pixels (repeated.h), or the one that
// makes a layer's input's gradient of its output's. Of few output channels two neighbouring pixels
// count as one column.
struct run_plan {
    const struct run_functions *functions;
    struct convolution_problem problem;
    bool to_input;
    size_t height, width, channels, out_height, out_width, out_channels;
    size_t window, stride;
    ptrdiff_t top, left;      // where in the input the first window begins
    size_t pixels, columns;   // of a column; of an output row
    size_t out_step, out_row; // numbers from a column to the next, and from a row, in the output
    size_t first;             // and before the first column
    size_t step;              // numbers from a column to the next, in an input row
    size_t run;               // numbers of a window's row, filled up
    size_t panels;            // of output channels of a column
    size_t inside, outside;   // columns from the first on, before the second, read one row alone
    size_t unit;              // columns that are multiplied at once
    bool spread; // all blocks are spread out, else those at the image's edges are copied
};

// Whether the pass can be made by runs.
CHECKED bool runs_suit(const struct convolution_problem *problem);

struct run_plan runs_plan(const struct convolution_problem *problem,
                          const struct run_functions *functions);
struct run_plan runs_plan_phase(const struct convolution_problem *problem,
                                const struct run_functions *functions, size_t phase);

size_t runs_weights(const struct run_plan *plan);   // numbers
size_t runs_workspace(const struct run_plan *plan); // bytes of a thread's workspace

// Packs the layer's weights, or the phase's, OIHW.
void runs_pack(const struct run_plan *plan, const float *weights, uint16_t *packed);

// Makes output rows from `first` on, before `end`, of an image. `input` and `output` are where the
// image's first rows lie, or would lie: others than are read and written need not be there. `bias`:
// NULL without.
void runs_convolve(const struct run_plan *plan, const uint16_t *packed, const float *bias,
                   const uint16_t *input, uint16_t *output, size_t first, size_t end,
                   void *workspace);

#endif

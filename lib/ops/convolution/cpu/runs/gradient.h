// Weights' gradients of bf16 by vectors: what is summed, and its factors in pairs of output pixels.
#ifndef PLEURA_OPS_CONVOLUTION_CPU_RUNS_GRADIENT_H
#define PLEURA_OPS_CONVOLUTION_CPU_RUNS_GRADIENT_H

#include "backend/cpu/products/bf16.h"
#include "ops/convolution/cpu/method.h"

#define PANEL ((size_t)CPU_BF16_PANEL)
#define MAX_TRANSPOSED ((size_t)8) // output channels of a transposed product, at most

// A window row's product has its numbers as rows and output channels as columns. Of few output
// channels it is transposed: panels of them would be half empty.
struct run_gradient {
    struct convolution_problem problem;
    bool transposed;
    size_t pairs;         // of an output row's pixels
    size_t inner;         // numbers of a window's row
    size_t rows, columns; // of a product; whole panels
    size_t paired;        // pairs of an input row
    size_t parts;
};

// Pairs of an input row: each number, with its padding, and the one that the next output pixel
// reads in its place; of transposed products (panel, pair of output pixels, number).
void run_gradient_inputs(const struct run_gradient *plan, const uint16_t *row, cpu_bf16_pair *to);

// Pairs of an output row's pixels: panels of channels; of transposed products (pair, channel).
void run_gradient_outputs(const struct run_gradient *plan, const uint16_t *row, uint16_t *to);

#endif

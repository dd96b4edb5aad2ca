// Direct convolution: products of the pixels as they lie with weights in panels. A window's row of
// pixels is one run of numbers in images x height x width x channels, so nothing is padded: windows
// that reach over an edge leave out taps. Activations of bf16 become float32 a few rows at a time,
// and the results bf16 again.
#ifndef PLEURA_OPS_CONVOLUTION_CPU_DIRECT_DIRECT_H
#define PLEURA_OPS_CONVOLUTION_CPU_DIRECT_DIRECT_H

#include "ops/convolution/cpu/epilogue.h"
#include "ops/convolution/cpu/method.h"

// A convolution over what is read, the input or the output's gradient. The window of the output
// pixel (y, x) begins at the input pixel (stride_y * y + top, stride_x * x + left). Two
// neighbouring pixels of 8 channels count as one of 16.
struct direct_plan {
    size_t images, height, width, channels; // of what is read
    size_t rows, columns, out_channels;     // of what is written; channels are a multiple of 16
    size_t window_height, window_width, stride_y, stride_x;
    ptrdiff_t top, left;
    size_t out_image, out_row, out_pixel; // floats from one to the next
    size_t pixels;                        // that count as one: 1 or 2
    enum precision precision;             // of activations; all else is float32
    int threads;
};

// Where a plan's weights lie among those of the layer: that of output channel o, input channel c
// and tap (i, k) at o * out_step + c * in_step + (first_y + i * each) * side + first_x + k * each.
struct taps {
    size_t out_step, in_step, side;
    ptrdiff_t first_y, first_x, each;
};

// The forward pass. False: its output channels do not make panels.
CHECKED bool direct_plan_forward(const struct convolution_problem *problem,
                                 struct direct_plan *plan, struct taps *taps);

// The input's gradient takes stride x stride plans over the output's gradient: that of `phase`
// writes every stride'th pixel in either direction. A window may be 0 wide and high.
CHECKED bool direct_plan_data_gradient(const struct convolution_problem *problem, size_t phase,
                                       struct direct_plan *plan, struct taps *taps);

// The same plans for any channels, of groups too: weights' channels are then those of one group.
void direct_lay_forward(const struct convolution_problem *problem, struct direct_plan *plan,
                        struct taps *taps);
void direct_lay_data_gradient(const struct convolution_problem *problem, size_t phase,
                              struct direct_plan *plan, struct taps *taps);

// Floats of a plan's weights in panels: (window row, panel, window column and channel, lane).
size_t direct_weights_size(const struct direct_plan *plan);
void direct_pack_weights(const struct direct_plan *plan, const struct taps *taps,
                         const float *weights, float *packed);

// Writes to `output` from its number `first` on. An image's bytes depend neither on the other
// images nor on the number of threads. The workspace is in bytes.
size_t direct_workspace(const struct direct_plan *plan);
void direct_convolve(const struct direct_plan *plan, const void *input, const float *weights,
                     struct epilogue epilogue, void *output, size_t first, void *workspace);

// Adds the weights' gradient. Bytes do not depend on the number of threads.
size_t direct_gradient_workspace(const struct direct_plan *plan);
void direct_weight_gradient(const struct direct_plan *plan, const struct taps *taps,
                            const void *input, const void *output_gradient, float *gradient,
                            void *workspace);

#endif

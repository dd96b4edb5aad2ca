// Inside the CPU backend: convolutions as products of the pixels as they lie with weights in
// panels. A kernel's row of pixels is one run of numbers in images x height x width x channels, so
// nothing is padded: windows that reach over an edge leave out taps. Activations of bf16 become
// float32 some rows at a time, and the results bf16 again.
#ifndef PLEURA_OPS_CONVOLUTION_CPU_DIRECT_DIRECT_H
#define PLEURA_OPS_CONVOLUTION_CPU_DIRECT_DIRECT_H

#include "ops/convolution/cpu/epilogue.h"
#include "ops/convolution/cpu/method.h"

// The window of the output pixel (y, x) begins at the input pixel (stride_y * y + top, stride_x * x
// + left). Two neighbouring pixels of 8 channels count as one of 16.
struct sweep {
    size_t images, height, width, channels; // of what is read
    size_t rows, columns, out_channels;     // of what is made; channels are a multiple of 16
    size_t kernel_height, kernel_width, stride_y, stride_x;
    ptrdiff_t top, left;
    size_t out_image, out_row, out_pixel; // floats from one to the next
    size_t pixels;                        // that count as one: 1 or 2
    enum precision precision;             // of activations; all else is float32
    int threads;
};

// Where a sweep's weights lie among those of the layer: that of output channel o, input channel c
// and tap (i, k) at o * out_step + c * in_step + (first_y + i * each) * side + first_x + k * each.
struct taps {
    size_t out_step, in_step, side;
    ptrdiff_t first_y, first_x, each;
};

// The layer as a sweep. False: its output does not go into panels.
CHECKED bool sweep_forward(const struct convolution_problem *problem, struct sweep *made,
                           struct taps *taps);

// The input's gradient: stride x stride sweeps over the output's gradient, number `phase` makes
// every stride'th pixel in either direction. Some have a kernel of 0.
CHECKED bool sweep_backward(const struct convolution_problem *problem, size_t phase,
                            struct sweep *made, struct taps *taps);

// Floats of a sweep's weights in panels: (kernel row, panel, kernel column and channel, lane).
size_t sweep_weights_size(const struct sweep *sweep);
void sweep_weights(const struct sweep *sweep, const struct taps *taps, const float *weights,
                   float *made);

// The sweep's first pixel is number `first` of `output`. An image's bytes depend neither on the
// other images nor on the number of threads. Scratch memory is in bytes.
size_t sweep_scratch(const struct sweep *sweep);
void sweep_convolve(const struct sweep *sweep, const void *input, const float *weights,
                    struct epilogue epilogue, void *output, size_t first, void *scratch);

// Adds the weights' gradient. Bytes do not depend on the number of threads.
size_t sweep_gradient_scratch(const struct sweep *sweep);
void sweep_gradient(const struct sweep *sweep, const struct taps *taps, const void *input,
                    const void *output_gradient, float *gradient, void *scratch);

#endif

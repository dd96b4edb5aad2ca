// What methods share that make the input's gradient in stride x stride phases: each is a
// convolution over the output's gradient, and writes every stride'th pixel in either direction. A
// 3 x 3 over an input of repeated pixels has four phases, too (repeated.h). The other passes have
// one.
#ifndef PLEURA_OPS_CONVOLUTION_CPU_PHASES_H
#define PLEURA_OPS_CONVOLUTION_CPU_PHASES_H

#include "ops/convolution/cpu/epilogue.h"
#include "ops/convolution/cpu/method.h"

// Where a phase's weights lie among those of the layer: that of output channel o, input channel c
// of its group and tap (i, k) at o * out_step + c * in_step + (first_y + i * each) * side + first_x
// + k * each.
struct taps {
    size_t out_step, in_step, side;
    ptrdiff_t first_y, first_x, each;
};

struct grouped_lanes;

// A convolution over what is read, the input or the output's gradient. The window of the output
// pixel (y, x) begins at the input pixel (stride_y * y + top, stride_x * x + left). A window may be
// 0 wide and high.
struct phase_plan {
    size_t images, height, width, channels; // of what is read
    size_t rows, columns, out_channels;     // of what is written
    size_t group_width;                     // the layer's input channels of a group
    size_t window_height, window_width, stride_y, stride_x;
    ptrdiff_t top, left;
    size_t out_image, out_row, out_pixel; // floats from one to the next
    enum precision precision;             // of activations; all else is float32
    int threads;
    struct taps taps;
    size_t pixels; // that count as one in direct convolutions: 1 or 2

    // Of grouped convolutions: vectors, and channels that are worked on at once.
    const struct grouped_lanes *lanes;
    size_t slab;
};

// A phase of an input's gradient: its packed weights, and the number of its first pixel.
struct phase_job {
    const struct phase_plan *plan;
    const float *weights;
    size_t first;
};

// What a method does with a phase. An image's bytes depend neither on the other images nor on the
// number of threads. Workspace is in bytes.
struct phased_convolution {
    // Adds to the plan what is the method's own. False: the method does not take the layer.
    bool (*complete)(struct phase_plan *plan);

    size_t (*weights_size)(const struct phase_plan *plan); // packed, floats
    void (*pack_weights)(const struct phase_plan *plan, const float *weights, float *packed);

    // Writes to `output` from its number `first` on.
    size_t (*workspace)(const struct phase_plan *plan);
    void (*convolve)(const struct phase_plan *plan, const void *input, const float *weights,
                     struct epilogue epilogue, void *output, size_t first, void *workspace);

    // Writes some rows of a forward pass, on the calling thread, whose workspace has so many bytes.
    size_t (*row_workspace)(const struct phase_plan *plan);
    void (*convolve_rows)(const struct phase_plan *plan, const void *input, const float *weights,
                          struct epilogue epilogue, void *output, struct convolution_rows rows,
                          void *workspace);

    // Writes all phases of an input's gradient, a few rows of each at a time. NULL: phases are
    // written one after the other.
    void (*convolve_phases)(const struct phase_job *jobs, size_t count, const void *output_gradient,
                            void *input_gradient, void *workspace);

    // Adds the weights' gradient.
    size_t (*gradient_workspace)(const struct phase_plan *plan);
    void (*weight_gradient)(const struct phase_plan *plan, const void *input,
                            const void *output_gradient, float *gradient, void *workspace);
};

// Whether the method takes all phases of the pass.
CHECKED bool phases_suit(const struct phased_convolution *method,
                         const struct convolution_problem *problem);

// The functions of a struct convolution_method.
void *phases_plan(const struct phased_convolution *method,
                  const struct convolution_problem *problem, size_t *workspace,
                  struct error *error);
void phases_release(void *planned);
void phases_prepare(void *planned, const float *weights);
void phases_forward(void *planned, const void *input, const float *bias, void *output,
                    void *workspace);
void phases_forward_rows(void *planned, const void *input, const float *bias, void *output,
                         struct convolution_rows rows, void *workspace);
size_t phases_row_workspace(const void *planned);
void phases_data_gradient(void *planned, const void *output_gradient, void *input_gradient,
                          void *workspace);
void phases_weight_gradient(void *planned, const void *input, const void *output_gradient,
                            float *weight_gradient, float *bias_gradient, void *workspace);

// All of them but the first, which takes the method's own functions.
#define PHASES_PASSES                                                                              \
    .release = phases_release, .prepare = phases_prepare, .forward = phases_forward,               \
    .forward_rows = phases_forward_rows, .row_workspace = phases_row_workspace,                    \
    .data_gradient = phases_data_gradient, .weight_gradient = phases_weight_gradient

#endif

// Weights' gradients by matrix units: products of the input, in rows of channels, with the output's
// gradient, summed over pixels in float32.
#ifndef PLEURA_OPS_CONVOLUTION_CPU_AMX_GRADIENT_H
#define PLEURA_OPS_CONVOLUTION_CPU_AMX_GRADIENT_H

#include "ops/convolution/cpu/amx/pack.h"
#include "ops/convolution/cpu/method.h"

// Pixels lie in rows of `pitch`, a window's other columns included, so that a tap is a distance and
// pixels of several rows can be summed as one row. The input is packed in phases: every stride'th
// row and column. Few channels are folded: the window's columns are channels, one behind the other.
struct amx_gradient {
    const struct amx_functions *functions;
    struct convolution_problem problem;
    bool folded;
    size_t channels, taps_y, taps_x; // as they are packed
    size_t pitch;
    size_t rows, bands;        // output rows of a band; bands of an image
    size_t inner;              // a band's output pixels, filled up
    size_t input_rows, length; // of a phase of a band; pixels, filled up
    size_t step;               // from one channel's to the next
    size_t in_rows, panels;    // channels filled up to tiles; of output channels
    size_t parts, groups;      // summed apart; of panels, that different threads may take
};

// False: the method does not take the layer.
CHECKED bool amx_gradient_plan(const struct convolution_problem *problem,
                               const struct amx_functions *functions, struct amx_gradient *plan);

size_t amx_gradient_workspace(const struct amx_gradient *plan); // bytes

// Adds the weights' gradient. The bytes do not depend on the number of threads.
void amx_gradient_run(const struct amx_gradient *plan, const uint16_t *input,
                      const uint16_t *output_gradient, float *gradient, void *workspace);

#endif

// One vector of channels of a grouped convolution's tile, by the vectors that the processor has.
#ifndef PLEURA_OPS_CONVOLUTION_CPU_GROUPED_LANES_H
#define PLEURA_OPS_CONVOLUTION_CPU_GROUPED_LANES_H

#include <stdbool.h>
#include <stddef.h>

// The numbers of a vector for so many channels, a multiple of 8.
size_t grouped_lanes_for(size_t channels);

// Steps are in floats. A group's channels are 1, 4 or 8, or a multiple of the lanes.
struct grouped_lanes {
    size_t width;         // channels of a group
    size_t rows, columns; // of the output
    size_t window_height, window_width;
    const float *input;              // of the tile's first window: the vector's own channels,
                                     // where groups are wider than it the first of its group
    size_t tap_row, tap, row, pixel; // steps to the next window row, column; output row, pixel
    const float *weights;            // (window row, column, input channel, lane)
    const float *bias;               // NULL: none
    bool sum, relu;                  // as in struct epilogue
    float *output;
    size_t out_row, out_pixel;
};

void grouped_convolve_lanes(size_t lanes, const struct grouped_lanes *job);

// What sums of weights' gradients are made of.
struct grouped_lanes_gradient {
    size_t width, rows, columns, window_height, window_width;
    const float *input; // as above
    size_t tap_row, tap, row, pixel;
    const float *gradient; // of the output
    size_t gradient_row, gradient_pixel;
    float *sums; // as weights lie; added to
};

void grouped_sum_lanes(size_t lanes, const struct grouped_lanes_gradient *job);

#endif

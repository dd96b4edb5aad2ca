// Vectors of channels of a grouped convolution, as wide as the processor has them: a block of two
// rows of a few output pixels stays in registers while the input's rows pass.
#ifndef PLEURA_OPS_CONVOLUTION_CPU_GROUPED_LANES_H
#define PLEURA_OPS_CONVOLUTION_CPU_GROUPED_LANES_H

#include "backend/backend.h"

#define GROUPED_ROWS ((size_t)2)    // of a block
#define GROUPED_WINDOW ((size_t)24) // the largest that there is: bits of its columns make a number

// What a layer has in common for all blocks. A group has 1, 4 or 8 channels, or a multiple of the
// lanes. Steps here and below are in numbers of the precision.
struct grouped_layer {
    enum precision precision; // of activations
    size_t width;             // channels of a group
    size_t kernel;            // the best one's number, of the lanes
    size_t window_height, window_width, stride;
    size_t tap_row, tap; // from a pixel of the input to the one below, to the next
    size_t out_row, out_pixel;
};

// A block of output pixels in some vectors of channels, and the windows that it reads.
struct grouped_block {
    size_t channel, vectors; // the first channel, a vector's first
    size_t rows, pixels;     // of the output: at most GROUPED_ROWS, and `pixels` of the lanes
    size_t first_row;        // of those rows, the first that is stored

    // The number of channel 0 in the block's first window's first pixel, which may be outside of
    // the image; which rows and columns from there on are inside, as bits. Others count as zeros.
    ptrdiff_t input;
    uint64_t rows_inside, columns_inside;
    size_t output; // the number of channel 0 in the first output pixel

    // What is fetched into the second-level cache meanwhile: of the input rows of pixels that
    // blocks below read, and the number of channel 0 in their first; of the output as many pixels
    // as the block to the right has.
    size_t fetched_rows, fetched_pixels, fetched, pixels_right;
};

struct grouped_lanes;

struct grouped_convolution {
    struct grouped_layer layer;
    const struct grouped_lanes *lanes;
    const void *input;
    const float *weights; // (vector, window row, window column, input channel, lane)
    const float *bias;    // NULL: none
    bool sum, relu;       // as in struct epilogue
    bool native_bf16;     // grouped_native_bf16
    bool streams;         // past the caches, where grouped_streams lets it
    void *output;
};

// Sums of weights' gradients.
struct grouped_sums {
    struct grouped_layer layer;
    const struct grouped_lanes *lanes;
    const void *input, *output_gradient; // steps of the latter are the output's
    float *sums;                         // as weights lie; added to
};

struct grouped_lanes {
    size_t lanes, pixels; // numbers of a vector; output pixels in a block's row

    size_t (*kernel)(const struct grouped_layer *layer); // the best one's number

    // `tile`: a thread's own, grouped_tile_floats.
    void (*convolve)(const struct grouped_convolution *job, const struct grouped_block *block,
                     float *tile);
    void (*sum)(const struct grouped_sums *job, const struct grouped_block *block, float *tile);
};

// For so many channels, a multiple of 8.
const struct grouped_lanes *grouped_lanes_for(size_t channels);

// Whether their processor has an instruction that makes bf16 of floats.
bool grouped_native_bf16(const struct grouped_lanes *lanes);

// Whether their vectors of such an output can be stored as whole lines of the cache, past it.
bool grouped_streams(const struct grouped_lanes *lanes, const struct grouped_layer *layer,
                     const void *output);

// Whether a block's windows are copied ahead, as float32: in groups of several channels, whose
// numbers are read once for each channel of the group. bf16 would be converted as often; strided
// pixels, and those that are multiples of 4 KiB apart, share too few sets of the first-level cache.
static inline bool grouped_copies(const struct grouped_layer *layer) {
    return layer->width > 1 && (layer->precision == PRECISION_BF16 || layer->stride > 1 ||
                                layer->tap % (4096 / sizeof(float)) == 0);
}

// Floats that these windows take.
size_t grouped_tile_floats(const struct grouped_lanes *lanes, const struct grouped_layer *layer);

#endif

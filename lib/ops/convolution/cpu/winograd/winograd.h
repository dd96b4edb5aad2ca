// 3 x 3 convolutions of float32, stride 1, padded by 1, by Winograd's
// method (Lavin, Gray 2016). Input tiles and weights become numbers at points, the values of
// polynomials in either direction; these are multiplied, and their sums over the channels brought
// back. F(4 x 4, 3 x 3), with the points 0, +-5/8, +-3/2 and infinity, makes a tile of 4 x 4
// outputs from 36 products instead of 144; those points make half the error of 0, +-1, +-2. F(2 x
// 2, 3 x 3), with 0, +-1 and infinity, makes 2 x 2 from 16 instead of 36, with a third of that
// error again, about that of direct sums. All is done tile by tile in the cache; activations stay
// as they lie, images x height x width x channels.
#ifndef PLEURA_OPS_CONVOLUTION_CPU_WINOGRAD_WINOGRAD_H
#define PLEURA_OPS_CONVOLUTION_CPU_WINOGRAD_WINOGRAD_H

#include "ops/convolution/cpu/epilogue.h"
#include "ops/convolution/cpu/method.h"

#define WINOGRAD_LANES 16 // channels at a time

struct winograd {
    size_t tile;              // outputs in one direction: 4 or 2
    enum precision precision; // of activations; all else is float32
    size_t images, height, width;
    size_t channels, out_channels; // multiples of WINOGRAD_LANES, but see cpu_winograd_suits
    int threads;
    bool rounds; // of the weights' gradient: multiplies numbers of bf16; activations are bf16
};

// Whether the convolution takes these channels. Input channels may also leave more than
// WINOGRAD_LANES to a whole number of CPU_F32_PART; not for the weights' gradient.
bool cpu_winograd_suits(const struct winograd *shape);

// ---- weights, OIHW. `rotated`: for the input's gradient, which is the convolution of the output's
// gradient with weights rotated by 180 degrees; `shape` is that convolution's, and the weights are
// (channels, out_channels, 3, 3).

// Transformed ahead, as panels of 16 output channels: (point, panel, channel, lane). The size is in
// floats.
size_t cpu_winograd_weights_size(const struct winograd *shape);
void cpu_winograd_weights(const struct winograd *shape, const float *weights, bool rotated,
                          float *transformed);

// Packed to be transformed where they are used: (panel, channel, tap, lane).
size_t cpu_winograd_packed_size(const struct winograd *shape);
void cpu_winograd_pack(const struct winograd *shape, const float *weights, float *packed);

enum winograd_form { WINOGRAD_PACKED, WINOGRAD_PLAIN, WINOGRAD_ROTATED };

struct winograd_weights {
    const float *data;
    enum winograd_form form;
};

// ---- passes

// Workspace in bytes, of a convolution and of the weights' gradient.
size_t cpu_winograd_workspace(const struct winograd *shape);
size_t cpu_winograd_gradient_workspace(const struct winograd *shape);

// An image's bytes depend neither on the other images nor on the number of threads. Weights: those
// that were transformed ahead.
void cpu_winograd_convolve(const struct winograd *shape, const void *input, const float *weights,
                           struct epilogue epilogue, void *output, void *workspace);

// The same bytes with weights that are transformed where they are used, and its workspace.
void cpu_winograd_convolve_wide(const struct winograd *shape, const void *input,
                                struct winograd_weights weights, struct epilogue epilogue,
                                void *output, void *workspace);
size_t cpu_winograd_wide_workspace(const struct winograd *shape);

// Adds to `gradient`, OIHW, by F(4 x 4, 3 x 3) whatever the tile. Bytes do not depend on the number
// of threads.
void cpu_winograd_gradient(const struct winograd *shape, const void *input,
                           const void *output_gradient, float *gradient, void *workspace);

#endif

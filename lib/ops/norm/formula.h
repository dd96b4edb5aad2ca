// Normalisation of one number or one channel, for the host and for devices: of a batch (Ioffe and
// Szegedy 2015, arXiv 1502.03167), and of groups of an image's channels (Wu and He 2018, arXiv
// 1803.08494).
#ifndef PLEURA_OPS_NORM_FORMULA_H
#define PLEURA_OPS_NORM_FORMULA_H

#include "core/device.h"

#include <math.h>

#define NORM_EPSILON 1e-5

// What is saved of a channel: the normalised input is (x - mean) * inverse + rest.
struct norm_channel {
    float mean, inverse, rest;
};

// Of the `count` numbers that a channel is normalised with, from their mean and the sum of their
// squared differences from it. What float32 leaves of the mean is kept in `rest`.
ON_DEVICE static inline struct norm_channel norm_channel_of(double mean, double squares,
                                                            double count) {
    const double inverse = 1 / sqrt(squares / count + NORM_EPSILON);
    struct norm_channel channel;
    channel.mean = (float)mean;
    channel.inverse = (float)inverse;
    channel.rest = (float)((channel.mean - mean) * inverse);
    return channel;
}

// The same of a batch: the running statistics follow by `momentum`, the variance unbiased.
ON_DEVICE static inline struct norm_channel norm_statistics(double mean, double squares,
                                                            double count, double momentum,
                                                            float *running_mean,
                                                            float *running_variance) {
    *running_mean += (float)(momentum * (mean - *running_mean));
    *running_variance += (float)(momentum * (squares / (count - 1) - *running_variance));
    return norm_channel_of(mean, squares, count);
}

// The normalised input, by factor = inverse and offset = rest, or the norm of it, by factor = scale
// * inverse and offset = norm_offset.
ON_DEVICE static inline float norm_of(float x, float mean, float factor, float offset) {
    return (x - mean) * factor + offset;
}

ON_DEVICE static inline float norm_offset(float shift, float scale, float rest) {
    return shift + scale * rest;
}

// The input's gradient: with dz the output's, `factor` scale * inverse, the means of dz and of dz *
// normalised over the channel: factor * (dz - mean(dz) - normalised * mean(dz * normalised)).
ON_DEVICE static inline float norm_gradient(float dz, float normalised, float factor,
                                            float mean_plain, float mean_product) {
    return factor * (dz - mean_plain - normalised * mean_product);
}

// Folded into the convolution before it, by running statistics: w' = w * factor and b' = (b - mean)
// * factor + shift.
ON_DEVICE static inline double norm_folded_factor(float scale, float variance) {
    return scale / sqrt(variance + NORM_EPSILON);
}

ON_DEVICE static inline float norm_folded_bias(double bias, float mean, double factor,
                                               float shift) {
    return (float)((bias - mean) * factor + shift);
}

#endif

// Weights of Winograd's method as int16.
#include "ops/convolution/cpu/winograd_int16/block.h"

#include <math.h>
#include <string.h>

// From the channel at work to the one whose packed weights are fetched.
#define CHANNELS_AHEAD ((size_t)32)

// Factors are not so small that they and large numbers' scales make denormal numbers.
#define MIN_FACTOR 0x1p-10F

size_t cpu_winograd_int16_factors(const struct winograd *shape) {
    return paired(shape->channels);
}

size_t cpu_winograd_int16_scales(const struct winograd *shape) {
    return parts_of(shape) * MAX_POINTS * shape->out_channels;
}

size_t cpu_winograd_int16_transformed(const struct winograd *shape) {
    return transformed_before(shape, parts_of(shape), 0);
}

// ---- factors of the channels

static float larger(float one, float other) {
    return one > other ? one : other;
}

// Output channels' largest weights of an input channel, without their signs.
static void largest_of(const float *packed, float largest[LANES]) {
    for (size_t i = 0; i < LANES; i++) {
        largest[i] = 0;
        for (size_t tap = 0; tap < 9; tap++) {
            largest[i] = larger(largest[i], fabsf(packed[tap * LANES + i]));
        }
    }
}

typedef float packed_part[PART * 9 * LANES];

// A panel's weights of a part of the channels, packed where they lie or here.
static const float *pack_part(const struct winograd *shape, const struct winograd_weights *weights,
                              size_t panel, size_t part, packed_part here) {
    const struct weight_span span = {panel, part * PART, part * PART + channels_of(shape, part)};
    return winograd_packed(shape, weights, span, here);
}

// The part's channels' weights of a panel, compared with the largest that the output channel has.
static void compare_weights(const struct winograd *shape, const struct winograd_weights *weights,
                            size_t panel, size_t part, float *factors) {
    packed_part here;
    float largest[PART][LANES];
    float most[LANES] = {0};
    const size_t channels = channels_of(shape, part);
    const float *from = pack_part(shape, weights, panel, part, here);
    for (size_t c = 0; c < channels; c++) {
        largest_of(from + winograd_packed_floats(c), largest[c]);
        for (size_t i = 0; i < LANES; i++) {
            most[i] = larger(most[i], largest[c][i]);
        }
    }
    for (size_t c = 0; c < channels; c++) {
        for (size_t i = 0; i < LANES; i++) {
            factors[c] = larger(factors[c], most[i] > 0 ? largest[c][i] / most[i] : 0);
        }
    }
}

// Powers of two: to multiply by them rounds nothing.
static void find_factors(const struct winograd *shape, const struct winograd_weights *weights,
                         size_t part, float *factors) {
    const size_t channels = channels_of(shape, part);
    memset(factors, 0, paired(channels) * sizeof *factors);
    for (size_t panel = 0; panel < shape->out_channels / LANES; panel++) {
        compare_weights(shape, weights, panel, part, factors);
    }
    for (size_t c = 0; c < paired(channels); c++) {
        int exponent = 0;
        (void)frexpf(larger(factors[c], MIN_FACTOR), &exponent);
        factors[c] = ldexpf(1, exponent - 1);
    }
}

// ---- scales and numbers

// Weights of a part's channel at the points; those behind the last channel are 0.
static void transform_channel(const float *packed, size_t channel, size_t channels,
                              weights_at_points to) {
    if (channel < channels) {
        const float *from = packed + winograd_packed_floats(channel);
        transform_weights(MAX_TILE, (const float(*)[LANES])from, to[0], LANES);
    } else {
        memset(to, 0, sizeof(weights_at_points));
    }
}

static void find_scales_of(const struct winograd *shape,
                           const struct winograd_int16_weights *weights, size_t panel,
                           size_t part) {
    packed_part here;
    weights_at_points sums = {0};
    weights_at_points largest = {0};
    const size_t channels = channels_of(shape, part);
    const float *from = pack_part(shape, &weights->source, panel, part, here);
    for (size_t c = 0; c < channels; c++) {
        weights_at_points transformed;
        transform_channel(from, c, channels, transformed);
        measure_weights(transformed, weights->factors[part * PART + c], sums, largest);
    }
    find_scales(sums, largest, weights->scales + scales_before(shape, part) + panel * LANES,
                shape->out_channels);
}

void winograd_int16_transform(const struct winograd *shape,
                              const struct winograd_int16_weights *weights, size_t panel,
                              size_t part, int16_t *to, size_t step) {
    packed_part here;
    weights_at_points inverse;
    const size_t channels = channels_of(shape, part);
    const float *from = pack_part(shape, &weights->source, panel, part, here);
    invert_scales(weights->scales + scales_before(shape, part) + panel * LANES, shape->out_channels,
                  inverse);
    for (size_t i = 0; i < paired(channels) / 2; i++, to += 2 * (size_t)LANES) {
        const size_t c = i / LANES * 2 * LANES + i % LANES;
        weights_at_points pair[2];
        winograd_fetch_packed(from + winograd_packed_floats(2 * i + CHANNELS_AHEAD));
        winograd_fetch_packed(from + winograd_packed_floats(2 * i + CHANNELS_AHEAD + 1));
        transform_channel(from, c, channels, pair[0]);
        transform_channel(from, c + LANES, channels, pair[1]);
        quantise_weights((const weights_at_points *)pair, weights->factors + part * PART + c,
                         (const float(*)[LANES])inverse, to, step);
    }
}

void cpu_winograd_int16_weights(const struct winograd *shape,
                                const struct winograd_int16_weights *weights) {
    const size_t panels = shape->out_channels / LANES;
#pragma omp parallel for schedule(static) num_threads(shape->threads)
    for (size_t part = 0; part < parts_of(shape); part++) {
        find_factors(shape, &weights->source, part, weights->factors + part * PART);
    }
#pragma omp parallel for collapse(2) schedule(static) num_threads(shape->threads)
    for (size_t part = 0; part < parts_of(shape); part++) {
        for (size_t panel = 0; panel < panels; panel++) {
            find_scales_of(shape, weights, panel, part);
            if (weights->transformed != NULL) {
                winograd_int16_transform(shape, weights, panel, part,
                                         weights->transformed +
                                             transformed_before(shape, part, panel),
                                         transformed_step(shape, part));
            }
        }
    }
}

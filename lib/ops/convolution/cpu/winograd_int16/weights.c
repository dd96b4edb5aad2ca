// Weights of Winograd's method as int16.
#include "ops/convolution/cpu/winograd_int16/block.h"

#include <math.h>
#include <string.h>

#define TAPS WINOGRAD_TAPS

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

size_t cpu_winograd_int16_packed(const struct winograd *shape) {
    return TAPS * shape->channels * shape->out_channels;
}

size_t cpu_winograd_int16_packed_scales(const struct winograd *shape) {
    return parts_of(shape) * shape->out_channels;
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

// ---- packed weights

// Where a part's channels of a panel lie, and their scales.
static size_t packed_before(const struct winograd *shape, size_t panel, size_t part) {
    return winograd_packed_floats(panel * shape->channels + part * PART);
}

static size_t packed_scales_before(const struct winograd *shape, size_t panel, size_t part) {
    return part * shape->out_channels + panel * LANES;
}

static void pack(const struct winograd *shape, const struct winograd_int16_weights *weights,
                 size_t panel, size_t part) {
    packed_part here;
    pack_taps(pack_part(shape, &weights->source, panel, part, here), weights->factors + part * PART,
              channels_of(shape, part), weights->packed + packed_before(shape, panel, part),
              weights->packed_scales + packed_scales_before(shape, panel, part));
}

// ---- scales and numbers

// A part's channels of a panel, as they are packed, or as floats.
struct source {
    size_t channels;
    const int16_t *packed; // NULL: floats
    const float *scales;   // of the packed ones
    const float *floats, *factors;
};

static struct source source_of(const struct winograd *shape,
                               const struct winograd_int16_weights *weights, size_t panel,
                               size_t part, packed_part here) {
    struct source source = {.channels = channels_of(shape, part)};
    if (weights->packed != NULL) {
        source.packed = weights->packed + packed_before(shape, panel, part);
        source.scales = weights->packed_scales + packed_scales_before(shape, panel, part);
    } else {
        source.floats = pack_part(shape, &weights->source, panel, part, here);
        source.factors = weights->factors + part * PART;
    }
    return source;
}

// A channel's taps over its factor; those behind the last channel are 0.
static void taps_of(const struct source *source, size_t channel, weight_taps taps) {
    const size_t before = winograd_packed_floats(channel);
    if (channel >= source->channels) {
        memset(taps, 0, sizeof(weight_taps));
    } else if (source->packed != NULL) {
        unpack_taps(source->packed + before, source->scales, taps);
    } else {
        scale_taps(source->floats + before, 1 / source->factors[channel], taps);
    }
}

static void find_scales_of(const struct winograd *shape,
                           const struct winograd_int16_weights *weights, size_t panel,
                           size_t part) {
    packed_part here;
    weights_at_points sums = {0};
    weights_at_points largest = {0};
    const struct source source = source_of(shape, weights, panel, part, here);
    for (size_t c = 0; c < source.channels; c++) {
        weights_at_points transformed;
        weight_taps taps;
        taps_of(&source, c, taps);
        transform_weights(MAX_TILE, (const float(*)[LANES])taps, transformed[0], LANES);
        measure_weights((const float(*)[LANES])transformed, sums, largest);
    }
    find_scales((const float(*)[LANES])sums, (const float(*)[LANES])largest,
                weights->scales + scales_before(shape, part) + panel * LANES, shape->out_channels);
}

// Packed ones of a pair of channels; the second may be behind the last.
static void transform_packed(const struct source *source, size_t channel,
                             const weights_at_points inverse, int16_t *to, size_t step) {
    static const int16_t none[TAPS * LANES];
    const int16_t *first = source->packed + winograd_packed_floats(channel);
    const size_t second = winograd_packed_floats(LANES);
    for (size_t i = 0; i < winograd_packed_floats(1); i += 2 * (size_t)LANES) {
        __builtin_prefetch(first + winograd_packed_floats(CHANNELS_AHEAD) + i);
        __builtin_prefetch(first + second + winograd_packed_floats(CHANNELS_AHEAD) + i);
    }
    quantise_packed(channel < source->channels ? first : none,
                    channel + LANES < source->channels ? first + second : none, inverse, to, step);
}

static void transform_floats(const struct source *source, size_t channel,
                             const weights_at_points inverse, int16_t *to, size_t step) {
    weight_taps taps[2];
    winograd_fetch_packed(source->floats + winograd_packed_floats(channel + CHANNELS_AHEAD));
    winograd_fetch_packed(source->floats +
                          winograd_packed_floats(channel + LANES + CHANNELS_AHEAD));
    taps_of(source, channel, taps[0]);
    taps_of(source, channel + LANES, taps[1]);
    quantise_weights((const weight_taps *)taps, inverse, to, step);
}

void winograd_int16_transform(const struct winograd *shape,
                              const struct winograd_int16_weights *weights, size_t panel,
                              size_t part, int16_t *to, size_t step) {
    packed_part here;
    weights_at_points inverse;
    const struct source source = source_of(shape, weights, panel, part, here);
    invert_scales(weights->scales + scales_before(shape, part) + panel * LANES, shape->out_channels,
                  source.scales, inverse);
    for (size_t i = 0; i < paired(source.channels) / 2; i++, to += 2 * (size_t)LANES) {
        const size_t c = i / LANES * 2 * LANES + i % LANES;
        if (source.packed != NULL) {
            transform_packed(&source, c, (const float(*)[LANES])inverse, to, step);
        } else {
            transform_floats(&source, c, (const float(*)[LANES])inverse, to, step);
        }
    }
}

static void transform_ahead(const struct winograd *shape,
                            const struct winograd_int16_weights *weights, size_t panel,
                            size_t part) {
    if (weights->transformed != NULL) {
        winograd_int16_transform(shape, weights, panel, part,
                                 weights->transformed + transformed_before(shape, part, panel),
                                 transformed_step(shape, part));
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
            if (weights->packed != NULL) {
                pack(shape, weights, panel, part);
            }
            find_scales_of(shape, weights, panel, part);
            transform_ahead(shape, weights, panel, part);
        }
    }
}

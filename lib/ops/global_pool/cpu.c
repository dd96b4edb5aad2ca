// global_pool on the CPU: a thread takes some pixels, then some channels of an image.
#include "backend/cpu/cpu.h"
#include "backend/bf16.h"
#include "core/simd.h"
#include "ops/cpu_map.h"
#include "ops/cpu_operation.h"
#include "ops/kernels.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct state {
    struct cpu_map map;
    size_t parts; // of an image's pixels, summed on their own
};

// Pixels of a part, at least; those that are summed in float32 before they are added to others.
#define PART ((size_t)512)
#define TOGETHER ((size_t)64)

static bool plan(struct kernel_plan *plan, struct error *error) {
    const struct cpu_map map = cpu_map_of(plan);
    struct state *state = cpu_state_alloc(sizeof *state, map.channels, SIZE_MAX, error);
    if (state == NULL) {
        return false;
    }
    *state = (struct state){map, map.pixels / PART + 1};
    plan->scratch = map.images * state->parts * map.channels * sizeof(double);
    plan->state = state;
    return true;
}

VECTORISED static void add_f32(const float *x, size_t pixels, size_t step, size_t count,
                               float *sums) {
    for (size_t pixel = 0; pixel < pixels; pixel++) {
        for (size_t c = 0; c < count; c++) {
            sums[c] += x[pixel * step + c];
        }
    }
}

VECTORISED static void add_bf16(const uint16_t *x, size_t pixels, size_t step, size_t count,
                                float *sums) {
    for (size_t pixel = 0; pixel < pixels; pixel++) {
        for (size_t c = 0; c < count; c++) {
            sums[c] += bf16_to(x[pixel * step + c]);
        }
    }
}

// Sums of an image's pixels from `first` on, before `end`, whole pixels as they lie in memory.
static void sum_pixels(const struct cpu_map *map, const void *in, size_t image, size_t first,
                       size_t end, double *sums) {
    memset(sums, 0, map->channels * sizeof *sums);
    for (size_t channel = 0; channel < map->channels; channel += CPU_BLOCK) {
        const size_t left = map->channels - channel;
        const size_t count = left < CPU_BLOCK ? left : CPU_BLOCK;
        for (size_t pixel = first; pixel < end; pixel += TOGETHER) {
            const size_t pixels = end - pixel < TOGETHER ? end - pixel : TOGETHER;
            const size_t at = (image * map->pixels + pixel) * map->channels + channel;
            float together[CPU_BLOCK];
            memset(together, 0, count * sizeof *together);
            if (map->precision == PRECISION_F32) {
                add_f32((const float *)in + at, pixels, map->channels, count, together);
            } else {
                add_bf16((const uint16_t *)in + at, pixels, map->channels, count, together);
            }
            cpu_add_sums(together, count, sums + channel);
        }
    }
}

// The means of some channels, from the sums of all parts.
static void write_means(const struct state *state, const struct call *call, size_t index) {
    const struct cpu_map *map = &state->map;
    const struct cpu_group group = cpu_map_group(map, index);
    const size_t image = group.alone / map->channels;
    const double *sums = (const double *)call->scratch + image * state->parts * map->channels +
                         group.alone % map->channels;
    float temporary[CPU_GROUP];
    float *out = cpu_target(map->precision, call->out, group.alone, group.count, false, temporary);
    for (size_t c = 0; c < group.count; c++) {
        double sum = 0;
        for (size_t part = 0; part < state->parts; part++) {
            sum += sums[part * map->channels + c];
        }
        out[c] = (float)(sum / (double)map->pixels);
    }
    cpu_write(map->precision, call->out, group.alone, group.count, out);
}

static void forward(const struct call *call) {
    const struct state *state = call->state;
    const struct cpu_map *map = &state->map;
    const size_t parts = state->parts;
    double *sums = call->scratch;
#pragma omp parallel num_threads(map->threads)
    {
#pragma omp for schedule(static)
        for (size_t i = 0; i < map->images * parts; i++) {
            sum_pixels(map, call->in[0], i / parts, map->pixels * (i % parts) / parts,
                       map->pixels * (i % parts + 1) / parts, sums + i * map->channels);
        }
#pragma omp for schedule(static)
        for (size_t index = 0; index < cpu_map_groups(map); index++) {
            write_means(state, call, index);
        }
    }
}

// Some channels of an image's pixels from `first` on, before `end`.
static void spread(const struct state *state, const struct call *call, size_t image, size_t first,
                   size_t end) {
    const struct cpu_map *map = &state->map;
    const float share = 1.0F / (float)map->pixels;
    for (size_t channel = 0; channel < map->channels; channel += CPU_BLOCK) {
        const size_t left = map->channels - channel;
        const size_t count = left < CPU_BLOCK ? left : CPU_BLOCK;
        float of_dy[CPU_BLOCK];
        float temporary[CPU_BLOCK];
        const float *dy = cpu_read(map->precision, call->out_gradient,
                                   image * map->channels + channel, count, of_dy);
        for (size_t pixel = first; pixel < end; pixel++) {
            const size_t at = (image * map->pixels + pixel) * map->channels + channel;
            float *dx = cpu_target(map->precision, call->in_gradient[0], at, count, call->add[0],
                                   temporary);
            cpu_add_multiple(dy, share, count, dx);
            cpu_write(map->precision, call->in_gradient[0], at, count, dx);
        }
    }
}

static void backward(const struct call *call) {
    const struct state *state = call->state;
    const size_t pixels = state->map.pixels;
    const size_t parts = state->parts;
#pragma omp parallel for schedule(static) num_threads(state->map.threads)
    for (size_t i = 0; i < state->map.images * parts; i++) {
        spread(state, call, i / parts, pixels * (i % parts) / parts,
               pixels * (i % parts + 1) / parts);
    }
}

const struct kernel global_pool_cpu = {plan, forward, backward, free, NULL};

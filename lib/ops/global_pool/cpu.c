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

#define TOGETHER ((size_t)64) // pixels that are summed in float32 before they are added to others

static bool plan(struct kernel_plan *plan, struct error *error) {
    const struct cpu_map map = cpu_map_of(plan);
    plan->scratch = cpu_map_parts(&map) * map.channels * sizeof(double);
    return cpu_map_plan(plan, error);
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

// Sums of a part's pixels, whole pixels as they lie in memory.
static void sum_pixels(const struct cpu_map *map, const void *in, struct cpu_part part,
                       double *sums) {
    memset(sums, 0, map->channels * sizeof *sums);
    for (size_t channel = 0; channel < map->channels; channel += CPU_BLOCK) {
        const size_t left = map->channels - channel;
        const size_t count = left < CPU_BLOCK ? left : CPU_BLOCK;
        for (size_t pixel = part.first; pixel < part.end; pixel += TOGETHER) {
            const size_t pixels = part.end - pixel < TOGETHER ? part.end - pixel : TOGETHER;
            const size_t at = (part.image * map->pixels + pixel) * map->channels + channel;
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
static void write_means(const struct cpu_map *map, const struct call *call, size_t index) {
    const struct cpu_group group = cpu_map_group(map, index);
    float temporary[CPU_GROUP];
    float *out = cpu_target(map->precision, call->out, group.alone, group.count, false, temporary);
    for (size_t c = 0; c < group.count; c++) {
        const double sum = cpu_map_sum(map, call->scratch, group.alone + c);
        out[c] = (float)(sum / (double)map->pixels);
    }
    cpu_write(map->precision, call->out, group.alone, group.count, out);
}

static void forward(const struct call *call) {
    const struct cpu_map *map = call->state;
    double *sums = call->scratch;
#pragma omp parallel num_threads(map->threads)
    {
#pragma omp for schedule(static)
        for (size_t i = 0; i < cpu_map_parts(map); i++) {
            sum_pixels(map, call->in[0], cpu_map_part(map, i), sums + i * map->channels);
        }
#pragma omp for schedule(static)
        for (size_t index = 0; index < cpu_map_groups(map); index++) {
            write_means(map, call, index);
        }
    }
}

// The gradients of a part's pixels.
static void spread(const struct cpu_map *map, const struct call *call, struct cpu_part part) {
    const float share = 1.0F / (float)map->pixels;
    for (size_t channel = 0; channel < map->channels; channel += CPU_BLOCK) {
        const size_t left = map->channels - channel;
        const size_t count = left < CPU_BLOCK ? left : CPU_BLOCK;
        float of_dy[CPU_BLOCK];
        float temporary[CPU_BLOCK];
        const float *dy = cpu_read(map->precision, call->out_gradient,
                                   part.image * map->channels + channel, count, of_dy);
        for (size_t pixel = part.first; pixel < part.end; pixel++) {
            const size_t at = (part.image * map->pixels + pixel) * map->channels + channel;
            float *dx = cpu_target(map->precision, call->in_gradient[0], at, count, call->add[0],
                                   temporary);
            cpu_add_multiple(dy, share, count, dx);
            cpu_write(map->precision, call->in_gradient[0], at, count, dx);
        }
    }
}

static void backward(const struct call *call) {
    const struct cpu_map *map = call->state;
#pragma omp parallel for schedule(static) num_threads(map->threads)
    for (size_t i = 0; i < cpu_map_parts(map); i++) {
        spread(map, call, cpu_map_part(map, i));
    }
}

const struct kernel global_pool_cpu = {plan, forward, backward, free, NULL};

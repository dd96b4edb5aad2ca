// channel_gate on the CPU: a thread takes some pixels; of the gate's gradient some channels.
#include "backend/cpu/cpu.h"
#include "backend/bf16.h"
#include "core/simd.h"
#include "ops/channel_gate/channel_gate.h"
#include "ops/cpu_map.h"
#include "ops/cpu_operation.h"
#include "ops/kernels.h"

#include <stdlib.h>
#include <string.h>

#define TOGETHER ((size_t)64) // pixels that are summed in float32 before they are added to others

struct state {
    struct cpu_map map;
    size_t row; // pixels
    float keep;
};

static bool plan(struct kernel_plan *plan, struct error *error) {
    const struct channel_gate_attributes *attributes = plan->node->attributes;
    struct state *state =
        cpu_state_alloc(sizeof *state, plan_input_shape(plan, 0).c, CPU_BLOCK, error);
    if (state == NULL) {
        return false;
    }
    *state = (struct state){cpu_map_of(plan), plan_input_shape(plan, 0).w,
                            attributes->keep ? 1.0F : 0.0F};
    plan->scratch = cpu_map_parts(&state->map) * state->map.channels * sizeof(double);
    plan->state = state;
    return true;
}

// Some channels of one image, and the gate's values.
struct group {
    struct cpu_group at;
    float open[CPU_GROUP];
};

static struct group make_group(const struct state *state, const struct call *call, size_t index) {
    struct group group = {.at = cpu_map_group(&state->map, index)};
    float temporary[CPU_GROUP];
    const float *z =
        cpu_read(state->map.precision, call->in[1], group.at.alone, group.at.count, temporary);
    for (size_t c = 0; c < group.at.count; c++) {
        group.open[c] = channel_gate_open(z[c]);
    }
    return group;
}

// `out` may be `x`.
VECTORISED static void multiply_rows(const float *x, const float *factors, size_t rows,
                                     size_t channels, float *out) {
    for (size_t row = 0; row < rows; row++) {
#pragma GCC ivdep
        for (size_t c = 0; c < channels; c++) {
            out[row * channels + c] = x[row * channels + c] * factors[c];
        }
    }
}

// What the channels of an image are multiplied with.
static void open_gate(const struct state *state, const struct call *call, size_t image,
                      float *factors) {
    const struct cpu_map *map = &state->map;
    const float *z =
        cpu_read(map->precision, call->in[1], image * map->channels, map->channels, factors);
    for (size_t c = 0; c < map->channels; c++) {
        factors[c] = channel_gate_open(z[c]) + state->keep;
    }
}

static void multiply_pixels(const struct state *state, const struct call *call,
                            struct cpu_part part) {
    const struct cpu_map *map = &state->map;
    const size_t together = CPU_BLOCK / map->channels; // pixels
    float factors[CPU_BLOCK];
    float temporary[CPU_BLOCK];
    open_gate(state, call, part.image, factors);
    for (size_t pixel = part.first; pixel < part.end; pixel += together) {
        const size_t pixels = part.end - pixel < together ? part.end - pixel : together;
        const size_t offset = (part.image * map->pixels + pixel) * map->channels;
        const size_t count = pixels * map->channels;
        float *out = map->precision == PRECISION_F32 ? (float *)call->out + offset : temporary;
        multiply_rows(cpu_read(map->precision, call->in[0], offset, count, temporary), factors,
                      pixels, map->channels, out);
        cpu_write(map->precision, call->out, offset, count, out);
    }
}

// A part of an image makes the gate's values once for its pixels.
static void forward(const struct call *call) {
    const struct state *state = call->state;
#pragma omp parallel for schedule(static) num_threads(state->map.threads)
    for (size_t i = 0; i < cpu_map_parts(&state->map); i++) {
        multiply_pixels(state, call, cpu_map_part(&state->map, i));
    }
}

// All of the gate.
static struct row_span reads(const struct graph *graph, const struct node *node, int input,
                             struct row_span rows) {
    (void)graph;
    (void)node;
    return input == 0 ? rows : (struct row_span){0, 1};
}

static void forward_rows(const struct call *call, size_t image, struct row_span rows) {
    const struct state *state = call->state;
    multiply_pixels(state, call,
                    (struct cpu_part){image, rows.first * state->row, rows.end * state->row});
}

// Some pixels of an image: adds to the input's gradient `dx` (NULL: not wanted; without `add` it is
// overwritten).
struct gradients {
    const void *x, *dy;
    void *dx;
    bool add;
    size_t pixels, channels;
    const float *factors;
};

// Both add the sums over the pixels that the gate's gradient is made of.
VECTORISED static void add_f32(const struct gradients *g, float *sums) {
    const size_t wanted = g->dx != NULL ? g->channels : 0;
    for (size_t pixel = 0; pixel < g->pixels; pixel++) {
        const float *x = (const float *)g->x + pixel * g->channels;
        const float *dy = (const float *)g->dy + pixel * g->channels;
        float *dx = g->dx == NULL ? NULL : (float *)g->dx + pixel * g->channels;
#pragma GCC ivdep
        for (size_t c = 0; c < g->channels; c++) {
            sums[c] += dy[c] * x[c];
        }
#pragma GCC ivdep
        for (size_t c = 0; c < wanted; c++) {
            dx[c] = (g->add ? dx[c] : 0.0F) + dy[c] * g->factors[c];
        }
    }
}

VECTORISED static void add_bf16(const struct gradients *g, float *sums) {
    const size_t wanted = g->dx != NULL ? g->channels : 0;
    for (size_t pixel = 0; pixel < g->pixels; pixel++) {
        const uint16_t *x = (const uint16_t *)g->x + pixel * g->channels;
        const uint16_t *dy = (const uint16_t *)g->dy + pixel * g->channels;
        uint16_t *dx = g->dx == NULL ? NULL : (uint16_t *)g->dx + pixel * g->channels;
#pragma GCC ivdep
        for (size_t c = 0; c < g->channels; c++) {
            sums[c] += bf16_to(dy[c]) * bf16_to(x[c]);
        }
#pragma GCC ivdep
        for (size_t c = 0; c < wanted; c++) {
            dx[c] = bf16_from((g->add ? bf16_to(dx[c]) : 0.0F) + bf16_to(dy[c]) * g->factors[c]);
        }
    }
}

// The gradients of a part of an image's pixels; `sums` gets those of what the gate's is made of.
static void part_gradients(const struct state *state, const struct call *call, struct cpu_part part,
                           double *sums) {
    const struct cpu_map *map = &state->map;
    const size_t size = precision_size(map->precision);
    float factors[CPU_BLOCK];
    open_gate(state, call, part.image, factors);
    memset(sums, 0, map->channels * sizeof *sums);
    for (size_t pixel = part.first; pixel < part.end; pixel += TOGETHER) {
        const size_t offset = (part.image * map->pixels + pixel) * map->channels * size;
        const struct gradients g = {
            .x = (const char *)call->in[0] + offset,
            .dy = (const char *)call->out_gradient + offset,
            .dx = call->in_gradient[0] == NULL ? NULL : (char *)call->in_gradient[0] + offset,
            .add = call->add[0],
            .pixels = part.end - pixel < TOGETHER ? part.end - pixel : TOGETHER,
            .channels = map->channels,
            .factors = factors};
        float together[CPU_BLOCK];
        memset(together, 0, map->channels * sizeof *together);
        if (map->precision == PRECISION_F32) {
            add_f32(&g, together);
        } else {
            add_bf16(&g, together);
        }
        cpu_add_sums(together, map->channels, sums);
    }
}

// The gate's gradient of some channels of an image, from the sums of all parts.
static void gate_gradient(const struct state *state, const struct call *call, size_t index) {
    const struct cpu_map *map = &state->map;
    const struct group group = make_group(state, call, index);
    float temporary[CPU_GROUP];
    float *dz = cpu_target(map->precision, call->in_gradient[1], group.at.alone, group.at.count,
                           call->add[1], temporary);
    for (size_t c = 0; c < group.at.count; c++) {
        const double sum = cpu_map_sum(map, call->scratch, group.at.alone + c);
        dz[c] += channel_gate_gradient(sum, group.open[c]);
    }
    cpu_write(map->precision, call->in_gradient[1], group.at.alone, group.at.count, dz);
}

static void backward(const struct call *call) {
    const struct state *state = call->state;
    const size_t groups = call->in_gradient[1] != NULL ? cpu_map_groups(&state->map) : 0;
    double *sums = call->scratch;
#pragma omp parallel num_threads(state->map.threads)
    {
#pragma omp for schedule(static)
        for (size_t i = 0; i < cpu_map_parts(&state->map); i++) {
            part_gradients(state, call, cpu_map_part(&state->map, i),
                           sums + i * state->map.channels);
        }
#pragma omp for schedule(static)
        for (size_t index = 0; index < groups; index++) {
            gate_gradient(state, call, index);
        }
    }
}

const struct row_kernel channel_gate_rows = {NULL, reads, forward_rows};
const struct kernel channel_gate_cpu = {plan, forward, backward, free, NULL};

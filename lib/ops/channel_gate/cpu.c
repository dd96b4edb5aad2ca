// channel_gate on the CPU: a thread takes some pixels, backward some channels of an image.
#include "backend/cpu/cpu.h"
#include "backend/bf16.h"
#include "core/simd.h"
#include "ops/channel_gate/channel_gate.h"
#include "ops/cpu_map.h"
#include "ops/cpu_operation.h"
#include "ops/kernels.h"

#include <stdlib.h>

#define PART ((size_t)512) // pixels

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

// Pixels `first` to `end` - 1 of an image.
static void multiply_pixels(const struct state *state, const struct call *call, size_t image,
                            size_t first, size_t end) {
    const struct cpu_map *map = &state->map;
    const size_t together = CPU_BLOCK / map->channels; // pixels
    float factors[CPU_BLOCK];
    float temporary[CPU_BLOCK];
    const float *z =
        cpu_read(map->precision, call->in[1], image * map->channels, map->channels, factors);
    for (size_t c = 0; c < map->channels; c++) {
        factors[c] = channel_gate_open(z[c]) + state->keep;
    }
    for (size_t pixel = first; pixel < end; pixel += together) {
        const size_t pixels = end - pixel < together ? end - pixel : together;
        const size_t offset = (image * map->pixels + pixel) * map->channels;
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
    const struct cpu_map *map = &state->map;
    const size_t parts = (map->pixels + PART - 1) / PART;
#pragma omp parallel for collapse(2) schedule(static) num_threads(map->threads)
    for (size_t image = 0; image < map->images; image++) {
        for (size_t part = 0; part < parts; part++) {
            multiply_pixels(state, call, image, map->pixels * part / parts,
                            map->pixels * (part + 1) / parts);
        }
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
    multiply_pixels(state, call, image, rows.first * state->row, rows.end * state->row);
}

// Some channels of all pixels, `step` numbers apart: adds to the input's gradient `dx` (NULL: not
// wanted; without `add` it is overwritten) and to the gate's sums over the pixels.
struct gradients {
    const void *x, *dy;
    void *dx;
    bool add;
    size_t pixels, step, count;
    float factors[CPU_GROUP];
    double sums[CPU_GROUP];
};

VECTORISED static void add_f32(struct gradients *g) {
    for (size_t pixel = 0; pixel < g->pixels; pixel++) {
        const float *x = (const float *)g->x + pixel * g->step;
        const float *dy = (const float *)g->dy + pixel * g->step;
        float *dx = g->dx == NULL ? NULL : (float *)g->dx + pixel * g->step;
        for (size_t c = 0; c < g->count; c++) {
            g->sums[c] += dy[c] * x[c];
        }
        for (size_t c = 0; g->dx != NULL && c < g->count; c++) {
            dx[c] = (g->add ? dx[c] : 0.0F) + dy[c] * g->factors[c];
        }
    }
}

VECTORISED static void add_bf16(struct gradients *g) {
    for (size_t pixel = 0; pixel < g->pixels; pixel++) {
        const uint16_t *x = (const uint16_t *)g->x + pixel * g->step;
        const uint16_t *dy = (const uint16_t *)g->dy + pixel * g->step;
        uint16_t *dx = g->dx == NULL ? NULL : (uint16_t *)g->dx + pixel * g->step;
        for (size_t c = 0; c < g->count; c++) {
            g->sums[c] += bf16_to(dy[c]) * bf16_to(x[c]);
        }
        for (size_t c = 0; g->dx != NULL && c < g->count; c++) {
            dx[c] = bf16_from((g->add ? bf16_to(dx[c]) : 0.0F) + bf16_to(dy[c]) * g->factors[c]);
        }
    }
}

// The gradients of one group of channels; `sums` of what the gate's is made of.
static struct gradients add_gradients(const struct state *state, const struct call *call,
                                      const struct group *group) {
    const size_t offset = group->at.first * precision_size(state->map.precision);
    struct gradients g = {
        .x = (const char *)call->in[0] + offset,
        .dy = (const char *)call->out_gradient + offset,
        .dx = call->in_gradient[0] == NULL ? NULL : (char *)call->in_gradient[0] + offset,
        .add = call->add[0],
        .pixels = state->map.pixels,
        .step = state->map.channels,
        .count = group->at.count};
    for (size_t c = 0; c < g.count; c++) {
        g.factors[c] = group->open[c] + state->keep;
    }
    if (state->map.precision == PRECISION_F32) {
        add_f32(&g);
    } else {
        add_bf16(&g);
    }
    return g;
}

static void backward(const struct call *call) {
    const struct state *state = call->state;
    const size_t groups = cpu_map_groups(&state->map);
#pragma omp parallel for schedule(static) num_threads(state->map.threads)
    for (size_t index = 0; index < groups; index++) {
        const struct group group = make_group(state, call, index);
        const struct gradients g = add_gradients(state, call, &group);
        float temporary[CPU_GROUP];
        if (call->in_gradient[1] != NULL) {
            float *dz = cpu_target(state->map.precision, call->in_gradient[1], group.at.alone,
                                   group.at.count, call->add[1], temporary);
            for (size_t c = 0; c < group.at.count; c++) {
                dz[c] += channel_gate_gradient(g.sums[c], group.open[c]);
            }
            cpu_write(state->map.precision, call->in_gradient[1], group.at.alone, group.at.count,
                      dz);
        }
    }
}

const struct row_kernel channel_gate_rows = {NULL, reads, forward_rows};
const struct kernel channel_gate_cpu = {plan, forward, backward, free, NULL};

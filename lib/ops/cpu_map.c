// The state of operations on maps, groups of channels and parts of pixels.
#include "ops/cpu_map.h"

#include "backend/cpu/cpu.h"
#include "ops/cpu_operation.h"

#include <stdint.h>

#define PART ((size_t)512) // pixels of a part of an image, about

struct cpu_map cpu_map_of(const struct kernel_plan *plan) {
    const struct shape in = plan_input_shape(plan, 0);
    return (struct cpu_map){in.n, in.h * in.w, in.c, plan->backend->precision,
                            plan->backend->threads};
}

static bool keep_map(struct kernel_plan *plan, size_t max_channels, struct error *error) {
    const struct cpu_map map = cpu_map_of(plan);
    struct cpu_map *state = cpu_state_alloc(sizeof *state, map.channels, max_channels, error);
    if (state == NULL) {
        return false;
    }
    *state = map;
    plan->state = state;
    return true;
}

bool cpu_map_plan(struct kernel_plan *plan, struct error *error) {
    return keep_map(plan, SIZE_MAX, error);
}

bool cpu_map_plan_pixels(struct kernel_plan *plan, struct error *error) {
    return keep_map(plan, CPU_BLOCK, error);
}

static size_t groups_of_image(const struct cpu_map *map) {
    return (map->channels + CPU_GROUP - 1) / CPU_GROUP;
}

size_t cpu_map_groups(const struct cpu_map *map) {
    return map->images * groups_of_image(map);
}

struct cpu_group cpu_map_group(const struct cpu_map *map, size_t index) {
    const size_t image = index / groups_of_image(map);
    const size_t channel = index % groups_of_image(map) * CPU_GROUP;
    const size_t left = map->channels - channel;
    return (struct cpu_group){image * map->pixels * map->channels + channel,
                              image * map->channels + channel, left < CPU_GROUP ? left : CPU_GROUP};
}

// Parts of one image.
static size_t parts_of_image(const struct cpu_map *map) {
    return map->pixels / PART + 1;
}

size_t cpu_map_parts(const struct cpu_map *map) {
    return map->images * parts_of_image(map);
}

struct cpu_part cpu_map_part(const struct cpu_map *map, size_t index) {
    const size_t parts = parts_of_image(map);
    const size_t part = index % parts;
    return (struct cpu_part){index / parts, map->pixels * part / parts,
                             map->pixels * (part + 1) / parts};
}

double cpu_map_sum(const struct cpu_map *map, const double *sums, size_t alone) {
    const size_t parts = parts_of_image(map);
    const double *of_image = sums + alone / map->channels * parts * map->channels;
    double sum = 0;
    for (size_t part = 0; part < parts; part++) {
        sum += of_image[part * map->channels + alone % map->channels];
    }
    return sum;
}

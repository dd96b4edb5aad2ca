// Operations on the CPU that go over their first input pixel by pixel, or some channels of an image
// at a time.
#ifndef PLEURA_OPS_CPU_MAP_H
#define PLEURA_OPS_CPU_MAP_H

#include "nn/operation.h"

#define CPU_GROUP ((size_t)32) // channels at a time

struct cpu_map {
    size_t images, pixels, channels; // pixels of one image
    enum precision precision;
    int threads;
};

struct cpu_map cpu_map_of(const struct kernel_plan *plan);

// Makes a struct cpu_map the operation's state, for free.
CHECKED bool cpu_map_plan(struct kernel_plan *plan, struct error *error);

// The same for one that holds a pixel's channels on its stack: CPU_BLOCK at most.
CHECKED bool cpu_map_plan_pixels(struct kernel_plan *plan, struct error *error);

// Some channels of one image: the first's number in the image's first pixel, and in a tensor of one
// pixel an image.
struct cpu_group {
    size_t first, alone, count;
};

// How many groups all images have, and one of them.
size_t cpu_map_groups(const struct cpu_map *map);
struct cpu_group cpu_map_group(const struct cpu_map *map, size_t index);

// Some pixels of one image, `first` to `end` - 1, which are summed on their own: how many such
// parts all images have, one image behind the other, and one of them. A part has several hundred
// pixels.
struct cpu_part {
    size_t image, first, end;
};

size_t cpu_map_parts(const struct cpu_map *map);
struct cpu_part cpu_map_part(const struct cpu_map *map, size_t index);

// Adds up what the parts of an image have summed, (part, channel), for its channel number `alone`
// in a tensor of one pixel an image.
double cpu_map_sum(const struct cpu_map *map, const double *sums, size_t alone);

#endif

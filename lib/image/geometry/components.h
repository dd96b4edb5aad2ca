// Connected parts of masks.
#ifndef PLEURA_IMAGE_GEOMETRY_COMPONENTS_H
#define PLEURA_IMAGE_GEOMETRY_COMPONENTS_H

#include "image/runs.h"

// A mask's runs, cut where a column ends, and the number of the part to which each belongs. Pixels
// that touch, diagonally too (8-connectivity), are of one part; parts are numbered from 0 in the
// order of their first pixels. Starts as zeros and serves again and again.
struct components {
    struct run *segments;
    uint32_t *parts;
    size_t segment_count, count;
    size_t segment_capacity, part_capacity;
};

// Finds the parts of a mask of this height. Fails without memory.
CHECKED bool components_find(struct components *components, const struct runs *runs, size_t height,
                             struct error *error);

#define COMPONENTS_NONE UINT32_MAX

// The part of a pixel (x * height + y), or COMPONENTS_NONE.
uint32_t components_at(const struct components *components, uint32_t pixel);

void components_free(struct components *components);

#endif

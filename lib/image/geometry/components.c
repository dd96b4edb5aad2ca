// Segments of columns that touch, united in a forest whose roots are the first of their parts.
#include "image/geometry/components.h"

#include "core/array.h"

#include <stdlib.h>

static uint32_t root_of(uint32_t *parents, uint32_t segment) {
    while (parents[segment] != segment) {
        parents[segment] = parents[parents[segment]];
        segment = parents[segment];
    }
    return segment;
}

static void unite(uint32_t *parents, uint32_t a, uint32_t b) {
    const uint32_t of_a = root_of(parents, a);
    const uint32_t of_b = root_of(parents, b);
    parents[of_a < of_b ? of_b : of_a] = of_a < of_b ? of_a : of_b;
}

static bool add(struct components *components, struct run segment, struct error *error) {
    const size_t count = components->segment_count + 1;
    struct run *segments =
        array_grow(components->segments, &components->segment_capacity, count, sizeof *segments);
    if (segments != NULL) {
        components->segments = segments;
    }
    uint32_t *parts =
        array_grow(components->parts, &components->part_capacity, count, sizeof *parts);
    if (parts != NULL) {
        components->parts = parts;
    }
    if (segments == NULL || parts == NULL) {
        return fail(error, "no memory for %zu runs", count);
    }
    segments[count - 1] = segment;
    parts[count - 1] = (uint32_t)count - 1;
    components->segment_count = count;
    return true;
}

static bool cut(struct components *components, const struct runs *runs, uint32_t height,
                struct error *error) {
    components->segment_count = 0;
    for (size_t i = 0; i < runs->count; i++) {
        const struct run run = runs->items[i];
        for (uint32_t start = run.start; start < run.end;) {
            const uint32_t column_end = (start / height + 1) * height;
            const uint32_t end = run.end < column_end ? run.end : column_end;
            if (!add(components, (struct run){start, end}, error)) {
                return false;
            }
            start = end;
        }
    }
    return true;
}

// Whether a segment touches one of the next column, with a side or a corner.
static bool touch(struct run segment, struct run next, uint32_t height) {
    return segment.start / height + 1 == next.start / height &&
           next.start <= segment.end + height && next.end >= segment.start + height;
}

bool components_find(struct components *components, const struct runs *runs, size_t height,
                     struct error *error) {
    const uint32_t rows = (uint32_t)height;
    if (!cut(components, runs, rows, error)) {
        return false;
    }
    uint32_t *parts = components->parts;
    uint32_t first = 0; // of the segments that a later one may still touch
    for (uint32_t i = 0; i < components->segment_count; i++) {
        const struct run segment = components->segments[i];
        while (components->segments[first].end + rows < segment.start) {
            first++;
        }
        for (uint32_t j = first;
             j < i && components->segments[j].start / rows < segment.start / rows; j++) {
            if (touch(components->segments[j], segment, rows)) {
                unite(parts, j, i);
            }
        }
    }
    // A root comes before the others of its part, and so has its number first.
    components->count = 0;
    for (uint32_t i = 0; i < components->segment_count; i++) {
        parts[i] = root_of(parts, i);
    }
    for (uint32_t i = 0; i < components->segment_count; i++) {
        parts[i] = parts[i] == i ? (uint32_t)components->count++ : parts[parts[i]];
    }
    return true;
}

uint32_t components_at(const struct components *components, uint32_t pixel) {
    size_t low = 0;
    size_t high = components->segment_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (components->segments[middle].end <= pixel) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < components->segment_count && components->segments[low].start <= pixel
               ? components->parts[low]
               : COMPONENTS_NONE;
}

void components_free(struct components *components) {
    free(components->segments);
    free(components->parts);
}

// Between run lengths and masks. Runs go down the columns and pixels lie in rows: both directions
// work row by row on what changes from one row to the next, so that only edges cost more than a
// vector operation.
#include "core/simd.h"
#include "image/runs.h"

#include <stdlib.h>
#include <string.h>

VECTORISED static void flip_row(uint8_t *row, const uint8_t *above, size_t width) {
    for (size_t x = 0; x < width; x++) {
        row[x] ^= above[x];
    }
}

// Marks where a run starts and ends in its columns; adding up the marks (modulo 2) down the rows
// fills it.
void runs_draw(struct image *mask, const struct runs *runs) {
    const size_t height = mask->height;
    const size_t width = mask->width;
    memset(mask->pixels, 0, height * width);
    for (size_t i = 0; i < runs->count; i++) {
        size_t start = runs->items[i].start;
        const size_t end = runs->items[i].end;
        while (start < end) {
            const size_t column = start / height;
            const size_t column_end = (column + 1) * height;
            const size_t stop = end < column_end ? end : column_end;
            mask->pixels[(start - column * height) * width + column] ^= 1;
            if (stop < column_end) {
                mask->pixels[(stop - column * height) * width + column] ^= 1;
            }
            start = stop;
        }
    }
    for (size_t y = 1; y < height; y++) {
        flip_row(mask->pixels + y * width, mask->pixels + (y - 1) * width, width);
    }
}

VECTORISED static void count_edges(uint32_t *edges, const uint8_t *row, const uint8_t *above,
                                   size_t width) {
    for (size_t x = 0; x < width; x++) {
        edges[x] += row[x] ^ above[x];
    }
}

// Stores row number y in every column in which the row differs from the one above.
static void store_edges(uint32_t *edges, uint32_t *next, const uint8_t *row, const uint8_t *above,
                        size_t width, uint32_t y) {
    size_t x = 0;
    for (; x + 8 <= width; x += 8) {
        uint64_t a;
        uint64_t b;
        memcpy(&a, row + x, sizeof a);
        memcpy(&b, above + x, sizeof b);
        for (size_t i = x; a != b && i < x + 8; i++) {
            if (row[i] != above[i]) {
                edges[next[i]++] = y;
            }
        }
    }
    for (; x < width; x++) {
        if (row[x] != above[x]) {
            edges[next[x]++] = y;
        }
    }
}

// Column x has the rows edges[first .. last) where the mask changes: starts and ends in turn.
static bool trace_column(struct runs *runs, const uint32_t *edges, size_t first, size_t last,
                         uint32_t base, uint32_t height, struct error *error) {
    for (size_t i = first; i < last; i += 2) {
        const uint32_t end = i + 1 < last ? edges[i + 1] : height;
        if (!runs_append(runs, base + edges[i], base + end, error)) {
            return false;
        }
    }
    return true;
}

bool runs_trace(struct runs *runs, const struct image *mask, struct error *error) {
    const size_t height = mask->height;
    const size_t width = mask->width;
    uint8_t *nothing = calloc(1, width);
    uint32_t *next = calloc(width + 1, sizeof *next);
    uint32_t *edges = NULL;
    runs->count = 0;
    bool good = nothing != NULL && next != NULL;
    size_t total = 0;
    for (size_t y = 0; good && y < height; y++) {
        const uint8_t *row = mask->pixels + y * width;
        count_edges(next, row, y > 0 ? row - width : nothing, width);
    }
    for (size_t x = 0; good && x < width; x++) {
        const uint32_t count = next[x];
        next[x] = (uint32_t)total;
        total += count;
    }
    good = good && (edges = calloc(total + 1, sizeof *edges)) != NULL;
    for (size_t y = 0; good && y < height; y++) {
        const uint8_t *row = mask->pixels + y * width;
        store_edges(edges, next, row, y > 0 ? row - width : nothing, width, (uint32_t)y);
    }
    if (!good) {
        (void)fail(error, "no memory for the runs of %zu x %zu", height, width);
    }
    for (size_t x = 0; good && x < width; x++) {
        const size_t first = x > 0 ? next[x - 1] : 0; // next[] has moved on to the column's end
        good = trace_column(runs, edges, first, next[x], (uint32_t)(x * height), (uint32_t)height,
                            error);
    }
    free(edges);
    free(next);
    free(nothing);
    return good;
}

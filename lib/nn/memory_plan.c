// Memory planning, greedy by size, and by size and time.
#include "nn/memory_plan.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int larger_first(const void *a, const void *b) {
    const struct buffer *first = *(struct buffer *const *)a;
    const struct buffer *second = *(struct buffer *const *)b;
    if (first->bytes != second->bytes) {
        return first->bytes > second->bytes ? -1 : 1;
    }
    return first < second ? -1 : 1;
}

static double size_and_time(const struct buffer *buffer) {
    return (double)buffer->bytes * (buffer->last - buffer->first + 1);
}

static int longer_first(const void *a, const void *b) {
    const struct buffer *first = *(struct buffer *const *)a;
    const struct buffer *second = *(struct buffer *const *)b;
    const double one = size_and_time(first);
    const double other = size_and_time(second);
    return one != other ? (one > other ? -1 : 1) : larger_first(a, b);
}

static int lower_first(const void *a, const void *b) {
    const struct buffer *first = *(struct buffer *const *)a;
    const struct buffer *second = *(struct buffer *const *)b;
    return first->offset < second->offset ? -1 : first->offset > second->offset;
}

static size_t round_up(size_t bytes) {
    return (bytes + 63) / 64 * 64;
}

// Whether the buffers one behind the other have an end that can be counted: then any plan has.
static bool countable(const struct buffer *buffers, size_t count) {
    size_t left = SIZE_MAX / 64 * 64;
    for (size_t i = 0; i < count; i++) {
        if (buffers[i].bytes > left) {
            return false;
        }
        left -= round_up(buffers[i].bytes);
    }
    return true;
}

// The lowest offset where `bytes` fit between neighbours in order of offset.
static size_t lowest_offset(size_t bytes, struct buffer *const *neighbours, size_t count) {
    size_t offset = 0;
    for (size_t i = 0; i < count; i++) {
        if (neighbours[i]->offset >= offset + round_up(bytes)) {
            break;
        }
        const size_t end = neighbours[i]->offset + round_up(neighbours[i]->bytes);
        offset = end > offset ? end : offset;
    }
    return offset;
}

// Gives all buffers their offsets, one after the other; returns the block's size.
static size_t place_all(struct buffer **order, size_t count, struct buffer **neighbours,
                        int (*compare)(const void *, const void *)) {
    size_t bytes = 0;
    qsort(order, count, sizeof *order, compare);
    for (size_t i = 0; i < count; i++) {
        struct buffer *placed = order[i];
        size_t found = 0;
        for (size_t k = 0; k < i; k++) {
            if (order[k]->first <= placed->last && placed->first <= order[k]->last) {
                neighbours[found++] = order[k];
            }
        }
        qsort(neighbours, found, sizeof *neighbours, lower_first);
        placed->offset = lowest_offset(placed->bytes, neighbours, found);
        const size_t end = placed->offset + round_up(placed->bytes);
        bytes = end > bytes ? end : bytes;
    }
    return bytes;
}

bool memory_plan(struct buffer *buffers, size_t count, size_t *bytes, struct error *error) {
    if (!countable(buffers, count)) {
        return fail(error, "the network's buffers are larger than any memory");
    }
    struct buffer **order = malloc((count + 1) * sizeof(struct buffer *));
    struct buffer **neighbours = malloc((count + 1) * sizeof(struct buffer *));
    if (order == NULL || neighbours == NULL) {
        free(order);
        free(neighbours);
        return fail(error, "no memory");
    }
    for (size_t i = 0; i < count; i++) {
        order[i] = &buffers[i];
    }
    const size_t longer = place_all(order, count, neighbours, longer_first);
    *bytes = place_all(order, count, neighbours, larger_first);
    if (longer < *bytes) {
        *bytes = place_all(order, count, neighbours, longer_first);
    }
    free(order);
    free(neighbours);
    return true;
}

bool memory_lacks(size_t bytes, size_t parameters, size_t batch, size_t free_bytes,
                  struct error *error) {
    const size_t left = free_bytes > parameters ? free_bytes - parameters : 0;
    const size_t fits = left / (bytes / batch + 1);
    (void)fail(error, "no memory for a network of %zu MiB and its batch of %zu; ",
               (bytes + parameters) >> 20, batch);
    const size_t said = strlen(error->text);
    (void)snprintf(error->text + said, sizeof error->text - said,
                   fits > 0 && fits < batch ? "%zu MiB are free: a batch of about %zu fits"
                                            : "a smaller batch needs less",
                   free_bytes >> 20, fits);
    return false;
}

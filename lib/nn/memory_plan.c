// Memory planning, greedy by size, and by size and time; what ends too high comes earlier in
// another try.
#include "nn/memory_plan.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRIES ((size_t)64)      // of an order, at most,
#define PAIRS ((size_t)1 << 24) // and of so many pairs of buffers, 30 ms

// A plan in the making.
struct plan {
    struct buffer *buffers;
    struct buffer **order;  // those that take memory, as they are placed,
    struct buffer **placed; // and from the lowest offset on
    size_t count;
    size_t least;        // what lives together: no plan takes less
    size_t bytes, *best; // of the best plan so far, and its offsets, as `buffers`
};

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

static size_t end_of(const struct buffer *buffer) {
    return buffer->offset + round_up(buffer->bytes);
}

// The most that lives when a buffer's life begins.
static size_t least_bytes(const struct plan *plan) {
    size_t least = 0;
    for (size_t i = 0; i < plan->count; i++) {
        const int now = plan->order[i]->first;
        size_t live = 0;
        for (size_t k = 0; k < plan->count; k++) {
            const struct buffer *other = plan->order[k];
            live += other->first <= now && now <= other->last ? round_up(other->bytes) : 0;
        }
        least = live > least ? live : least;
    }
    return least;
}

// The lowest offset where the buffer fits between those of `placed` that live with it.
static size_t lowest_offset(const struct buffer *buffer, struct buffer *const *placed,
                            size_t count) {
    size_t offset = 0;
    for (size_t i = 0; i < count; i++) {
        if (placed[i]->first > buffer->last || buffer->first > placed[i]->last) {
            continue;
        }
        if (placed[i]->offset >= offset + round_up(buffer->bytes)) {
            break;
        }
        const size_t end = end_of(placed[i]);
        offset = end > offset ? end : offset;
    }
    return offset;
}

// Gives the buffers their offsets, one after the other; returns the block's size.
static size_t place_all(const struct plan *plan) {
    size_t bytes = 0;
    for (size_t i = 0; i < plan->count; i++) {
        struct buffer *buffer = plan->order[i];
        size_t at = i;
        buffer->offset = lowest_offset(buffer, plan->placed, i);
        for (; at > 0 && plan->placed[at - 1]->offset > buffer->offset; at--) {
            plan->placed[at] = plan->placed[at - 1];
        }
        plan->placed[at] = buffer;
        bytes = end_of(buffer) > bytes ? end_of(buffer) : bytes;
    }
    return bytes;
}

static void keep_best(struct plan *plan, size_t bytes) {
    for (size_t i = 0; bytes < plan->bytes && i < plan->count; i++) {
        plan->best[plan->order[i] - plan->buffers] = plan->order[i]->offset;
    }
    plan->bytes = bytes < plan->bytes ? bytes : plan->bytes;
}

// Brings what ends beyond the least size forward, to half of its place or to the front.
static void bring_forward(const struct plan *plan, bool to_front) {
    for (size_t i = 0; i < plan->count; i++) {
        struct buffer *late = plan->order[i];
        if (end_of(late) > plan->least) {
            const size_t to = to_front ? 0 : i / 2;
            memmove(&plan->order[to + 1], &plan->order[to], (i - to) * sizeof(struct buffer *));
            plan->order[to] = late;
        }
    }
}

// Plans in an order, and in those that come of it, until nothing is left to gain.
static void try_order(struct plan *plan, int (*compare)(const void *, const void *),
                      bool to_front) {
    const size_t tries = 1 + PAIRS / (plan->count * plan->count + 1);
    qsort(plan->order, plan->count, sizeof *plan->order, compare);
    for (size_t i = 0; plan->bytes > plan->least && i < tries && i < TRIES; i++) {
        keep_best(plan, place_all(plan));
        bring_forward(plan, to_front);
    }
}

static void make_plan(struct plan *plan, size_t count) {
    for (size_t i = 0; i < count; i++) {
        plan->best[i] = 0;
        if (plan->buffers[i].bytes > 0) {
            plan->order[plan->count++] = &plan->buffers[i];
        }
    }
    plan->least = least_bytes(plan);
    plan->bytes = plan->count > 0 ? SIZE_MAX : 0;
    try_order(plan, larger_first, false);
    try_order(plan, longer_first, false);
    try_order(plan, longer_first, true);
    for (size_t i = 0; i < count; i++) {
        plan->buffers[i].offset = plan->best[i];
    }
}

bool memory_plan(struct buffer *buffers, size_t count, size_t *bytes, struct error *error) {
    struct plan plan = {.buffers = buffers};
    if (!countable(buffers, count)) {
        return fail(error, "the network's buffers are larger than any memory");
    }
    plan.order = malloc((count + 1) * sizeof(struct buffer *));
    plan.placed = malloc((count + 1) * sizeof(struct buffer *));
    plan.best = malloc((count + 1) * sizeof *plan.best);
    const bool allocated = plan.order != NULL && plan.placed != NULL && plan.best != NULL;
    if (allocated) {
        make_plan(&plan, count);
        *bytes = plan.bytes;
    }
    free(plan.order);
    free(plan.placed);
    free(plan.best);
    return allocated || fail(error, "no memory");
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

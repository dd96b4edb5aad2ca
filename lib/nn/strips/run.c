// Running a group: each thread takes strips one after the other, and moves the rows that the next
// one reads again to the front of its buffers.
#include "core/clock.h"
#include "nn/strips/strips.h"

#include <stdint.h>
#include <string.h>

struct run {
    const struct strips *strips;
    const struct strip_group *group;
    const struct call *calls; // of the group's nodes
    bool timed;
};

// Of one thread in one image: its rows so far.
struct place {
    size_t thread, image;
    const struct strip_rows *rows;
};

// A thread's rows of a value that the group keeps to itself; `base`: of all threads'.
static char *own_rows(const struct strips *strips, value_id value, const void *base,
                      size_t thread) {
    return (char *)(uintptr_t)base + thread * strips_thread_bytes(strips, value);
}

// Where a whole tensor would lie whose rows are at `base`; for what lies in memory, that.
static void *whole(const struct run *run, const struct place *place, value_id value,
                   const void *base) {
    const struct strips *strips = run->strips;
    if (strips->rows[value] == 0) {
        return (void *)(uintptr_t)base;
    }
    const size_t kept = place->rows[strips_maker(strips, run->group, value)].kept;
    const size_t before = place->image * graph_shape(strips->graph, value).h + kept;
    return (void *)((uintptr_t)own_rows(strips, value, base, place->thread) -
                    before * strips_row_bytes(strips, value));
}

// Moves the rows that are still wanted to the buffer's front.
static void keep_rows(const struct run *run, int k, size_t thread, const struct strip_rows *before,
                      const struct strip_rows *now) {
    const value_id value = strips_node(run->strips, run->group, k)->output;
    const size_t bytes = strips_row_bytes(run->strips, value);
    if (run->strips->rows[value] > 0 && now->kept > before->kept && before->made.end > now->kept) {
        char *rows = own_rows(run->strips, value, run->calls[k].out, thread);
        memmove(rows, rows + (now->kept - before->kept) * bytes,
                (before->made.end - now->kept) * bytes);
    }
}

static void run_node(const struct run *run, int k, const struct place *place) {
    const struct node *node = strips_node(run->strips, run->group, k);
    const struct row_kernel *kernel = node->operation->cpu_rows;
    struct call call = run->calls[k];
    for (int i = 0; i < node->input_count; i++) {
        call.in[i] = whole(run, place, node->inputs[i], call.in[i]);
    }
    call.out = whole(run, place, node->output, call.out);
    call.scratch = (char *)call.scratch + place->thread * call.row_scratch;
    kernel->forward(&call, place->image, place->rows[k].made);
}

static void run_strip(const struct run *run, const struct place *place,
                      const struct strip_rows *before, double *seconds) {
    for (int k = 0; k < run->group->end - run->group->first; k++) {
        const struct row_span made = place->rows[k].made;
        const double start = run->timed ? clock_seconds() : 0;
        if (before != NULL) {
            keep_rows(run, k, place->thread, &before[k], &place->rows[k]);
        }
        if (made.end > made.first) {
            run_node(run, k, place);
        }
        seconds[k] += run->timed ? clock_seconds() - start : 0;
    }
}

static void run_thread(const struct run *run, size_t thread, double *seconds) {
    const struct strip_group *group = run->group;
    const struct row_span span = strips_of_thread(run->strips, group, thread);
    struct strip_rows rows[STRIP_NODES] = {{0, {0, 0}}};
    struct strip_rows before[STRIP_NODES];
    for (size_t i = span.first; i < span.end; i++) {
        const size_t strip = i % group->strips;
        const bool begins = i == span.first || strip == 0;
        memcpy(before, rows, sizeof rows);
        strips_next(run->strips, group, strip, begins, rows);
        const struct place place = {thread, i / group->strips, rows};
        run_strip(run, &place, begins ? NULL : before, seconds);
    }
}

// Scales the seconds that all threads took to those by the clock.
static void share_out(double *seconds, const double *sums, int nodes, double all) {
    double sum = 0;
    for (int k = 0; k < nodes; k++) {
        sum += sums[k];
    }
    for (int k = 0; k < nodes; k++) {
        seconds[k] = sum > 0 ? all * sums[k] / sum : 0;
    }
}

void strips_run(const struct strips *strips, const struct strip_group *group,
                const struct call *calls, double *seconds) {
    const struct run run = {strips, group, calls, seconds != NULL};
    const double start = run.timed ? clock_seconds() : 0;
    double sums[STRIP_NODES] = {0};
#pragma omp parallel for schedule(static, 1) num_threads((int)strips->threads) reduction(+ : sums)
    for (size_t t = 0; t < strips->threads; t++) {
        run_thread(&run, t, sums);
    }
    if (run.timed) {
        share_out(seconds, sums, group->end - group->first, clock_seconds() - start);
    }
}

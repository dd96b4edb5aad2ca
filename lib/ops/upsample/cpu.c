// upsample on the CPU: first between two rows, then along the row; backward the same two ways as
// sums, gathered by input row.
#include "backend/cpu/cpu.h"
#include "nn/bilinear/rows.h"
#include "ops/cpu_operation.h"
#include "ops/kernels.h"

#include <stdlib.h>
#include <string.h>

struct state {
    struct shape in, out;
    struct bilinear_weights down, along; // of rows, of pixels in a row
    size_t in_row, out_row;              // numbers in a row
    size_t workspace;                    // floats of scratch a thread
    enum precision precision;
    int threads;
};

static void release(void *memory) {
    struct state *state = memory;
    bilinear_weights_free(&state->down);
    bilinear_weights_free(&state->along);
    free(state);
}

static bool plan(struct kernel_plan *plan, struct error *error) {
    const struct shape in = plan_input_shape(plan, 0);
    const struct shape out = plan_output_shape(plan);
    struct state *state = calloc(1, sizeof *state);
    if (state == NULL) {
        return fail(error, "no memory");
    }
    *state = (struct state){.in = in,
                            .out = out,
                            .in_row = in.w * in.c,
                            .out_row = out.w * out.c,
                            .precision = plan_precision(plan, plan->node->output),
                            .threads = plan->backend->threads};
    if (!bilinear_weights_make(&state->down, in.h, out.h, error) ||
        !bilinear_weights_make(&state->along, in.w, out.w, error)) {
        release(state);
        return false;
    }
    state->workspace = 3 * (state->in_row + state->out_row);
    plan->row_scratch = state->workspace * sizeof(float);
    plan->scratch = (size_t)state->threads * plan->row_scratch;
    plan->state = state;
    return true;
}

// Two input rows as floats (NULL: none so far), and their numbers among all images' rows: rows of
// output that follow each other mostly read the same.
struct read_rows {
    const float *floats[2];
    size_t row[2];
    float *memory[2];
};

static struct read_rows read_nothing(const struct state *state, float *workspace) {
    return (struct read_rows){.memory = {workspace, workspace + state->in_row}};
}

// Reads an input row as the lower or upper one, unless it is there.
static void read_row(const struct state *state, const struct call *call, size_t row, int which,
                     struct read_rows *rows) {
    if (rows->floats[which] == NULL || rows->row[which] != row) {
        rows->row[which] = row;
        rows->floats[which] = cpu_read(state->precision, call->in[0], row * state->in_row,
                                       state->in_row, rows->memory[which]);
    }
}

static void read_rows(const struct state *state, const struct call *call, size_t low, size_t high,
                      struct read_rows *rows) {
    if (rows->floats[1] != NULL && rows->row[1] == low) { // what was the upper one
        *rows = (struct read_rows){{rows->floats[1], rows->floats[0]},
                                   {rows->row[1], rows->row[0]},
                                   {rows->memory[1], rows->memory[0]}};
    }
    read_row(state, call, low, 0, rows);
    read_row(state, call, high, 1, rows);
}

static void forward_row(const struct state *state, const struct call *call, size_t row,
                        struct read_rows *rows, float *workspace) {
    const size_t image = row / state->out.h;
    const size_t y = row % state->out.h;
    float *mixed = workspace + 2 * state->in_row;
    read_rows(state, call, image * state->in.h + state->down.low[y],
              image * state->in.h + bilinear_weights_upper(&state->down, y), rows);
    bilinear_between(rows->floats[0], rows->floats[1], state->down.share[y], state->in_row, mixed);
    const size_t offset = row * state->out_row;
    float *out = state->precision == PRECISION_F32 ? (float *)call->out + offset
                                                   : workspace + 3 * state->in_row;
    bilinear_stretch(&state->along, mixed, state->in.c, out);
    cpu_write(state->precision, call->out, offset, state->out_row, out);
}

static void forward_span(const struct state *state, const struct call *call, struct row_span rows,
                         float *workspace) {
    struct read_rows read = read_nothing(state, workspace);
    for (size_t row = rows.first; row < rows.end; row++) {
        forward_row(state, call, row, &read, workspace);
    }
}

// ---- backward

static void backward_row(const struct state *state, const struct call *call, size_t row,
                         float *workspace) {
    const size_t image = row / state->in.h;
    const size_t y = row % state->in.h;
    float *sums = workspace;
    const size_t first = image * state->out.h * state->out_row * precision_size(state->precision);
    bilinear_gather_rows(&state->down, state->precision, (const char *)call->out_gradient + first,
                         state->out_row, y, sums);
    const size_t offset = row * state->in_row;
    float *dx = cpu_target(state->precision, call->in_gradient[0], offset, state->in_row,
                           call->add[0], workspace + state->out_row);
    bilinear_shrink(&state->along, sums, state->in.c, dx);
    cpu_write(state->precision, call->in_gradient[0], offset, state->in_row, dx);
}

static void backward_span(const struct state *state, const struct call *call, struct row_span rows,
                          float *workspace) {
    for (size_t row = rows.first; row < rows.end; row++) {
        backward_row(state, call, row, workspace);
    }
}

// ---- both

// Shares all images' rows, so many, out among the threads.
static void share_out(const struct call *call, size_t rows,
                      void (*run)(const struct state *state, const struct call *call,
                                  struct row_span rows, float *workspace)) {
    const struct state *state = call->state;
    const size_t threads = (size_t)state->threads;
#pragma omp parallel for schedule(static, 1) num_threads(state->threads)
    for (size_t t = 0; t < threads; t++) {
        const struct row_span own = {rows * t / threads, rows * (t + 1) / threads};
        run(state, call, own, (float *)call->scratch + t * state->workspace);
    }
}

static void forward(const struct call *call) {
    const struct state *state = call->state;
    share_out(call, state->out.n * state->out.h, forward_span);
}

static void backward(const struct call *call) {
    const struct state *state = call->state;
    share_out(call, state->in.n * state->in.h, backward_span);
}

static struct row_span reads(const struct graph *graph, const struct node *node, int input,
                             struct row_span rows) {
    const size_t in = graph_shape(graph, node->inputs[input]).h;
    const size_t out = graph_shape(graph, node->output).h;
    const size_t upper = bilinear_lower(in, out, rows.end - 1) + 2;
    return (struct row_span){bilinear_lower(in, out, rows.first), upper < in ? upper : in};
}

static void forward_rows(const struct call *call, size_t image, struct row_span rows) {
    const struct state *state = call->state;
    const size_t first = image * state->out.h;
    forward_span(state, call, (struct row_span){first + rows.first, first + rows.end},
                 call->scratch);
}

const struct row_kernel upsample_rows = {NULL, reads, forward_rows};
const struct kernel upsample_cpu = {plan, forward, backward, release, NULL};

// Weights' gradients of bf16 by vectors as a row of the list: products summed over pairs of output
// pixels. Of an input row, each number is paired with the one that the next output pixel reads in
// its place: then what a pair of pixels reads of a window's row is one run of pairs. Output rows
// are summed in parts that depend on the layer alone, and the parts joined in order.
#include "ops/convolution/cpu/runs/gradient.h"

#include "core/numbers/size.h"
#include "ops/convolution/cpu/bias_gradient.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PARTS ((size_t)16)
#define STRIDED ((size_t)128) // channels on both sides of strided layers, at most

// Where oneDNN's are not ahead: few channels, and strides with some.
static bool is_ahead(const struct convolution_shape *shape) {
    return shape->channels <= 4 ||
           (shape->window > 1 &&
            (shape->out_channels <= 16 ||
             (shape->stride > 1 && shape->channels <= STRIDED && shape->out_channels <= STRIDED)));
}

static bool accepts(const struct convolution_problem *problem) {
    const struct convolution_shape *shape = &problem->shape;
    return problem->precision == PRECISION_BF16 && problem->processor.bf16_ahead &&
           problem->pass == CONVOLUTION_WEIGHT_GRADIENT && shape->groups == 1 && is_ahead(shape) &&
           shape->out_height > 0 && shape->out_width > 0;
}

static size_t panels_of(size_t columns) {
    return size_divide_up(columns, PANEL);
}

static struct run_gradient plan_of(const struct convolution_problem *problem) {
    const struct convolution_shape *shape = &problem->shape;
    struct run_gradient plan = {.problem = *problem,
                                .transposed = shape->out_channels <= MAX_TRANSPOSED,
                                .pairs = size_divide_up(shape->out_width, 2),
                                .inner = shape->window * shape->channels,
                                .parts = size_min(shape->images * shape->out_height, MAX_PARTS)};
    plan.rows = plan.transposed ? shape->out_channels : plan.inner;
    plan.columns = panels_of(plan.transposed ? plan.inner : shape->out_channels) * PANEL;
    plan.paired = plan.transposed
                      ? plan.pairs * plan.columns
                      : 2 * (plan.pairs - 1) * shape->stride * shape->channels + plan.inner;
    return plan;
}

// ---- memory: of all parts sums, (window row, row, column); of a thread the paired rows of a
// window, and an output row in pairs

static size_t sums_of(const struct run_gradient *plan) {
    return plan->problem.shape.window * plan->rows * plan->columns;
}

struct memory {
    cpu_bf16_pair *paired;
    uint16_t *outputs;
};

static size_t paired_bytes(const struct run_gradient *plan) {
    return workspace_part(plan->problem.shape.window * plan->paired * sizeof(cpu_bf16_pair));
}

static size_t thread_bytes(const struct run_gradient *plan) {
    return paired_bytes(plan) + workspace_part(cpu_bf16_packed(plan->problem.shape.out_width,
                                                               plan->problem.shape.out_channels) *
                                               sizeof(uint16_t));
}

static struct memory memory_of(const struct run_gradient *plan, char *memory) {
    return (struct memory){(cpu_bf16_pair *)(void *)memory,
                           (uint16_t *)(void *)(memory + paired_bytes(plan))};
}

static void *plan(struct backend *backend, const struct convolution_problem *problem,
                  size_t *workspace, struct error *error) {
    struct run_gradient *state = malloc(sizeof *state);
    (void)backend;
    if (state == NULL) {
        (void)fail(error, "no memory");
        return NULL;
    }
    *state = plan_of(problem);
    *workspace =
        workspace_for_either(workspace_part(state->parts * sums_of(state) * sizeof(float)) +
                                 (size_t)problem->threads * thread_bytes(state),
                             cpu_bias_gradient_workspace(&problem->shape));
    return state;
}

// ---- parts

// Adds a window row's products with an output row.
static void add_products(const struct run_gradient *plan, const cpu_bf16_pair *paired,
                         const uint16_t *outputs, float *sums) {
    const struct convolution_shape *shape = &plan->problem.shape;
    const uint16_t *inputs = (const uint16_t *)paired;
    const struct cpu_bf16_a transposed_a = {outputs, 2, 2 * shape->out_channels};
    const struct cpu_bf16_b transposed_b = {inputs, 2 * PANEL * plan->pairs};
    const struct cpu_bf16_a a = {inputs, 2, 4 * shape->stride * shape->channels};
    const struct cpu_bf16_b b = {outputs, cpu_bf16_panel(shape->out_width)};
    cpu_bf16_gemm(plan->rows, plan->columns, plan->pairs, plan->transposed ? transposed_a : a,
                  plan->transposed ? transposed_b : b, true, sums, plan->columns);
}

// Adds an output row. The window's rows from `next` on, of the input's, are not paired yet.
static void add_row(const struct run_gradient *plan, const struct memory *memory,
                    const uint16_t *input, size_t y, size_t *next, float *sums) {
    const struct convolution_shape *shape = &plan->problem.shape;
    for (size_t i = 0; i < shape->window; i++) {
        const size_t row = y * shape->stride + i - shape->pad; // above the image: far below
        if (row >= shape->height) {
            continue;
        }
        cpu_bf16_pair *paired = memory->paired + row % shape->window * plan->paired;
        if (row >= *next) {
            run_gradient_inputs(plan, input + row * shape->width * shape->channels, paired);
            *next = row + 1;
        }
        add_products(plan, paired, memory->outputs, sums + i * plan->rows * plan->columns);
    }
}

static void add_part(const struct run_gradient *plan, const struct memory *memory, size_t part,
                     const uint16_t *input, const uint16_t *gradient, float *sums) {
    const struct convolution_shape *shape = &plan->problem.shape;
    const size_t rows = shape->images * shape->out_height;
    size_t next = 0;
    memset(sums, 0, sums_of(plan) * sizeof *sums);
    for (size_t row = part * rows / plan->parts; row < (part + 1) * rows / plan->parts; row++) {
        const size_t image = row / shape->out_height;
        const size_t y = row % shape->out_height;
        next = y == 0 ? 0 : next;
        run_gradient_outputs(plan, gradient + row * shape->out_width * shape->out_channels,
                             memory->outputs);
        add_row(plan, memory, input + image * shape->height * shape->width * shape->channels, y,
                &next, sums);
    }
}

// Output channels' sums lie `step` apart.
static inline void add_panel(const float *from, size_t step, size_t outputs, float *to) {
    for (size_t i = 0; i < outputs; i++) {
        to[i] += from[i * step];
    }
}

// Adds all parts' sums of a panel's output channels to the gradient.
static void join_parts(const struct run_gradient *plan, const float *sums, size_t panel,
                       float *gradient) {
    const struct convolution_shape *shape = &plan->problem.shape;
    const size_t window = shape->window;
    const size_t outputs = size_min(shape->out_channels - panel * PANEL, PANEL);
    float *first = gradient + panel * PANEL * shape->channels * window * window;
    for (size_t i = 0; i < window * plan->inner; i++) {
        const size_t y = i / plan->inner;
        const size_t x = i % plan->inner / shape->channels;
        const size_t c = i % shape->channels;
        const float *transposed = sums + y * plan->rows * plan->columns + i % plan->inner;
        float *to = first + (c * window + y) * window + x;
        float sum[PANEL] = {0};
        for (size_t part = 0; part < plan->parts; part++) {
            if (plan->transposed) {
                add_panel(transposed + part * sums_of(plan), plan->columns, outputs, sum);
            } else {
                add_panel(sums + part * sums_of(plan) + i * plan->columns + panel * PANEL, 1, PANEL,
                          sum);
            }
        }
        for (size_t k = 0; k < outputs; k++) {
            to[k * shape->channels * window * window] += sum[k];
        }
    }
}

static void weight_gradient(void *planned, const void *input, const void *output_gradient,
                            float *weight_gradient, float *bias_gradient, void *workspace) {
    const struct run_gradient *plan = planned;
    const struct convolution_problem *problem = &plan->problem;
    float *sums = workspace;
    char *memories =
        (char *)workspace + workspace_part(plan->parts * sums_of(plan) * sizeof(float));
#pragma omp parallel num_threads(problem->threads)
    {
        const struct memory memory =
            memory_of(plan, memories + (size_t)omp_get_thread_num() * thread_bytes(plan));
#pragma omp for schedule(dynamic)
        for (size_t part = 0; part < plan->parts; part++) {
            add_part(plan, &memory, part, input, output_gradient, sums + part * sums_of(plan));
        }
#pragma omp for schedule(static)
        for (size_t panel = 0; panel < panels_of(problem->shape.out_channels); panel++) {
            join_parts(plan, sums, panel, weight_gradient);
        }
    }
    cpu_add_bias_gradient(problem, output_gradient, bias_gradient, workspace);
}

const struct convolution_method convolution_runs_gradient = {.name = "runs-gradient",
                                                             .in_16_bits = true,
                                                             .accepts = accepts,
                                                             .plan = plan,
                                                             .release = free,
                                                             .weight_gradient = weight_gradient};

// bare NETWORK SIDE BATCH infer|train [f32|bf16] [THREADS]: the sum of what a network's
// convolutions and matrix products take one by one, as bare calls of the backend on data that is
// there: the limit that a whole step is held against. Prints milliseconds.
#include "backend/cpu/cpu.h"
#include "backend/cpu/denormals.h"
#include "backend/cpu/level.h"
#include "backend/cpu/products/amx.h"
#include "backend/cpu/products/bf16.h"
#include "backend/cpu/products/f32.h"
#include "core/clock.h"
#include "core/error.h"
#include "models/models.h"
#include "nn/operation.h"
#include "ops/convolution/convolution.h"
#include "ops/convolution/cpu/plan.h"
#include "program/die.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 5
#define TILE ((size_t)128) // pixels

struct limit {
    struct backend *backend;
    const struct graph *graph;
    bool train;
    double seconds;
};

// In large pages, as a network's memory.
static void *allocate(const struct limit *limit, size_t bytes) {
    void *memory = limit->backend->calls->alloc(limit->backend, bytes);
    if (memory == NULL) {
        die("no memory");
    }
    memset(memory, 0x3C, bytes); // small numbers in both precisions
    return memory;
}

static int ascending(const void *a, const void *b) {
    const double one = *(const double *)a;
    const double other = *(const double *)b;
    return one < other ? -1 : one > other;
}

// ---- convolutions

struct trial {
    struct cpu_convolution *convolution;
    void *input, *output, *gradient, *workspace;
    float *weights, *bias, *bias_gradient;
    bool train, input_gradient;
};

static void run_convolution(const struct trial *trial) {
    cpu_convolution_forward(trial->convolution, trial->input, trial->bias, trial->output,
                            trial->workspace);
    if (trial->train) {
        cpu_convolution_backward(trial->convolution, trial->input, trial->output,
                                 trial->input_gradient ? trial->gradient : NULL, trial->weights,
                                 trial->bias_gradient, trial->workspace);
    }
}

static double time_convolution(const struct limit *limit, const struct convolution_shape *shape) {
    struct error error;
    const size_t size = precision_size(limit->backend->precision);
    const size_t in = shape->images * shape->height * shape->width * shape->channels;
    const size_t out = shape->images * shape->out_height * shape->out_width * shape->out_channels;
    const size_t weights = convolution_weights(shape);
    struct trial trial = {.convolution = cpu_convolution_plan(limit->backend, shape, &error),
                          .input = allocate(limit, in * size),
                          .output = allocate(limit, out * size),
                          .gradient = allocate(limit, in * size),
                          .weights = allocate(limit, weights * sizeof(float)),
                          .bias = allocate(limit, shape->out_channels * sizeof(float)),
                          .bias_gradient = allocate(limit, shape->out_channels * sizeof(float)),
                          .train = limit->train,
                          .input_gradient = shape->input_gradient};
    if (trial.convolution == NULL) {
        die("%s", error.text);
    }
    trial.workspace = allocate(limit, cpu_convolution_workspace(trial.convolution));
    cpu_convolution_prepare(trial.convolution, trial.weights);
    double seconds[ROUNDS];
    run_convolution(&trial);
    for (int i = 0; i < ROUNDS; i++) {
        const double start = clock_seconds();
        run_convolution(&trial);
        seconds[i] = clock_seconds() - start;
    }
    qsort(seconds, ROUNDS, sizeof *seconds, ascending);
    cpu_convolution_release(trial.convolution);
    free(trial.input);
    free(trial.output);
    free(trial.gradient);
    free(trial.weights);
    free(trial.bias);
    free(trial.bias_gradient);
    free(trial.workspace);
    return seconds[ROUNDS / 2];
}

static void add_convolution(struct limit *limit, const struct node *node) {
    const struct convolution_shape shape = convolution_shape_of(limit->graph, node);
    limit->seconds += time_convolution(limit, &shape);
}

// ---- products of the position attention: tiles, as many threads as there are

static void multiply(bool bf16, size_t columns, size_t inner, const float *a, const float *b,
                     float *c) {
    if (bf16) {
        cpu_bf16_gemm(TILE, columns, inner / 2, (struct cpu_bf16_a){(const void *)a, inner, 2},
                      (struct cpu_bf16_b){(const void *)b, cpu_bf16_panel(inner)}, true, c,
                      columns);
    } else {
        cpu_f32_gemm(TILE, columns / CPU_F32_PANEL, inner, (struct cpu_f32_a){a, inner, 1},
                     (struct cpu_f32_b){b, inner * CPU_F32_PANEL, CPU_F32_PANEL}, true,
                     (struct cpu_f32_c){c, columns, CPU_F32_PANEL});
    }
}

// TILE rows; `inner` is a multiple of 2.
static double time_product(const struct limit *limit, size_t wanted, size_t inner) {
    const size_t columns = (wanted + CPU_F32_PANEL - 1) / CPU_F32_PANEL * CPU_F32_PANEL;
    const bool bf16 =
        limit->backend->precision == PRECISION_BF16 && (cpu_bf16_ahead() || cpu_amx_gemm() != NULL);
    const int threads = limit->backend->threads;
    const int calls = 64 * threads;
    double seconds[ROUNDS];
    for (int round = 0; round < ROUNDS; round++) {
        const double start = clock_seconds();
#pragma omp parallel num_threads(threads)
        {
            float *a = allocate(limit, TILE * inner * sizeof *a);
            float *b = allocate(limit, columns * inner * sizeof *b);
            float *c = allocate(limit, TILE * columns * sizeof *c);
#pragma omp for schedule(static)
            for (int i = 0; i < calls; i++) {
                multiply(bf16, columns, inner, a, b, c);
            }
            free(a);
            free(b);
            free(c);
        }
        seconds[round] = (clock_seconds() - start) / calls;
    }
    qsort(seconds, ROUNDS, sizeof *seconds, ascending);
    return seconds[ROUNDS / 2];
}

// For two tiles that lie as in a mirror, forward: S = Q Q^T, and P V for either's rows. Backward: S
// again, dY V^T, V dY^T, and two gradients for either's rows.
static void add_attention(struct limit *limit, const struct node *node) {
    const struct shape q = graph_shape(limit->graph, node->inputs[0]);
    const struct shape v = graph_shape(limit->graph, node->inputs[1]);
    const double pixels = (double)(q.h * q.w);
    const double tiles = (double)q.n * pixels / TILE * pixels / TILE;
    const double scores = time_product(limit, TILE, q.c);
    const double wide = time_product(limit, TILE, v.c);
    const double to_keys = time_product(limit, q.c, TILE);
    const double to_values = time_product(limit, v.c, TILE);
    limit->seconds += tiles / 2 * (scores + 2 * to_values);
    if (limit->train) {
        limit->seconds += tiles / 2 * (scores + 2 * wide + 2 * to_keys + 2 * to_values);
    }
}

int main(int argc, char **argv) {
    backend_prepare(argv);
    if (argc < 5) {
        die("usage: bare NETWORK SIDE BATCH infer|train [f32|bf16] [THREADS]");
    }
    struct error error;
    enum precision precision = PRECISION_F32;
    const size_t side = strtoul(argv[2], NULL, 10);
    struct limit limit = {.train = strcmp(argv[4], "train") == 0};
    const struct model_options options = {.images = strtoul(argv[3], NULL, 10),
                                          .height = side,
                                          .width = side,
                                          .gray = true,
                                          .out_height = limit.train ? side * 4 / 3 : 0,
                                          .out_width = limit.train ? side * 4 / 3 : 0,
                                          .auxiliary = limit.train};
    if (argc > 5 && !precision_named(argv[5], &precision)) {
        die("f32 or bf16");
    }
    limit.backend =
        backend_open("cpu", precision, argc > 6 ? (int)strtol(argv[6], NULL, 10) : 0, &error);
    struct graph *graph =
        model_build(argv[1], limit.train ? GRAPH_TRAIN : GRAPH_PREDICT, &options, &error);
    if (limit.backend == NULL || graph == NULL) {
        die("%s", error.text);
    }
    limit.graph = graph;
    cpu_denormals_set_zero(limit.backend->threads, true); // as a step has it
    for (int i = 0; i < graph_node_count(graph); i++) {
        const struct node *node = graph_node_at(graph, i);
        if (strcmp(node->operation->name, "convolution") == 0) {
            add_convolution(&limit, node);
        } else if (strcmp(node->operation->name, "position_attention") == 0) {
            add_attention(&limit, node);
        }
    }
    (void)printf("%.3f\n", limit.seconds * 1000);
    graph_free(graph);
    backend_close(limit.backend);
    return 0;
}

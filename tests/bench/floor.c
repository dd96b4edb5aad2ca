// floor NETWORK SIDE BATCH predict|train f32|bf16 THREADS: the least time of a step on this
// processor: each layer's arithmetic by the method that it takes, at the processor's peak, or its
// traffic at the memory's, whichever is longer (nn/cost/roofline.h). Both peaks are measured.
// Prints milliseconds, and the peaks: GFLOP/s of float32, GB/s of a copy (read and written).
// floor NETWORK SIDE BATCH grouped f32|bf16 1: of each grouped convolution what share of its speed
// at these peaks the forward pass, the input's gradient and the weights' have, on one thread.
// Prints a row a layer.
#include "backend/cpu/denormals.h"
#include "backend/cpu/level.h"
#include "backend/cpu/products/amx.h"
#include "backend/cpu/products/bf16.h"
#include "core/clock.h"
#include "models/models.h"
#include "nn/cost/roofline.h"
#include "nn/operation.h"
#include "ops/convolution/convolution.h"
#include "ops/convolution/cpu/plan.h"
#include "program/die.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#endif

enum { ROUNDS = 7, SIDE = 128 };
#define MEASURED 0.4 // seconds, of each peak, at least
#define FUSED_LOOPS ((size_t)1 << 20)
#define COPIED ((size_t)128 << 20) // bytes a thread: more than caches hold

struct machine {
    enum precision precision;
    int threads;
    double f32, bf16, bytes; // a second, all threads together
};

static struct backend *backend;

// ---- peaks: the best of some rounds

typedef double work_function(void); // what one thread did

// One thread's work on all threads at once, a second. A system may keep a young process on one
// core, so rounds go on for a while.
static double rate_of(work_function *work, int threads) {
    double best = 0;
    const double end = clock_seconds() + MEASURED;
    for (int round = 0; round < ROUNDS || clock_seconds() < end; round++) {
        double done = 0;
        const double start = clock_seconds();
#pragma omp parallel num_threads(threads) reduction(+ : done)
        done += work();
        const double rate = done / (clock_seconds() - start);
        best = rate > best ? rate : best;
    }
    return best;
}

// Chains of multiply-adds that do not wait for each other: 12 keep two units busy that take up to
// six cycles. The compiler must not see what they begin with.
#define CHAINS 12
#define FUSE(name, instructions, vector, lanes, set, fused)                                        \
    __attribute__((target(instructions))) static double name(void) {                               \
        float one = 1;                                                                             \
        __asm__("" : "+x"(one));                                                                   \
        const vector factor = set(one);                                                            \
        vector sums[CHAINS];                                                                       \
        for (size_t i = 0; i < CHAINS; i++) {                                                      \
            sums[i] = factor;                                                                      \
        }                                                                                          \
        for (size_t k = 0; k < FUSED_LOOPS; k++) {                                                 \
            _Pragma("GCC unroll 12") for (size_t i = 0; i < CHAINS; i++) {                         \
                sums[i] = fused(factor, factor, sums[i]);                                          \
            }                                                                                      \
        }                                                                                          \
        for (size_t i = 0; i < CHAINS; i++) {                                                      \
            __asm__ volatile("" : : "x"(sums[i]));                                                 \
        }                                                                                          \
        return 2.0 * CHAINS * (lanes) * (double)FUSED_LOOPS;                                       \
    }
#if defined(__x86_64__) && defined(__GNUC__)
#define MULTIPLY_ADD(a, b, c) _mm_add_ps(_mm_mul_ps(a, b), c)
FUSE(fuse_sse, "sse2", __m128, 4, _mm_set1_ps, MULTIPLY_ADD)
FUSE(fuse_avx2, "avx2,fma", __m256, 8, _mm256_set1_ps, _mm256_fmadd_ps)
FUSE(fuse_avx512, "avx512f", __m512, 16, _mm512_set1_ps, _mm512_fmadd_ps)

static work_function *fuse(void) {
    return cpu_level() >= CPU_AVX512 ? fuse_avx512 : cpu_level() >= CPU_AVX2 ? fuse_avx2 : fuse_sse;
}
#else
static work_function *fuse(void) {
    die("only processors of x86-64 are known");
}
#endif

// In large pages, as a network's memory: a copy in small ones takes half as long again.
static void *allocate(size_t bytes) {
    void *memory = backend->calls->alloc(backend, bytes);
    if (memory == NULL) {
        die("no memory");
    }
    memset(memory, 0, bytes); // it comes when it is touched
    return memory;
}

static void release(void *memory) {
    backend->calls->release(backend, memory);
}

static double copy(void) {
    static _Thread_local void *from, *to; // kept: fresh pages would count
    if (from == NULL) {
        from = allocate(COPIED);
        to = allocate(COPIED);
    }
    memcpy(to, from, COPIED);
    __asm__ volatile("" : : "r"(to) : "memory");
    return 2.0 * (double)COPIED;
}

// bf16 has no loop of its own here: the rate is that of products of matrices in the cache.
static double multiply_bf16(void) {
    enum { CALLS = 256 };
    uint16_t *a = allocate(SIDE * SIDE * sizeof *a);
    uint16_t *b = allocate(SIDE * SIDE * sizeof *b);
    float *c = allocate(SIDE * SIDE * sizeof *c);
    for (int i = 0; i < CALLS; i++) {
        cpu_bf16_gemm(SIDE, SIDE, SIDE / 2, (struct cpu_bf16_a){a, SIDE, 2},
                      (struct cpu_bf16_b){b, cpu_bf16_panel(SIDE)}, true, c, SIDE);
    }
    release(a);
    release(b);
    release(c);
    return 2.0 * SIDE * SIDE * SIDE * CALLS;
}

static void measure(struct machine *machine) {
    machine->f32 = rate_of(fuse(), machine->threads);
    machine->bytes = rate_of(copy, machine->threads);
    machine->bf16 = cpu_bf16_ahead() || cpu_amx_gemm() != NULL
                        ? rate_of(multiply_bf16, machine->threads)
                        : machine->f32;
}

// ---- what a layer comes to, in operations of float32

// How many operations of float32 one of a layer's own takes as long as.
static double operation_of(const struct machine *machine, bool bf16) {
    return bf16 ? machine->f32 / machine->bf16 : 1;
}

static double convolution_pass(const struct machine *machine, const struct graph *graph,
                               const struct node *node, enum convolution_pass pass) {
    const struct convolution_problem problem = {.shape = convolution_shape_of(graph, node),
                                                .pass = pass,
                                                .precision = machine->precision,
                                                .threads = machine->threads,
                                                .processor = convolution_processor()};
    struct error error;
    const struct convolution_method *method = convolution_method_for(&problem, &error);
    if (method == NULL) {
        die("%s", error.text);
    }
    const double share = method->share != NULL ? method->share(&problem) : 1;
    return 2 * share * node->operation->products(graph, node) *
           operation_of(machine, method->in_16_bits);
}

static double convolution_flop(const struct machine *machine, const struct graph *graph,
                               const struct node *node, bool backward) {
    if (!backward) {
        return convolution_pass(machine, graph, node, CONVOLUTION_FORWARD);
    }
    return convolution_pass(machine, graph, node, CONVOLUTION_WEIGHT_GRADIENT) +
           (convolution_shape_of(graph, node).input_gradient
                ? convolution_pass(machine, graph, node, CONVOLUTION_DATA_GRADIENT)
                : 0);
}

// Forward half of S = Q Q^T, and P V. Backward half of S again and of the gradient of P, and a
// product for each gradient of queries, which are keys, and of values.
static double attention_flop(const struct machine *machine, const struct graph *graph,
                             const struct node *node, bool backward) {
    const struct shape q = graph_shape(graph, node->inputs[0]);
    const struct shape v = graph_shape(graph, node->inputs[1]);
    const double pixels = (double)(q.h * q.w);
    const double queries = (double)q.c;
    const double values = (double)v.c;
    const double products = backward ? 1.5 * queries + 2 * values : 0.5 * queries + values;
    return 2 * (double)q.n * pixels * pixels * products *
           operation_of(machine, machine->precision == PRECISION_BF16);
}

static double arithmetic(const void *context, const struct graph *graph, const struct node *node,
                         bool backward) {
    const struct machine *machine = context;
    if (strcmp(node->operation->name, "convolution") == 0) {
        return convolution_flop(machine, graph, node, backward);
    }
    if (strcmp(node->operation->name, "position_attention") == 0) {
        return attention_flop(machine, graph, node, backward);
    }
    return (backward ? 4 : 2) * node->operation->products(graph, node);
}

// ---- single layers, by the processor's time of this thread

#define MAX_LAYERS 64

struct layer {
    struct convolution_shape shape;
    double products, seconds[CONVOLUTION_PASSES];
};

struct layer_tensors {
    void *input, *output, *gradient, *workspace; // gradient: of the input
    float *weights, *weight_gradient;
};

static double cpu_seconds(void) {
    struct timespec time;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void run_pass(struct cpu_convolution *plan, const struct layer_tensors *t,
                     enum convolution_pass pass) {
    if (pass == CONVOLUTION_FORWARD) {
        cpu_convolution_forward(plan, t->input, NULL, t->output, t->workspace);
    } else {
        const bool weights = pass == CONVOLUTION_WEIGHT_GRADIENT;
        cpu_convolution_backward(plan, t->input, t->output, weights ? NULL : t->gradient,
                                 weights ? t->weight_gradient : NULL, NULL, t->workspace);
    }
}

static void keep_least(double *least, double seconds) {
    *least = *least == 0 || seconds < *least ? seconds : *least;
}

// The peaks take turns with the layers; what counts is the best of all.
static void time_layer(struct machine *machine, struct layer *layer) {
    struct error error;
    const size_t size = precision_size(machine->precision);
    const size_t weights = convolution_weights(&layer->shape) * sizeof(float);
    struct cpu_convolution *plan = cpu_convolution_plan(backend, &layer->shape, &error);
    if (plan == NULL) {
        die("%s", error.text);
    }
    const struct layer_tensors t = {allocate(convolution_inputs(&layer->shape) * size),
                                    allocate(convolution_outputs(&layer->shape) * size),
                                    allocate(convolution_inputs(&layer->shape) * size),
                                    allocate(cpu_convolution_workspace(plan) + 64),
                                    allocate(weights),
                                    allocate(weights)};
    cpu_convolution_prepare(plan, t.weights);
    for (int round = 0; round < ROUNDS; round++) {
        for (int pass = 0; pass < CONVOLUTION_PASSES; pass++) {
            const double start = cpu_seconds();
            run_pass(plan, &t, (enum convolution_pass)pass);
            keep_least(&layer->seconds[pass], cpu_seconds() - start);
        }
    }
    double start = cpu_seconds();
    const double flop = fuse()() / (cpu_seconds() - start);
    start = cpu_seconds();
    const double bytes = copy() / (cpu_seconds() - start);
    machine->f32 = flop > machine->f32 ? flop : machine->f32;
    machine->bytes = bytes > machine->bytes ? bytes : machine->bytes;
    cpu_convolution_release(plan);
    release(t.input);
    release(t.output);
    release(t.gradient);
    release(t.workspace);
    release(t.weights);
    release(t.weight_gradient);
}

static bool same_layer(const struct convolution_shape *a, const struct convolution_shape *b) {
    return a->height == b->height && a->channels == b->channels && a->groups == b->groups &&
           a->window == b->window && a->stride == b->stride;
}

static size_t find_layers(const struct graph *graph, struct layer *layers) {
    size_t count = 0;
    for (int i = 0; i < graph_node_count(graph); i++) {
        const struct node *node = graph_node_at(graph, i);
        if (strcmp(node->operation->name, "convolution") != 0) {
            continue;
        }
        const struct convolution_shape shape = convolution_shape_of(graph, node);
        size_t like = 0;
        while (like < count && !same_layer(&layers[like].shape, &shape)) {
            like++;
        }
        if (shape.groups > 1 && like == count && count < MAX_LAYERS) {
            layers[count++] =
                (struct layer){.shape = shape, .products = node->operation->products(graph, node)};
        }
    }
    return count;
}

static void print_layer(const struct machine *machine, const struct layer *layer) {
    const struct convolution_shape *s = &layer->shape;
    const double products = 2 * layer->products / machine->f32;
    const double bytes = (double)((convolution_inputs(s) + convolution_outputs(s)) *
                                  precision_size(machine->precision)) /
                         machine->bytes;
    (void)printf("%zu x %zu, %zu channels, %zu a group, window %zu, stride %zu, products %.2f of "
                 "memory:",
                 s->height, s->width, s->channels, s->channels / s->groups, s->window, s->stride,
                 products / bytes);
    for (int pass = 0; pass < CONVOLUTION_PASSES; pass++) {
        (void)printf(" %.2f", (products > bytes ? products : bytes) / layer->seconds[pass]);
    }
    (void)printf("\n");
}

static void print_layers(struct machine *machine, const struct graph *graph) {
    static struct layer layers[MAX_LAYERS];
    const size_t count = find_layers(graph, layers);
    cpu_denormals_set_zero(1, true); // as a step has it
    for (size_t i = 0; i < count; i++) {
        time_layer(machine, &layers[i]);
    }
    for (size_t i = 0; i < count; i++) {
        print_layer(machine, &layers[i]);
    }
    (void)printf("%.1f GFLOP/s, %.2f GB/s\n", 1e-9 * machine->f32, 1e-9 * machine->bytes);
}

int main(int argc, char **argv) {
    backend_prepare(argv);
    if (argc != 7) {
        die("usage: floor NETWORK SIDE BATCH predict|train|grouped f32|bf16 THREADS");
    }
    struct error error;
    struct roofline floor;
    struct machine machine = {.threads = (int)strtol(argv[6], NULL, 10)};
    const bool grouped = strcmp(argv[4], "grouped") == 0;
    const bool train = grouped || strcmp(argv[4], "train") == 0;
    const size_t side = strtoul(argv[2], NULL, 10);
    const struct model_options options = {.images = strtoul(argv[3], NULL, 10),
                                          .height = side,
                                          .width = side,
                                          .gray = true,
                                          .out_height = train ? side * 4 / 3 : 0,
                                          .out_width = train ? side * 4 / 3 : 0,
                                          .auxiliary = train};
    if (!precision_named(argv[5], &machine.precision) || machine.threads < 1) {
        die("f32 or bf16, and a number of threads");
    }
    backend = backend_open("cpu", machine.precision, machine.threads, &error);
    if (backend == NULL) {
        die("%s", error.text);
    }
    struct graph *graph =
        model_build(argv[1], train ? GRAPH_TRAIN : GRAPH_PREDICT, &options, &error);
    if (graph == NULL) {
        die("%s", error.text);
    }
    if (grouped) {
        print_layers(&machine, graph);
        graph_free(graph);
        backend_close(backend);
        return 0;
    }
    measure(&machine);
    const struct rates rates = {machine.f32, machine.bytes, arithmetic, &machine};
    if (!graph_roofline(graph, machine.precision, &rates, &floor, &error)) {
        die("%s", error.text);
    }
    (void)printf("%.3f %.1f %.2f\n", 1e3 * floor.seconds, 1e-9 * machine.f32, 1e-9 * machine.bytes);
    graph_free(graph);
    backend_close(backend);
    return 0;
}

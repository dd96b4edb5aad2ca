// Denormal numbers: every thread that does a network's work takes them for 0, and only then; so no
// operation is slower with them than with ordinary numbers.
#define TRIAL_THREADS 1 // of what is timed: two would wait for each other under load
#include "../ops/trials.h"

#include "backend/cpu/denormals.h"
#include "nn/operation.h"
#include "train/step.h"

#include <omp.h>
#include <time.h>

#define THREADS 3

// ---- who takes denormal numbers for 0

enum moment { PREPARE, FORWARD, BACKWARD, LOSS, ADD, UPDATE, MOMENTS };

static int zero[MOMENTS]; // threads that took them for 0 when the work was done
static int seen[MOMENTS]; // of so many

static int threads_with_zero(void) {
    int count = 0;
#pragma omp parallel num_threads(THREADS) reduction(+ : count)
    count += cpu_denormals_are_zero();
    return count;
}

static void look(enum moment moment) {
    zero[moment] += threads_with_zero();
    seen[moment] += THREADS;
}

static bool plan(struct kernel_plan *asked, struct error *error) {
    (void)error;
    asked->state = memory_for(sizeof(size_t) / sizeof(float));
    *(size_t *)asked->state = shape_count(plan_output_shape(asked));
    return true;
}

static void prepare(const struct call *call) {
    (void)call;
    look(PREPARE);
}

static void forward(const struct call *call) {
    memcpy(call->out, call->in[0], *(size_t *)call->state * sizeof(float));
    look(FORWARD);
}

static void backward(const struct call *call) {
    memcpy(call->in_gradient[0], call->out_gradient, *(size_t *)call->state * sizeof(float));
    look(BACKWARD);
}

static const struct kernel watch_cpu = {plan, forward, backward, free, prepare};
static const struct operation watch = {.name = "watch", .cpu = &watch_cpu};

static size_t loss_scratch(struct backend *backend, const struct loss_inputs *inputs,
                           const struct loss_options *options) {
    return training_cpu.loss_scratch(backend, inputs, options);
}

static void loss(struct backend *backend, const struct loss_inputs *inputs,
                 const struct loss_options *options, double scale, struct loss_sums *sums,
                 void *scratch) {
    look(LOSS);
    training_cpu.loss(backend, inputs, options, scale, sums, scratch);
}

static void update(struct backend *backend, const struct optimizer_update *update) {
    look(UPDATE);
    training_cpu.update(backend, update);
}

static void sum_up(struct backend *backend, const struct batch_sum *sum) {
    look(ADD);
    training_cpu.add(backend, sum);
}

static const struct training_calls watch_training = {
    .loss_scratch = loss_scratch, .loss = loss, .update = update, .add = sum_up};

enum { SIDE = 8 };

static struct graph *watched_graph(void) {
    const struct shape shape = {1, SIDE, SIDE, 3};
    struct graph *graph = graph_new(GRAPH_TRAIN);
    const value_id x =
        normalise_input(graph, graph_input(graph, (struct shape){1, SIDE, SIDE, 1}, STORAGE_BYTE));
    const struct node_spec spec = {.operation = &watch,
                                   .name = "watch",
                                   .inputs = {layer(graph, x, "c", shape.c, 1, 1)},
                                   .input_count = 1,
                                   .shape = shape};
    const value_id y = graph_node(graph, &spec);
    graph_output(graph, head_convolution(graph, y, "map", 0));
    graph_output(graph, head_convolution(graph, global_pool(graph, y), "global", 0));
    return graph;
}

// A training step as train-fold does it.
static void run_watched(struct backend *backend) {
    uint8_t images[SIDE * SIDE] = {0};
    uint8_t masks[SIDE * SIDE] = {1};
    const struct batch batch = {.capacity = 1,
                                .count = 1,
                                .height = SIDE,
                                .width = SIDE,
                                .mask_height = SIDE,
                                .mask_width = SIDE,
                                .images = images,
                                .masks = masks};
    struct error error;
    struct loss_sums sums;
    const struct loss_options losses = loss_options_usual();
    struct step_runner runner;
    const struct optimizer_options rule = optimizer_options_usual();
    struct optimizer optimizer;
    struct graph *graph = watched_graph();
    assert_true(step_prepare(graph, backend, &batch, &losses, &error));
    struct executor *executor = executor_new(graph, backend, &error);
    assert_non_null(executor);
    assert_true(optimizer_open(&optimizer, &rule, backend, graph, executor, &error));
    assert_true(step_open(&runner, &optimizer, &batch, &losses, &error));
    step_send(&runner, &batch);
    step_start_update(&runner, 1, 1e-3, 0);
    assert_true(step_finish(&runner, &sums, &error));
    step_close(&runner);
    optimizer_close(&optimizer);
    executor_free(executor);
    graph_free(graph);
}

static void every_thread_takes_them_for_zero(void **state) {
    struct error error;
    struct backend *backend = backend_open("cpu", PRECISION_F32, THREADS, &error);
    (void)state;
    assert_non_null(backend);
    backend->training = &watch_training;
    assert_int_equal(threads_with_zero(), 0);
    run_watched(backend);
    assert_int_equal(threads_with_zero(), 0);
    for (enum moment moment = 0; moment < MOMENTS; moment++) {
        assert_true(seen[moment] >= THREADS);
        assert_int_equal(zero[moment], seen[moment]);
    }
    cpu_denormals_set_zero(THREADS, true); // the caller's own choice stays
    run_watched(backend);
    assert_int_equal(threads_with_zero(), THREADS);
    cpu_denormals_set_zero(THREADS, false);
    backend_close(backend);
}

static void products_of_them_are_zero(void **state) {
    volatile float least = 1.2e-38F;
    volatile float half = 0.5F;
    (void)state;
    assert_true(least * half > 0);
    cpu_denormals_set_zero(1, true);
    const float product = least * half;
    cpu_denormals_set_zero(1, false);
    assert_true(product == 0);
}

// ---- times. What a step takes with denormal numbers in it is ten to a hundred times what it takes
// with others where a processor is slow at them. What else the machine does only adds to times: the
// least ones of both are compared, again and again until enough have been undisturbed.

#define MIN_REPEATS 3
#define MAX_REPEATS 200
#define MAX_TIMES 3.0

#ifdef __SANITIZE_ADDRESS__
enum { TIMED_SIDE = 8 }; // slow, and the ratio is the same
#else
enum { TIMED_SIDE = 32 };
#endif

struct work {
    struct backend *backend;
    void (*run)(void *context);
    void *context;
};

static double cpu_seconds(void) {
    struct timespec time;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

// Work as a device does it.
static double time_of(const struct work *work) {
    const double start = cpu_seconds();
    work->backend->calls->repeat(work->backend, NULL, work->run, work->context);
    return cpu_seconds() - start;
}

static void compare_times(const char *what, const struct work *ordinary,
                          const struct work *denormal) {
    double one = INFINITY;
    double other = INFINITY;
    for (int i = 0; i < MAX_REPEATS && (i < MIN_REPEATS || other >= MAX_TIMES * one); i++) {
        one = fmin(one, time_of(ordinary));
        other = fmin(other, time_of(denormal));
    }
    if (!(other < MAX_TIMES * one)) {
        fail_msg("%s: %g ms with denormal numbers, %g without", what, 1e3 * other, 1e3 * one);
    }
}

static void step_of_trial(void *context) {
    gradients_of(context);
}

// With its inputs and its output's gradient multiplied by these.
static void open_scaled(struct trial *trial, size_t which, enum precision precision, float of_input,
                        float of_gradient) {
    open_trial(trial, "cpu", GRAPH_TRAIN, which, (struct shape){2, TIMED_SIDE, TIMED_SIDE, 32},
               precision);
    for (size_t i = 0; i < trial->pixels; i++) {
        trial->input[i] *= of_input;
    }
    for (size_t i = 0; i < trial->outputs; i++) {
        trial->weights[i] *= of_gradient;
    }
}

static void compare_trials(size_t which, enum precision precision, float of_input,
                           float of_gradient) {
    struct trial ordinary;
    struct trial denormal;
    open_scaled(&ordinary, which, precision, 1, 1);
    open_scaled(&denormal, which, precision, of_input, of_gradient);
    compare_times(tried[which].name, &(struct work){ordinary.backend, step_of_trial, &ordinary},
                  &(struct work){denormal.backend, step_of_trial, &denormal});
    close_trial(&ordinary);
    close_trial(&denormal);
}

// Inputs and gradients that are denormal, and inputs that make a softmax's tail so.
static void operations_are_as_fast_with_them(void **state) {
    (void)state;
    for (size_t which = 0; which < TRIED; which++) {
        compare_trials(which, PRECISION_F32, 1e-38F, 1e-38F);
        compare_trials(which, PRECISION_BF16, 1e-38F, 1e-38F);
        compare_trials(which, PRECISION_F32, 8, 1);
    }
}

enum { LEARNED = 1 << 16 };

struct update_call {
    struct backend *backend;
    enum optimizer_index index;
    float parameters[LEARNED], gradients[LEARNED], moments[MAX_MOMENTS][LEARNED];
    float gradient; // of all
};

static void step_of_update(void *context) {
    struct update_call *call = context;
    const struct optimizer_options options = optimizer_options_usual();
    const struct optimizer_coefficients coefficients =
        optimizer_rules[call->index]->begin(100, 1e-3, 1e-4, options.values[call->index]);
    int64_t bad = 0;
    struct optimizer_update update = {.index = call->index,
                                      .parameters = call->parameters,
                                      .gradients = call->gradients,
                                      .decaying = LEARNED,
                                      .count = LEARNED,
                                      .coefficients = &coefficients,
                                      .bad = &bad};
    for (size_t i = 0; i < MAX_MOMENTS; i++) {
        update.moments[i] = call->moments[i];
    }
    for (size_t i = 0; i < LEARNED; i++) {
        call->gradients[i] = call->gradient;
    }
    training_cpu.update(call->backend, &update);
}

static struct update_call *open_update(struct backend *backend, enum optimizer_index index,
                                       float gradient, float moment) {
    struct update_call *call = calloc(1, sizeof *call);
    assert_non_null(call);
    call->backend = backend;
    call->index = index;
    call->gradient = gradient;
    for (size_t i = 0; i < LEARNED; i++) {
        call->parameters[i] = 0.1F;
        for (size_t k = 0; k < MAX_MOMENTS; k++) {
            call->moments[k][i] = moment;
        }
    }
    return call;
}

// Moments of weights that have not learned for long.
static void optimisers_are_as_fast_with_them(void **state) {
    struct error error;
    struct backend *backend = backend_open("cpu", PRECISION_F32, TRIAL_THREADS, &error);
    (void)state;
    assert_non_null(backend);
    for (enum optimizer_index i = 0; i < OPTIMIZERS; i++) {
        struct update_call *learns = open_update(backend, i, 1e-3F, 1e-3F);
        struct update_call *rests = open_update(backend, i, 1e-21F, 1e-39F);
        compare_times(optimizer_rules[i]->name, &(struct work){backend, step_of_update, learns},
                      &(struct work){backend, step_of_update, rests});
        free(learns);
        free(rests);
    }
    backend_close(backend);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_thread_takes_them_for_zero),
        cmocka_unit_test(products_of_them_are_zero),
        cmocka_unit_test(operations_are_as_fast_with_them),
        cmocka_unit_test(optimisers_are_as_fast_with_them),
    };
    cmocka_set_test_filter(argc > 1 ? argv[1] : NULL);
    backend_prepare(argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

// schedule: steps and lifetimes of small graphs worked out by hand.
#include "schedule_of.h"

#define NUMBERS 4 // in a value of the small graphs

static const struct operation learned = {.name = "learned", .reads_input = {true}};
static const struct operation plain = {.name = "plain"};
static const struct operation in_place = {.name = "in place", .in_place = 1};
static const struct operation sum = {.name = "sum", .gradient_in_place = true};
static const struct operation scaled = {.name = "scaled", .reads_input = {false, true}};
static const struct operation rectified = {.name = "rectified", .reads_output = true};
static const struct operation over = {
    .name = "over", .reads_input = {true}, .gradient_over_input = true};

// Adds a node of one or two inputs; `learned` has a parameter of its own.
static value_id node(struct graph *graph, const struct operation *operation, value_id a, value_id b,
                     bool recompute) {
    const size_t one = 1;
    struct node_spec spec = {.operation = operation,
                             .name = operation->name,
                             .inputs = {a, b},
                             .input_count = b == NO_VALUE ? 1 : 2,
                             .shape = {1, 2, 2, 1},
                             .recompute = recompute};
    if (operation == &learned) {
        const struct layer_name name = graph_name("weight of %d", graph_node_count(graph));
        spec.parameters[0] = graph_parameter(graph, name.text, ROLE_SHIFT, 1, &one);
        spec.parameter_count = 1;
    }
    return graph_node(graph, &spec);
}

// Adds the graph's output: floats.
static void end(struct graph *graph, const struct operation *operation, value_id x) {
    const struct node_spec spec = {.operation = operation,
                                   .name = "end",
                                   .inputs = {x},
                                   .input_count = 1,
                                   .shape = {1, 2, 2, 1},
                                   .storage = STORAGE_FLOAT};
    graph_output(graph, graph_node(graph, &spec));
}

static struct graph *begin(enum graph_mode mode) {
    struct graph *graph = graph_new(mode);
    assert_non_null(graph);
    assert_int_equal(graph_input(graph, (struct shape){1, 2, 2, 1}, STORAGE_BYTE), 0);
    return graph;
}

// ---- by hand

struct expected {
    enum step_kind kind;
    int node;
};

static void check_order(const struct schedule *schedule, const struct expected *want, int count) {
    assert_int_equal(schedule->step_count, count);
    for (int i = 0; i < count; i++) {
        assert_int_equal(schedule->steps[i].kind, want[i].kind);
        assert_int_equal(schedule->steps[i].node, want[i].node);
    }
}

static void check_buffer(const struct schedule *schedule, int buffer, size_t bytes, int first,
                         int last) {
    assert_in_range(buffer, 0, schedule->buffer_count - 1);
    assert_int_equal(schedule->buffers[buffer].bytes, bytes);
    assert_int_equal(schedule->buffers[buffer].first, first);
    assert_int_equal(schedule->buffers[buffer].last, last);
}

// A learned layer; a recomputed one; a learned one; its sum with the first; the output.
static struct graph *residual(void) {
    struct graph *graph = begin(GRAPH_TRAIN);
    const value_id x = node(graph, &learned, 0, NO_VALUE, false);
    const value_id y = node(graph, &plain, x, NO_VALUE, true);
    const value_id z = node(graph, &learned, y, NO_VALUE, false);
    end(graph, &learned, node(graph, &sum, z, x, false));
    return graph;
}

static void a_training_step_in_order(void **state) {
    (void)state;
    static const struct expected want[] = {
        {STEP_FORWARD, 0},  {STEP_FORWARD, 1},  {STEP_FORWARD, 2},  {STEP_FORWARD, 3},
        {STEP_FORWARD, 4},  {STEP_BACKWARD, 4}, {STEP_BACKWARD, 3}, {STEP_RECOMPUTE, 1},
        {STEP_BACKWARD, 2}, {STEP_BACKWARD, 1}, {STEP_BACKWARD, 0}};
    struct graph *graph = residual();
    struct schedule schedule = schedule_of(graph);
    assert_int_equal(schedule.forward_count, 5);
    check_order(&schedule, want, 11);
    schedule_free(&schedule);
    graph_free(graph);
}

// Time 5 is the loss's, 6 that of the first step backward.
static void lifetimes_of_values(void **state) {
    (void)state;
    struct graph *graph = residual();
    struct schedule schedule = schedule_of(graph);
    const struct step *steps = schedule.steps;
    check_buffer(&schedule, schedule.input, NUMBERS, -1, 11);
    check_buffer(&schedule, steps[0].out, 2 * NUMBERS, 0, 8); // read to recompute a value
    check_buffer(&schedule, steps[1].out, 2 * NUMBERS, 1, 2);
    check_buffer(&schedule, steps[2].out, 2 * NUMBERS, 2, 3);
    check_buffer(&schedule, steps[3].out, 2 * NUMBERS, 3, 6);
    check_buffer(&schedule, steps[4].out, 4 * NUMBERS, 4, 5);
    check_buffer(&schedule, steps[7].out, 2 * NUMBERS, 8, 9); // made again
    assert_int_equal(schedule.outputs[0], steps[4].out);
    assert_int_equal(steps[7].in[0], steps[0].out);
    assert_int_equal(steps[8].in[0], steps[7].out);
    assert_int_equal(steps[10].in[0], schedule.input);
    assert_int_equal(steps[6].in[0], NO_BUFFER); // a sum's backward reads nothing
    assert_int_equal(steps[6].out, NO_BUFFER);
    for (int i = 0; i < 5; i++) { // what forward saves serves backward, which runs in this order
        static const int backward[] = {11, 10, 9, 7, 6};
        check_buffer(&schedule, schedule.saved[i], 0, i, backward[i]);
    }
    for (int i = 0; i < schedule.step_count; i++) {
        const int now = i < 5 ? i : i + 1;
        check_buffer(&schedule, steps[i].scratch, 0, now, now);
    }
    schedule_free(&schedule);
    graph_free(graph);
}

static void lifetimes_of_gradients(void **state) {
    (void)state;
    struct graph *graph = residual();
    struct schedule schedule = schedule_of(graph);
    const struct step *steps = schedule.steps;
    check_buffer(&schedule, schedule.output_gradients[0], 4 * NUMBERS, 5, 6);
    assert_int_equal(steps[5].out_gradient, schedule.output_gradients[0]);
    // The sum's gradient becomes its first input's where it lies; the second's is new.
    assert_int_equal(steps[6].out_gradient, steps[5].in_gradient[0]);
    assert_int_equal(steps[6].in_gradient[0], steps[6].out_gradient);
    check_buffer(&schedule, steps[6].out_gradient, 2 * NUMBERS, 6, 9);
    check_buffer(&schedule, steps[6].in_gradient[1], 2 * NUMBERS, 7, 11);
    assert_int_equal(steps[8].out_gradient, steps[6].in_gradient[0]);
    check_buffer(&schedule, steps[8].in_gradient[0], 2 * NUMBERS, 9, 10);
    // The recomputed layer adds to the gradient that the sum has left.
    assert_false(steps[6].add[0] || steps[6].add[1] || steps[8].add[0]);
    assert_true(steps[9].add[0]);
    assert_int_equal(steps[9].in_gradient[0], steps[6].in_gradient[1]);
    assert_int_equal(steps[10].out_gradient, steps[6].in_gradient[1]);
    assert_int_equal(steps[10].in_gradient[0], NO_BUFFER); // the image wants none
    schedule_free(&schedule);
    graph_free(graph);
}

// Two recomputed layers in a row: the first is made again once, for the three steps that read it.
static void cheap_layers_in_a_row(void **state) {
    (void)state;
    static const struct expected want[] = {
        {STEP_BACKWARD, 5}, {STEP_RECOMPUTE, 1}, {STEP_BACKWARD, 4}, {STEP_RECOMPUTE, 2},
        {STEP_BACKWARD, 3}, {STEP_BACKWARD, 2},  {STEP_BACKWARD, 1}, {STEP_BACKWARD, 0}};
    struct graph *graph = begin(GRAPH_TRAIN);
    const value_id x = node(graph, &learned, 0, NO_VALUE, false);
    const value_id y = node(graph, &learned, x, NO_VALUE, true);
    const value_id z =
        node(graph, &learned, node(graph, &learned, y, NO_VALUE, true), NO_VALUE, false);
    end(graph, &learned, node(graph, &scaled, z, y, false));
    struct schedule schedule = schedule_of(graph);
    struct schedule backward = {.steps = schedule.steps + 6, .step_count = schedule.step_count - 6};
    check_order(&backward, want, 8);
    const int again = backward.steps[1].out;
    check_buffer(&schedule, again, 2 * NUMBERS, 8, 12);
    assert_int_equal(backward.steps[2].in[1], again);
    assert_int_equal(backward.steps[3].in[0], again);
    assert_int_equal(backward.steps[5].in[0], again);
    check_buffer(&schedule, backward.steps[3].out, 2 * NUMBERS, 10, 11);
    schedule_free(&schedule);
    graph_free(graph);
}

// A recomputed output that its own backward reads is made again for it. What nothing learned
// depends on, and what no output depends on, has no step backward.
static void only_what_is_needed(void **state) {
    (void)state;
    static const struct expected want[] = {{STEP_BACKWARD, 5},
                                           {STEP_BACKWARD, 4},
                                           {STEP_RECOMPUTE, 1},
                                           {STEP_BACKWARD, 1},
                                           {STEP_BACKWARD, 0}};
    struct graph *graph = begin(GRAPH_TRAIN);
    const value_id x = node(graph, &learned, 0, NO_VALUE, false);
    const value_id y = node(graph, &rectified, x, NO_VALUE, true);
    const value_id constant = node(graph, &plain, 0, NO_VALUE, false);
    (void)node(graph, &learned, x, NO_VALUE, false);
    end(graph, &plain, node(graph, &sum, y, constant, false));
    struct schedule schedule = schedule_of(graph);
    struct schedule backward = {.steps = schedule.steps + 6, .step_count = schedule.step_count - 6};
    check_order(&backward, want, 5);
    assert_int_equal(backward.steps[1].in_gradient[1], NO_BUFFER);
    assert_int_equal(backward.steps[3].out, backward.steps[2].out);
    check_buffer(&schedule, backward.steps[2].out, 2 * NUMBERS, 9, 10);
    schedule_free(&schedule);
    graph_free(graph);
}

// Whether node 1, which may work in place, does.
static bool works_in_place(struct graph *graph) {
    struct schedule schedule = schedule_of(graph);
    const struct step step = schedule.steps[1];
    const bool same = step.out == step.in[0];
    if (same) {
        check_buffer(&schedule, step.out, 2 * NUMBERS, 0, 2);
    }
    schedule_free(&schedule);
    graph_free(graph);
    return same;
}

static void work_in_place(void **state) {
    (void)state;
    static const enum graph_mode modes[] = {GRAPH_PREDICT, GRAPH_TRAIN};
    for (size_t i = 0; i < 2; i++) {
        struct graph *graph = begin(modes[i]);
        const value_id x = node(graph, &plain, 0, NO_VALUE, false);
        end(graph, &plain, node(graph, &in_place, x, NO_VALUE, false));
        assert_int_equal(works_in_place(graph), modes[i] == GRAPH_PREDICT);
    }
    // An input that is read later, that is read twice, and the network's own stay as they are.
    struct graph *later = begin(GRAPH_PREDICT);
    const value_id x = node(later, &plain, 0, NO_VALUE, false);
    end(later, &plain, node(later, &sum, node(later, &in_place, x, NO_VALUE, false), x, false));
    assert_false(works_in_place(later));
    struct graph *twice = begin(GRAPH_PREDICT);
    const value_id y = node(twice, &plain, 0, NO_VALUE, false);
    end(twice, &plain, node(twice, &in_place, y, y, false));
    assert_false(works_in_place(twice));
    struct graph *own = graph_new(GRAPH_PREDICT);
    assert_non_null(own);
    (void)graph_input(own, (struct shape){1, 2, 2, 1}, STORAGE_ACTIVATION);
    (void)node(own, &plain, 0, NO_VALUE, false);
    end(own, &plain, node(own, &in_place, 0, NO_VALUE, false));
    assert_false(works_in_place(own));
    // An output of 4 bytes a number does not fit in the place of one of 2.
    struct graph *wider = begin(GRAPH_PREDICT);
    end(wider, &in_place, node(wider, &plain, 0, NO_VALUE, false));
    assert_false(works_in_place(wider));
}

// Whether the gradient of x, which `over` reads, takes its place.
static bool lies_over(struct graph *graph, value_id x, value_id y) {
    end(graph, &plain, node(graph, &over, x, y, false));
    struct schedule schedule = schedule_of(graph);
    const struct step step = schedule.steps[schedule.forward_count + 1];
    assert_ptr_equal(graph_node_at(graph, step.node)->operation, &over);
    schedule_free(&schedule);
    graph_free(graph);
    return step.in_gradient[0] == step.in[0];
}

static void gradients_over_inputs(void **state) {
    (void)state;
    // An input that is read twice, that an earlier layer's or its own layer's backward step reads.
    for (int i = 0; i < 4; i++) {
        struct graph *graph = begin(GRAPH_TRAIN);
        const value_id before = node(graph, &learned, 0, NO_VALUE, false);
        const value_id x = node(graph, i < 3 ? &plain : &rectified, before, NO_VALUE, false);
        const value_id y = i == 1   ? x
                           : i == 2 ? node(graph, &learned, x, NO_VALUE, false)
                                    : NO_VALUE;
        assert_int_equal(lies_over(graph, x, y), i == 0);
    }
    // A network's output.
    struct graph *graph = begin(GRAPH_TRAIN);
    end(graph, &plain, node(graph, &learned, 0, NO_VALUE, false));
    assert_false(lies_over(graph, graph_output_at(graph, 0), NO_VALUE));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_training_step_in_order), cmocka_unit_test(lifetimes_of_values),
        cmocka_unit_test(lifetimes_of_gradients),   cmocka_unit_test(cheap_layers_in_a_row),
        cmocka_unit_test(only_what_is_needed),      cmocka_unit_test(work_in_place),
        cmocka_unit_test(gradients_over_inputs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

// schedule: every step of the networks finds in its buffers what it is to read.
#include "models/models.h"
#include "schedule_of.h"

// What each buffer holds, step by step.
#define GRADIENT_OF(value) (-2 - (value))
#define NOTHING (-1)

struct run {
    const struct graph *graph;
    const struct schedule *schedule;
    int *holds; // of each buffer: a value, GRADIENT_OF one, or NOTHING
    int now;
};

static void check_alive(const struct run *run, int buffer) {
    assert_in_range(buffer, 0, run->schedule->buffer_count - 1);
    assert_true(run->schedule->buffers[buffer].first <= run->now);
    assert_true(run->schedule->buffers[buffer].last >= run->now);
}

static void read_buffer(const struct run *run, int buffer, int what) {
    check_alive(run, buffer);
    assert_int_equal(run->holds[buffer], what);
}

static void write_buffer(const struct run *run, int buffer, int what) {
    check_alive(run, buffer);
    run->holds[buffer] = what;
}

static void run_forward(const struct run *run, const struct step *step, const struct node *layer) {
    for (int k = 0; k < layer->input_count; k++) {
        read_buffer(run, step->in[k], layer->inputs[k]);
    }
    write_buffer(run, step->out, layer->output);
}

static void run_backward(const struct run *run, const struct step *step, const struct node *layer) {
    read_buffer(run, step->out_gradient, GRADIENT_OF(layer->output));
    if (layer->operation->reads_output) {
        read_buffer(run, step->out, layer->output);
    }
    for (int k = 0; k < layer->input_count; k++) {
        if (layer->operation->reads_input[k]) {
            read_buffer(run, step->in[k], layer->inputs[k]);
        }
    }
    for (int k = 0; k < layer->input_count; k++) {
        const int gradient = GRADIENT_OF(layer->inputs[k]);
        if (!graph_value_at(run->graph, layer->inputs[k])->needs_gradient) {
            assert_int_equal(step->in_gradient[k], NO_BUFFER);
        } else if (step->add[k]) {
            read_buffer(run, step->in_gradient[k], gradient);
        } else {
            write_buffer(run, step->in_gradient[k], gradient);
        }
    }
}

// The loss reads the outputs and writes their gradients, with memory that it is lent.
static void run_loss(const struct run *run) {
    if (graph_mode_of(run->graph) == GRAPH_TRAIN) {
        write_buffer(run, run->schedule->lent, NOTHING);
    }
    for (int i = 0; i < graph_output_count(run->graph); i++) {
        const value_id output = graph_output_at(run->graph, i);
        read_buffer(run, run->schedule->outputs[i], output);
        if (graph_mode_of(run->graph) == GRAPH_TRAIN) {
            write_buffer(run, run->schedule->output_gradients[i], GRADIENT_OF(output));
        }
    }
}

static void run_schedule(const struct graph *graph) {
    struct schedule schedule = schedule_of(graph);
    struct run run = {graph, &schedule, malloc((size_t)schedule.buffer_count * sizeof(int)), -1};
    assert_non_null(run.holds);
    for (int i = 0; i < schedule.buffer_count; i++) {
        run.holds[i] = NOTHING;
    }
    write_buffer(&run, schedule.input, 0);
    for (int i = 0; i < schedule.step_count; i++) {
        const struct step *step = &schedule.steps[i];
        const struct node *layer = graph_node_at(graph, step->node);
        run.now++;
        check_alive(&run, step->scratch);
        check_alive(&run, schedule.saved[step->node]);
        (step->kind == STEP_BACKWARD ? run_backward : run_forward)(&run, step, layer);
        if (i + 1 == schedule.forward_count) {
            run.now++;
            run_loss(&run);
        }
    }
    free(run.holds);
    schedule_free(&schedule);
}

static void networks_find_what_they_read(void **state) {
    (void)state;
    static const char *const names[] = {"unet-resnet18", "smp-unet-scse-resnet18_cbam",
                                        "bisenet-resnet18"};
    for (size_t i = 0; i < 12; i++) {
        const struct model_options model = {
            .images = 2, .height = 192, .width = 192, .gray = true, .auxiliary = true};
        struct error error;
        struct graph *graph =
            model_build(names[i % 3], i < 3 ? GRAPH_PREDICT : GRAPH_TRAIN, &model, &error);
        assert_non_null(graph);
        if (i >= 9) {
            graph_recompute_passes(graph);
        } else if (i >= 6) {
            graph_recompute(graph);
        }
        graph_lend(graph, 1000);
        run_schedule(graph);
        graph_free(graph);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks_find_what_they_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

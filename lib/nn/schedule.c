// Steps and lifetimes. Time counts steps; the loss falls between the last forward step and the
// first backward one.
#include "nn/schedule.h"

#include <stdlib.h>
#include <string.h>

struct planner {
    struct schedule *schedule;
    const struct graph *graph;
    const struct strips *strips;
    enum precision precision;
    int now;           // time of the next step
    int *last_forward; // of each value: the last forward step that reads it
    int *kept;         // its buffer from the forward pass
    int *recomputed;   // its buffer of the second forward, if it was not kept
    int *gradient;
};

static size_t value_bytes(const struct planner *planner, value_id value) {
    return graph_value_bytes(planner->graph, value, planner->precision);
}

static int new_buffer(struct planner *planner, size_t bytes, int first, int last) {
    struct schedule *schedule = planner->schedule;
    schedule->buffers[schedule->buffer_count] =
        (struct buffer){.bytes = bytes, .first = first, .last = last};
    return schedule->buffer_count++;
}

static void touch(struct planner *planner, int buffer, int time) {
    struct buffer *touched = &planner->schedule->buffers[buffer];
    touched->last = time > touched->last ? time : touched->last;
}

static bool is_kept(const struct planner *planner, value_id value) {
    const int producer = graph_value_at(planner->graph, value)->producer;
    return producer < 0 || !graph_node_at(planner->graph, producer)->recompute;
}

// From the first step of a forward step's group to the last; its own time where it runs alone.
struct group_times {
    int first, last;
};

static struct group_times times_of(const struct planner *planner, int time) {
    const struct strip_group *group = strips_group_at(planner->strips, time);
    return group != NULL ? (struct group_times){group->first, group->end - 1}
                         : (struct group_times){time, time};
}

static struct step *new_step(struct planner *planner, enum step_kind kind, int node,
                             struct group_times times) {
    struct step *step = &planner->schedule->steps[planner->schedule->step_count++];
    *step = (struct step){.kind = kind, .node = node, .out = NO_BUFFER, .out_gradient = NO_BUFFER};
    for (int i = 0; i < NODE_INPUTS; i++) {
        step->in[i] = step->in_gradient[i] = NO_BUFFER;
    }
    step->scratch = new_buffer(planner, 0, times.first, times.last);
    return step;
}

// ---- forward

static bool reads_twice(const struct node *node, int input) {
    for (int k = 0; k < node->input_count; k++) {
        if (k != input && node->inputs[k] == node->inputs[input]) {
            return true;
        }
    }
    return false;
}

// The buffer of a node's output: a new one, or that of an input which nobody reads afterwards.
static int output_buffer(struct planner *planner, const struct node *node, int time) {
    const int in_place = node->operation->in_place - 1;
    const size_t bytes = value_bytes(planner, node->output);
    const struct group_times span = times_of(planner, time);
    if (span.first < span.last) {
        const size_t kept =
            planner->strips->threads * strips_thread_bytes(planner->strips, node->output);
        return new_buffer(planner, kept > 0 ? kept : bytes, span.first, span.last);
    }
    if (in_place >= 0 && in_place < node->input_count &&
        graph_mode_of(planner->graph) == GRAPH_PREDICT) {
        const value_id input = node->inputs[in_place];
        if (planner->last_forward[input] == time && !reads_twice(node, in_place) &&
            value_bytes(planner, input) == bytes &&
            graph_value_at(planner->graph, input)->producer >= 0) {
            return planner->kept[input];
        }
    }
    return new_buffer(planner, bytes, time, time);
}

static const struct node *node_at(const struct planner *planner, int position) {
    return graph_node_at(planner->graph, planner->strips->order[position]);
}

static void find_last_readers(struct planner *planner, int nodes) {
    for (int i = 0; i < nodes; i++) {
        const struct node *node = node_at(planner, i);
        for (int k = 0; k < node->input_count; k++) {
            planner->last_forward[node->inputs[k]] = times_of(planner, i).last;
        }
    }
    for (int i = 0; i < graph_output_count(planner->graph); i++) {
        planner->last_forward[graph_output_at(planner->graph, i)] = nodes; // the loss reads it
    }
}

static void plan_forward(struct planner *planner) {
    const int nodes = graph_node_count(planner->graph);
    find_last_readers(planner, nodes);
    planner->kept[0] = new_buffer(planner, value_bytes(planner, 0), -1, planner->last_forward[0]);
    planner->schedule->input = planner->kept[0];
    for (planner->now = 0; planner->now < nodes; planner->now++) {
        const struct node *node = node_at(planner, planner->now);
        const int index = planner->strips->order[planner->now];
        const struct group_times span = times_of(planner, planner->now);
        struct step *step = new_step(planner, STEP_FORWARD, index, span);
        for (int k = 0; k < node->input_count; k++) {
            step->in[k] = planner->kept[node->inputs[k]];
        }
        step->out = output_buffer(planner, node, planner->now);
        planner->kept[node->output] = step->out;
        touch(planner, step->out, planner->last_forward[node->output]);
        planner->schedule->saved[index] = new_buffer(planner, 0, planner->now, planner->now);
    }
    planner->schedule->forward_count = planner->schedule->step_count;
}

// ---- backward

static struct group_times now(const struct planner *planner) {
    return (struct group_times){planner->now, planner->now};
}

// Makes sure that a value can be read now; where it was not kept, steps recompute it.
static void recompute_if_needed(struct planner *planner, value_id value) {
    if (is_kept(planner, value) || planner->recomputed[value] != NO_BUFFER) {
        return;
    }
    const int producer = graph_value_at(planner->graph, value)->producer;
    const struct node *node = graph_node_at(planner->graph, producer);
    for (int k = 0; k < node->input_count; k++) {
        recompute_if_needed(planner, node->inputs[k]);
    }
    struct step *step = new_step(planner, STEP_RECOMPUTE, producer, now(planner));
    for (int k = 0; k < node->input_count; k++) {
        const value_id input = node->inputs[k];
        step->in[k] = is_kept(planner, input) ? planner->kept[input] : planner->recomputed[input];
        touch(planner, step->in[k], planner->now);
    }
    planner->recomputed[value] =
        new_buffer(planner, value_bytes(planner, value), planner->now, planner->now);
    step->out = planner->recomputed[value];
    touch(planner, planner->schedule->saved[producer], planner->now);
    planner->now++;
}

static int read_now(struct planner *planner, value_id value) {
    const int buffer = is_kept(planner, value) ? planner->kept[value] : planner->recomputed[value];
    touch(planner, buffer, planner->now);
    return buffer;
}

// Whether a value is read behind the backward step of a node that it is an input of: by backward
// steps of nodes before that one, or by what is recomputed for them, or after the whole step.
static bool read_later(const struct planner *planner, value_id value, int index) {
    const struct graph *graph = planner->graph;
    const int producer = graph_value_at(graph, value)->producer;
    bool read = producer < 0 || graph_node_at(graph, producer)->operation->reads_output;
    for (int i = 0; i < graph_output_count(graph); i++) {
        read = read || graph_output_at(graph, i) == value;
    }
    for (int i = 0; i < index; i++) {
        const struct node *node = graph_node_at(graph, i);
        for (int k = 0; k < node->input_count; k++) {
            read = read || (node->inputs[k] == value &&
                            (node->operation->reads_input[k] || node->recompute));
        }
    }
    return read;
}

// The buffer of the gradient of a node's first input, if that may lie where the step finds
// something that nobody reads afterwards; NO_BUFFER: it may not.
static int taken_buffer(const struct planner *planner, const struct node *node,
                        const struct step *step) {
    const struct operation *operation = node->operation;
    const size_t bytes = value_bytes(planner, node->inputs[0]);
    if (operation->gradient_in_place &&
        planner->schedule->buffers[step->out_gradient].bytes == bytes) {
        return step->out_gradient;
    }
    return operation->gradient_over_input && !reads_twice(node, 0) &&
                   !read_later(planner, node->inputs[0], step->node)
               ? step->in[0]
               : NO_BUFFER;
}

// The buffers of the gradients that a node's backward step writes or adds to.
static void input_gradients(struct planner *planner, const struct node *node, struct step *step) {
    for (int k = 0; k < node->input_count; k++) {
        const value_id input = node->inputs[k];
        if (!graph_value_at(planner->graph, input)->needs_gradient) {
            continue;
        }
        step->add[k] = planner->gradient[input] != NO_BUFFER;
        if (!step->add[k]) {
            const int taken = k == 0 ? taken_buffer(planner, node, step) : NO_BUFFER;
            planner->gradient[input] =
                taken != NO_BUFFER
                    ? taken
                    : new_buffer(planner, value_bytes(planner, input), planner->now, planner->now);
        }
        step->in_gradient[k] = planner->gradient[input];
        touch(planner, step->in_gradient[k], planner->now);
    }
}

static void plan_backward(struct planner *planner) {
    const struct graph *graph = planner->graph;
    const int loss = graph_node_count(graph);
    for (int i = 0; i < graph_output_count(graph); i++) {
        const value_id output = graph_output_at(graph, i);
        planner->gradient[output] = new_buffer(planner, value_bytes(planner, output), loss, loss);
        planner->schedule->output_gradients[i] = planner->gradient[output];
    }
    if (graph_lent(graph) > 0) {
        planner->schedule->lent = new_buffer(planner, graph_lent(graph), loss, loss);
    }
    planner->now = loss + 1;
    for (int i = loss - 1; i >= 0; i--) {
        const struct node *node = graph_node_at(graph, i);
        if (planner->gradient[node->output] == NO_BUFFER) {
            continue; // nothing that is learned, or that the outputs depend on
        }
        const struct operation *operation = node->operation;
        for (int k = 0; k < node->input_count; k++) {
            if (operation->reads_input[k]) {
                recompute_if_needed(planner, node->inputs[k]);
            }
        }
        if (operation->reads_output) {
            recompute_if_needed(planner, node->output);
        }
        struct step *step = new_step(planner, STEP_BACKWARD, i, now(planner));
        for (int k = 0; k < node->input_count; k++) {
            if (operation->reads_input[k]) {
                step->in[k] = read_now(planner, node->inputs[k]);
            }
        }
        step->out = operation->reads_output ? read_now(planner, node->output) : NO_BUFFER;
        step->out_gradient = planner->gradient[node->output];
        touch(planner, step->out_gradient, planner->now);
        touch(planner, planner->schedule->saved[i], planner->now);
        input_gradients(planner, node, step);
        planner->now++;
    }
}

// ---- both

static int *buffer_table(size_t count) {
    int *table = malloc((count + 1) * sizeof *table);
    for (size_t i = 0; table != NULL && i < count; i++) {
        table[i] = NO_BUFFER;
    }
    return table;
}

bool schedule_make(struct schedule *schedule, const struct graph *graph,
                   const struct strips *strips, enum precision precision, struct error *error) {
    const size_t values = (size_t)graph_value_count(graph);
    const size_t nodes = (size_t)graph_node_count(graph);
    const size_t outputs = (size_t)graph_output_count(graph);
    struct planner planner = {.schedule = schedule,
                              .graph = graph,
                              .strips = strips,
                              .precision = precision,
                              .last_forward = buffer_table(values),
                              .kept = buffer_table(values),
                              .recomputed = buffer_table(values),
                              .gradient = buffer_table(values)};
    // A node runs forward, perhaps again, and backward; each value has at most four buffers.
    *schedule = (struct schedule){.steps = calloc(3 * nodes + 1, sizeof *schedule->steps),
                                  .buffers = calloc(8 * (values + 1), sizeof *schedule->buffers),
                                  .outputs = buffer_table(outputs),
                                  .output_gradients = buffer_table(outputs),
                                  .saved = buffer_table(nodes),
                                  .lent = NO_BUFFER};
    const bool allocated =
        planner.last_forward != NULL && planner.kept != NULL && planner.recomputed != NULL &&
        planner.gradient != NULL && schedule->steps != NULL && schedule->buffers != NULL &&
        schedule->outputs != NULL && schedule->output_gradients != NULL && schedule->saved != NULL;
    if (allocated) {
        plan_forward(&planner);
        for (int i = 0; i < graph_output_count(graph); i++) {
            schedule->outputs[i] = planner.kept[graph_output_at(graph, i)];
        }
        if (graph_mode_of(graph) == GRAPH_TRAIN) {
            plan_backward(&planner);
        }
    } else {
        schedule_free(schedule);
    }
    free(planner.last_forward);
    free(planner.kept);
    free(planner.recomputed);
    free(planner.gradient);
    return allocated || fail(error, "no memory");
}

void schedule_free(struct schedule *schedule) {
    free(schedule->steps);
    free(schedule->buffers);
    free(schedule->outputs);
    free(schedule->output_gradients);
    free(schedule->saved);
    *schedule = (struct schedule){.steps = NULL};
}

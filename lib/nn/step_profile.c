// A step's arithmetic and traffic.
#include "nn/step_profile.h"

// Bytes of what a step reads and writes, parameters left out.
static double traffic(const struct graph *graph, enum precision precision,
                      const struct step *step) {
    const struct node *node = graph_node_at(graph, step->node);
    const double output = (double)graph_value_bytes(graph, node->output, precision);
    double bytes = 0;
    bytes += step->out == NO_BUFFER ? 0 : output;
    bytes += step->out_gradient == NO_BUFFER ? 0 : output;
    for (int k = 0; k < node->input_count; k++) {
        const double input = (double)graph_value_bytes(graph, node->inputs[k], precision);
        bytes += step->in[k] == NO_BUFFER ? 0 : input;
        bytes += step->in_gradient[k] == NO_BUFFER ? 0 : input * (1 + step->add[k]);
    }
    return bytes;
}

// A layer with weights: their gradient, and the input's where it is wanted; a product of two
// activations: both gradients.
static double arithmetic(const struct graph *graph, const struct step *step) {
    const struct node *node = graph_node_at(graph, step->node);
    if (node->operation->products == NULL) {
        return 0;
    }
    const double passes = step->kind != STEP_BACKWARD ? 1
                          : node->parameter_count > 0 ? 1.0 + (step->in_gradient[0] != NO_BUFFER)
                                                      : 2;
    return 2 * passes * node->operation->products(graph, node);
}

void step_profile_add(struct profile *profile, const struct graph *graph, enum precision precision,
                      const struct step *step, const char *method, double seconds) {
    static const char *const passes[] = {
        [STEP_FORWARD] = "forward", [STEP_RECOMPUTE] = "recompute", [STEP_BACKWARD] = "backward"};
    const struct node *node = graph_node_at(graph, step->node);
    const struct profile_row call = {.what = node->operation->name,
                                     .pass = passes[step->kind],
                                     .layer = node->name,
                                     .method = method,
                                     .calls = 1,
                                     .seconds = seconds,
                                     .flop = arithmetic(graph, step),
                                     .bytes = traffic(graph, precision, step)};
    profile_add(profile, &call);
}

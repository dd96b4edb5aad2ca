// convolution on the CPU: norms folded into weights, gradients added to others.
#include "backend/cpu/cpu.h"
#include "ops/convolution/convolution.h"
#include "ops/convolution/cpu/plan.h"
#include "ops/convolution/fold.h"
#include "ops/kernels.h"
#include "ops/norm/norm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define METHOD_SIZE 48

struct state {
    struct cpu_convolution *convolution;
    struct convolution_shape shape;
    bool own_bias, norm, add;
    enum precision precision;
    int threads;
    float *biases; // with the norm in them; NULL without one
    size_t inner;  // weights of one output channel
    size_t output_bytes, input_count;
    char backward_method[METHOD_SIZE];
};

static void release(void *planned) {
    struct state *state = planned;
    cpu_convolution_release(state->convolution);
    free(state->biases);
    free(state);
}

// The methods' names: of the backward pass the input's and the weights' gradients', one if they are
// the same.
static void name_methods(struct kernel_plan *plan, struct state *state) {
    const struct cpu_convolution *convolution = state->convolution;
    const char *data = cpu_convolution_method(convolution, CONVOLUTION_DATA_GRADIENT);
    const char *weights = cpu_convolution_method(convolution, CONVOLUTION_WEIGHT_GRADIENT);
    plan->forward_method = cpu_convolution_method(convolution, CONVOLUTION_FORWARD);
    plan->backward_method = weights;
    if (data != NULL && weights != NULL && strcmp(data, weights) != 0) {
        (void)snprintf(state->backward_method, METHOD_SIZE, "%s+%s", data, weights);
        plan->backward_method = state->backward_method;
    }
}

static bool plan(struct kernel_plan *plan, struct error *error) {
    const struct convolution_attributes *layer = plan->node->attributes;
    const struct convolution_shape shape = convolution_shape_of(plan->graph, plan->node);
    struct state *state = calloc(1, sizeof *state);
    if (state == NULL) {
        return fail(error, "no memory");
    }
    *state = (struct state){.shape = shape,
                            .own_bias = layer->bias,
                            .norm = layer->norm,
                            .add = plan->add[0],
                            .precision = plan->backend->precision,
                            .threads = plan->backend->threads,
                            .inner = convolution_weights(&shape) / shape.out_channels,
                            .output_bytes = shape_count(plan_output_shape(plan)) *
                                            precision_size(plan->backend->precision),
                            .input_count = shape_count(plan_input_shape(plan, 0))};
    state->convolution = cpu_convolution_plan(plan->backend, &state->shape, error);
    if (state->convolution == NULL) {
        release(state);
        return false;
    }
    if (layer->norm) {
        plan->preparation = convolution_weights(&shape) * sizeof(float);
        state->biases = malloc(shape.out_channels * sizeof(float));
        if (state->biases == NULL) {
            release(state);
            return fail(error, "no memory");
        }
    }
    name_methods(plan, state);
    plan->row_scratch = cpu_convolution_row_workspace(state->convolution);
    plan->scratch = cpu_convolution_workspace(state->convolution);
    if (state->add) { // the gradient is made there, then added
        plan->scratch += workspace_part(state->input_count * precision_size(state->precision));
    }
    plan->state = state;
    return true;
}

static const float *own_bias(const struct call *call) {
    const struct state *state = call->state;
    return state->own_bias ? call->parameter[1] : NULL;
}

// Makes the weights and biases with the norm folded into them.
static void fold(const struct call *call, float *folded) {
    const struct state *state = call->state;
    const float *norm[NORM_PARAMETERS];
    for (int i = 0; i < NORM_PARAMETERS; i++) {
        norm[i] = call->parameter[1 + state->own_bias + i];
    }
    convolution_fold(call->parameter[0], own_bias(call), norm, state->shape.out_channels,
                     state->inner, folded, state->biases);
}

// A layer with a norm is one for prediction: no backward pass reads its folded weights later.
static void prepare(const struct call *call) {
    const struct state *state = call->state;
    const float *weights = call->parameter[0];
    if (state->norm) {
        fold(call, call->scratch);
        weights = call->scratch;
    }
    cpu_convolution_prepare(state->convolution, weights);
}

static void forward(const struct call *call) {
    const struct state *state = call->state;
    const float *bias = state->norm ? state->biases : own_bias(call);
    if (state->shape.sum && call->out != call->in[1]) {
        memcpy(call->out, call->in[1], state->output_bytes);
    }
    cpu_convolution_forward(state->convolution, call->in[0], bias, call->out, call->scratch);
}

// A sum's other part would have to be copied.
static bool suits(const struct kernel_plan *plan) {
    const struct convolution_shape shape = convolution_shape_of(plan->graph, plan->node);
    return !shape.sum && cpu_convolution_by_rows(plan->backend, &shape);
}

static struct row_span reads(const struct graph *graph, const struct node *node, int input,
                             struct row_span rows) {
    const struct convolution_attributes *layer = node->attributes;
    return window_rows(rows, layer->window, layer->stride, layer->pad,
                       graph_shape(graph, node->inputs[input]).h);
}

static void forward_rows(const struct call *call, size_t image, struct row_span rows) {
    const struct state *state = call->state;
    cpu_convolution_forward_rows(
        state->convolution, call->in[0], state->norm ? state->biases : own_bias(call), call->out,
        (struct convolution_rows){image, rows.first, rows.end}, call->scratch);
}

static void add_to(const struct state *state, void *gradient, const void *more) {
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (size_t first = 0; first < state->input_count; first += CPU_BLOCK) {
        const size_t left = state->input_count - first;
        const size_t count = left < CPU_BLOCK ? left : CPU_BLOCK;
        float one[CPU_BLOCK];
        float other[CPU_BLOCK];
        float *to = cpu_target(state->precision, gradient, first, count, true, one);
        const float *from = cpu_read(state->precision, more, first, count, other);
        for (size_t i = 0; i < count; i++) {
            to[i] += from[i];
        }
        cpu_write(state->precision, gradient, first, count, to);
    }
}

static void backward(const struct call *call) {
    const struct state *state = call->state;
    void *gradient = call->in_gradient[0];
    char *workspace = call->scratch;
    if (state->add) {
        gradient = workspace;
        workspace += workspace_part(state->input_count * precision_size(state->precision));
    }
    cpu_convolution_backward(state->convolution, call->in[0], call->out_gradient, gradient,
                             call->gradient[0], state->own_bias ? call->gradient[1] : NULL,
                             workspace);
    if (state->add) {
        add_to(state, call->in_gradient[0], gradient);
    }
}

const struct row_kernel convolution_rows = {suits, reads, forward_rows};
const struct kernel convolution_cpu = {plan, forward, backward, release, prepare};

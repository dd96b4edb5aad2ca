// Passes of convolutions by oneDNN, run.
#include "ops/convolution/cpu/onednn/pass.h"

static void run(const struct onednn_pass *pass, dnnl_primitive_t primitive, int count,
                const dnnl_exec_arg_t *arguments) {
    dnnl_stream_t stream = pass->onednn->stream;
    dnnl_status_t status = dnnl.primitive_execute(primitive, stream, count, arguments);
    if (status == dnnl_success) {
        status = dnnl.stream_wait(stream);
    }
    onednn_note(pass->onednn, status);
}

static void set_address(const struct onednn_pass *pass, dnnl_memory_t memory, const void *address) {
    // oneDNN has one type for what it reads and what it writes.
    union {
        const void *read;
        void *any;
    } handle = {address};
    if (memory != NULL) {
        onednn_note(pass->onednn, dnnl.memory_set_data_handle(memory, handle.any));
    }
}

static void reorder(const struct onednn_pass *pass, dnnl_memory_t from, dnnl_memory_t to) {
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
    run(pass, pass->reorder, 2, arguments);
}

// ---- the workspace: what is widened comes first, oneDNN's own parts follow

static size_t source_bytes(const struct onednn_pass *pass) {
    const size_t floats = convolution_inputs(&pass->problem.shape);
    return pass->widened ? workspace_part(floats * sizeof(float)) : 0;
}

static size_t destination_bytes(const struct onednn_pass *pass) {
    const size_t floats = convolution_outputs(&pass->problem.shape);
    return pass->widened ? workspace_part(floats * sizeof(float)) : 0;
}

static size_t bias_bytes(const struct onednn_pass *pass) {
    const struct convolution_shape *shape = &pass->problem.shape;
    return shape->bias ? workspace_part(shape->out_channels * sizeof(float)) : 0;
}

size_t onednn_pass_workspace(const struct onednn_pass *pass) {
    const size_t gradients = pass->problem.pass == CONVOLUTION_WEIGHT_GRADIENT
                                 ? bias_bytes(pass) + workspace_part(pass->weights_bytes)
                                 : 0;
    return source_bytes(pass) + destination_bytes(pass) + gradients + pass->scratchpad_bytes;
}

struct parts {
    float *source, *destination; // widened
    char *rest;
};

static struct parts split(const struct onednn_pass *pass, void *workspace) {
    char *destination = (char *)workspace + source_bytes(pass);
    return (struct parts){workspace, (float *)(void *)destination,
                          destination + destination_bytes(pass)};
}

// Activations as the pass takes them: where they lie, or widened.
static const void *widen(const struct onednn_pass *pass, const void *stored, size_t count,
                         float *widened) {
    return pass->widened ? cpu_read(pass->problem.precision, stored, 0, count, widened) : stored;
}

static void narrow(const struct onednn_pass *pass, void *stored, size_t count,
                   const float *widened) {
    if (pass->widened) {
        cpu_write(pass->problem.precision, stored, 0, count, widened);
    }
}

// ---- the passes

void onednn_pass_prepare(void *planned, const float *weights) {
    const struct onednn_pass *pass = planned;
    set_address(pass, pass->plain, weights);
    reorder(pass, pass->plain, pass->weights);
}

void onednn_pass_forward(void *planned, const void *input, const float *bias, void *output,
                         void *workspace) {
    const struct onednn_pass *pass = planned;
    const struct convolution_shape *shape = &pass->problem.shape;
    const size_t outputs = convolution_outputs(shape);
    const struct parts parts = split(pass, workspace);
    if (shape->sum) {
        (void)widen(pass, output, outputs, parts.destination);
    }
    set_address(pass, pass->source, widen(pass, input, convolution_inputs(shape), parts.source));
    set_address(pass, pass->destination, pass->widened ? parts.destination : output);
    set_address(pass, pass->bias, bias);
    set_address(pass, pass->scratchpad, parts.rest);
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_SRC, pass->source},
                                         {DNNL_ARG_WEIGHTS, pass->weights},
                                         {DNNL_ARG_DST, pass->destination},
                                         {DNNL_ARG_SCRATCHPAD, pass->scratchpad},
                                         {DNNL_ARG_BIAS, pass->bias}};
    run(pass, pass->primitive, shape->bias ? 5 : 4, arguments);
    narrow(pass, output, outputs, parts.destination);
}

void onednn_pass_data_gradient(void *planned, const void *output_gradient, void *input_gradient,
                               void *workspace) {
    const struct onednn_pass *pass = planned;
    const struct convolution_shape *shape = &pass->problem.shape;
    const struct parts parts = split(pass, workspace);
    set_address(pass, pass->destination,
                widen(pass, output_gradient, convolution_outputs(shape), parts.destination));
    set_address(pass, pass->source, pass->widened ? parts.source : input_gradient);
    set_address(pass, pass->scratchpad, parts.rest);
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_DIFF_DST, pass->destination},
                                         {DNNL_ARG_WEIGHTS, pass->weights},
                                         {DNNL_ARG_DIFF_SRC, pass->source},
                                         {DNNL_ARG_SCRATCHPAD, pass->scratchpad}};
    run(pass, pass->primitive, 4, arguments);
    narrow(pass, input_gradient, convolution_inputs(shape), parts.source);
}

// oneDNN writes gradients, we add: weights through the reorder to OIHW, the bias here.
void onednn_pass_weight_gradient(void *planned, const void *input, const void *output_gradient,
                                 float *weight_gradient, float *bias_gradient, void *workspace) {
    const struct onednn_pass *pass = planned;
    const struct convolution_shape *shape = &pass->problem.shape;
    const struct parts parts = split(pass, workspace);
    float *bias = (float *)(void *)parts.rest;
    char *weights = parts.rest + bias_bytes(pass);
    set_address(pass, pass->source, widen(pass, input, convolution_inputs(shape), parts.source));
    set_address(pass, pass->destination,
                widen(pass, output_gradient, convolution_outputs(shape), parts.destination));
    set_address(pass, pass->bias, bias);
    set_address(pass, pass->weights, weights);
    set_address(pass, pass->scratchpad, weights + workspace_part(pass->weights_bytes));
    set_address(pass, pass->plain, weight_gradient);
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_SRC, pass->source},
                                         {DNNL_ARG_DIFF_DST, pass->destination},
                                         {DNNL_ARG_DIFF_WEIGHTS, pass->weights},
                                         {DNNL_ARG_SCRATCHPAD, pass->scratchpad},
                                         {DNNL_ARG_DIFF_BIAS, pass->bias}};
    run(pass, pass->primitive, shape->bias ? 5 : 4, arguments);
    reorder(pass, pass->weights, pass->plain);
    for (size_t i = 0; bias_gradient != NULL && i < shape->out_channels; i++) {
        bias_gradient[i] += bias[i];
    }
}

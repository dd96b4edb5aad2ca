// Convolutions by oneDNN, run.
#include "ops/convolution/cpu/onednn/convolution.h"

static void run(struct onednn_convolution *convolution, dnnl_primitive_t primitive, int count,
                const dnnl_exec_arg_t *arguments) {
    dnnl_stream_t stream = convolution->onednn->stream;
    dnnl_status_t status = dnnl_primitive_execute(primitive, stream, count, arguments);
    if (status == dnnl_success) {
        status = dnnl_stream_wait(stream);
    }
    onednn_note(convolution->onednn, status);
}

static void at(struct onednn_convolution *convolution, dnnl_memory_t memory, const void *address) {
    // oneDNN has one type for what it reads and what it writes.
    union {
        const void *read;
        void *any;
    } handle = {address};
    if (memory != NULL) {
        onednn_note(convolution->onednn, dnnl_memory_set_data_handle(memory, handle.any));
    }
}

static void reorder(struct onednn_convolution *convolution, dnnl_primitive_t primitive,
                    dnnl_memory_t from, dnnl_memory_t to) {
    if (primitive != NULL) {
        const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
        run(convolution, primitive, 2, arguments);
    }
}

void onednn_convolution_weights(struct onednn_convolution *convolution, const float *weights) {
    at(convolution, convolution->plain, weights);
    for (enum pass pass = PASS_FORWARD; pass <= PASS_DATA; pass++) {
        reorder(convolution, convolution->take[pass], convolution->plain,
                convolution->weights[pass]);
    }
}

void onednn_convolution_forward(struct onednn_convolution *convolution, const void *input,
                                const float *bias, void *output, void *scratch) {
    at(convolution, convolution->source, input);
    at(convolution, convolution->destination, output);
    at(convolution, convolution->bias, bias);
    at(convolution, convolution->scratch[PASS_FORWARD], scratch);
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_SRC, convolution->source},
                                         {DNNL_ARG_WEIGHTS, convolution->weights[PASS_FORWARD]},
                                         {DNNL_ARG_DST, convolution->destination},
                                         {DNNL_ARG_SCRATCHPAD, convolution->scratch[PASS_FORWARD]},
                                         {DNNL_ARG_BIAS, convolution->bias}};
    run(convolution, convolution->passes[PASS_FORWARD], convolution->shape.bias ? 5 : 4, arguments);
}

static void add_floats(float *to, const float *more, size_t count) {
    for (size_t i = 0; i < count; i++) {
        to[i] += more[i];
    }
}

// oneDNN writes gradients, we add: weights through the reorder to OIHW, the bias here.
static void backward_weights(struct onednn_convolution *convolution, float *weight_gradient,
                             float *bias_gradient, char *room) {
    const size_t bias_bytes = onednn_bias_room(convolution);
    float *bias = (float *)(void *)room;
    at(convolution, convolution->weights[PASS_WEIGHTS], room + bias_bytes);
    at(convolution, convolution->scratch[PASS_WEIGHTS],
       room + bias_bytes + convolution->gradient_bytes);
    at(convolution, convolution->bias, bias);
    at(convolution, convolution->plain, weight_gradient);
    const dnnl_exec_arg_t arguments[] = {
        {DNNL_ARG_SRC, convolution->source},
        {DNNL_ARG_DIFF_DST, convolution->destination},
        {DNNL_ARG_DIFF_WEIGHTS, convolution->weights[PASS_WEIGHTS]},
        {DNNL_ARG_SCRATCHPAD, convolution->scratch[PASS_WEIGHTS]},
        {DNNL_ARG_DIFF_BIAS, convolution->bias}};
    run(convolution, convolution->passes[PASS_WEIGHTS], convolution->shape.bias ? 5 : 4, arguments);
    reorder(convolution, convolution->take[PASS_WEIGHTS], convolution->weights[PASS_WEIGHTS],
            convolution->plain);
    if (convolution->shape.bias) {
        add_floats(bias_gradient, bias, convolution->shape.out_channels);
    }
}

static void backward_data(struct onednn_convolution *convolution, char *room) {
    at(convolution, convolution->scratch[PASS_DATA], room);
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_DIFF_DST, convolution->destination},
                                         {DNNL_ARG_WEIGHTS, convolution->weights[PASS_DATA]},
                                         {DNNL_ARG_DIFF_SRC, convolution->source},
                                         {DNNL_ARG_SCRATCHPAD, convolution->scratch[PASS_DATA]}};
    run(convolution, convolution->passes[PASS_DATA], 4, arguments);
}

void onednn_convolution_backward(struct onednn_convolution *convolution, const void *input,
                                 const void *output_gradient, void *input_gradient,
                                 float *weight_gradient, float *bias_gradient, void *scratch) {
    at(convolution, convolution->destination, output_gradient);
    if (weight_gradient != NULL) {
        at(convolution, convolution->source, input);
        backward_weights(convolution, weight_gradient, bias_gradient, scratch);
    }
    if (input_gradient != NULL) {
        at(convolution, convolution->source, input_gradient);
        backward_data(convolution, scratch);
    }
}

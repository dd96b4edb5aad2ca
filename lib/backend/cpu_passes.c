// Convolutions and matrix products by oneDNN, run.
#include "backend/cpu_convolution.h"

void cpu_gemm(bool transpose_a, bool transpose_b, size_t rows, size_t columns, size_t inner,
              float alpha, const float *a, size_t lda, const float *b, size_t ldb, float beta,
              float *c, size_t ldc) {
    const dnnl_status_t status = dnnl_sgemm(
        transpose_a ? 'T' : 'N', transpose_b ? 'T' : 'N', (dnnl_dim_t)rows, (dnnl_dim_t)columns,
        (dnnl_dim_t)inner, alpha, a, (dnnl_dim_t)lda, b, (dnnl_dim_t)ldb, beta, c, (dnnl_dim_t)ldc);
    if (status != dnnl_success) {
        die("oneDNN: a product of %zu x %zu x %zu failed (%d)", rows, columns, inner, (int)status);
    }
}

static void run(struct cpu_convolution *convolution, dnnl_primitive_t primitive, int count,
                const dnnl_exec_arg_t *arguments) {
    dnnl_stream_t stream = convolution->onednn->stream;
    dnnl_status_t status = dnnl_primitive_execute(primitive, stream, count, arguments);
    if (status == dnnl_success) {
        status = dnnl_stream_wait(stream);
    }
    if (status != dnnl_success) {
        die("oneDNN: a convolution failed (status %d)", (int)status);
    }
}

static void at(dnnl_memory_t memory, const void *address) {
    // oneDNN has one type for what it reads and what it writes.
    union {
        const void *read;
        void *any;
    } handle = {address};
    if (memory != NULL && dnnl_memory_set_data_handle(memory, handle.any) != dnnl_success) {
        die("oneDNN: memory is refused");
    }
}

static void reorder(struct cpu_convolution *convolution, dnnl_primitive_t primitive,
                    dnnl_memory_t from, dnnl_memory_t to) {
    if (primitive != NULL) {
        const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
        run(convolution, primitive, 2, arguments);
    }
}

// Where one side lies in this run, outside and, if that is another place, inside.
static void place(const struct side *side, size_t number, const void *outside, void *inside) {
    const char *here = (const char *)outside + number * side->bytes;
    at(side->outside, here);
    at(side->inside, side->in != NULL ? inside : (const void *)here);
}

static void bring_in(struct cpu_convolution *convolution, const struct side *side) {
    reorder(convolution, side->in, side->outside, side->inside);
}

static void bring_out(struct cpu_convolution *convolution, const struct side *side) {
    reorder(convolution, side->out, side->inside, side->outside);
}

// The parts of scratch memory: both sides inside, then a pass's own.
struct rooms {
    char *source, *destination, *pass;
};

static struct rooms rooms_of(const struct way *way, void *scratch) {
    char *source = scratch;
    char *destination = source + way->source.room;
    return (struct rooms){source, destination, destination + way->destination.room};
}

void cpu_convolution_weights(struct cpu_convolution *convolution, const float *weights) {
    at(convolution->plain, weights);
    for (enum pass pass = PASS_FORWARD; pass <= PASS_DATA; pass++) {
        reorder(convolution, convolution->take[pass], convolution->plain,
                convolution->weights[pass]);
    }
}

void cpu_convolution_forward(struct cpu_convolution *convolution, const void *input,
                             const float *bias, void *output, void *scratch) {
    const struct way *way = &convolution->forward;
    const struct rooms rooms = rooms_of(way, scratch);
    at(convolution->bias, bias);
    at(convolution->scratch[PASS_FORWARD], rooms.pass);
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_SRC, way->source.inside},
                                         {DNNL_ARG_WEIGHTS, convolution->weights[PASS_FORWARD]},
                                         {DNNL_ARG_DST, way->destination.inside},
                                         {DNNL_ARG_SCRATCHPAD, convolution->scratch[PASS_FORWARD]},
                                         {DNNL_ARG_BIAS, convolution->bias}};
    for (size_t i = 0; i < way->runs; i++) {
        place(&way->source, i, input, rooms.source);
        place(&way->destination, i, output, rooms.destination);
        bring_in(convolution, &way->source);
        if (convolution->shape.sum) {
            bring_in(convolution, &way->destination);
        }
        run(convolution, convolution->passes[PASS_FORWARD], convolution->shape.bias ? 5 : 4,
            arguments);
        bring_out(convolution, &way->destination);
    }
}

static void add_floats(float *to, const float *more, size_t count) {
    for (size_t i = 0; i < count; i++) {
        to[i] += more[i];
    }
}

// oneDNN writes gradients, we add: weights through the reorder to OIHW, the bias here.
static void backward_weights(struct cpu_convolution *convolution, float *weight_gradient,
                             float *bias_gradient, char *room) {
    const size_t bias_bytes = cpu_convolution_bias_room(convolution);
    float *bias = (float *)(void *)room;
    at(convolution->weights[PASS_WEIGHTS], room + bias_bytes);
    at(convolution->scratch[PASS_WEIGHTS], room + bias_bytes + convolution->gradient_bytes);
    at(convolution->bias, bias);
    at(convolution->plain, weight_gradient);
    const dnnl_exec_arg_t arguments[] = {
        {DNNL_ARG_SRC, convolution->backward.source.inside},
        {DNNL_ARG_DIFF_DST, convolution->backward.destination.inside},
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

static void backward_data(struct cpu_convolution *convolution, char *room) {
    at(convolution->scratch[PASS_DATA], room);
    const dnnl_exec_arg_t arguments[] = {
        {DNNL_ARG_DIFF_DST, convolution->backward.destination.inside},
        {DNNL_ARG_WEIGHTS, convolution->weights[PASS_DATA]},
        {DNNL_ARG_DIFF_SRC, convolution->backward.source.inside},
        {DNNL_ARG_SCRATCHPAD, convolution->scratch[PASS_DATA]}};
    run(convolution, convolution->passes[PASS_DATA], 4, arguments);
    bring_out(convolution, &convolution->backward.source);
}

void cpu_convolution_backward(struct cpu_convolution *convolution, const void *input,
                              const void *output_gradient, void *input_gradient,
                              float *weight_gradient, float *bias_gradient, void *scratch) {
    const struct way *way = &convolution->backward;
    const struct rooms rooms = rooms_of(way, scratch);
    for (size_t i = 0; i < way->runs; i++) {
        place(&way->destination, i, output_gradient, rooms.destination);
        bring_in(convolution, &way->destination);
        if (weight_gradient != NULL) {
            place(&way->source, i, input, rooms.source);
            bring_in(convolution, &way->source);
            backward_weights(convolution, weight_gradient, bias_gradient, rooms.pass);
        }
        if (input_gradient != NULL) {
            place(&way->source, i, input_gradient, rooms.source);
            backward_data(convolution, rooms.pass);
        }
    }
}

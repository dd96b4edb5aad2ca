// Convolutions and matrix products by oneDNN. Activations are NHWC on both sides, weights in
// whatever layout a pass likes best: they are small and reordered once per change.
#include "backend/cpu.h"
#include "backend/onednn.h"

#include <stdlib.h>

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

// Memory whose address is given before each run, or that oneDNN keeps (weights).
struct cpu_convolution {
    struct onednn *onednn;
    struct convolution_shape shape;
    dnnl_primitive_t passes[PASS_COUNT];
    dnnl_primitive_t take[PASS_COUNT]; // OIHW weights into a pass's layout; the gradient out of it
    dnnl_memory_t source, destination, bias, scratch[PASS_COUNT];
    dnnl_memory_t plain;               // OIHW
    dnnl_memory_t weights[PASS_COUNT]; // of PASS_WEIGHTS: the gradient, in scratch
    size_t scratch_bytes[PASS_COUNT], gradient_bytes;
};

static bool good(dnnl_status_t status, struct error *error) {
    return status == dnnl_success ||
           fail(error, "oneDNN cannot do a convolution (status %d)", (int)status);
}

static dnnl_data_type_t stored_as(enum precision precision) {
    return precision == PRECISION_F32 ? dnnl_f32 : dnnl_bf16;
}

static bool make_layouts(struct layouts *at, const struct convolution_shape *s,
                         enum precision precision, enum pass pass) {
    const dnnl_dim_t stride = (dnnl_dim_t)s->stride;
    const dnnl_dim_t kernel = (dnnl_dim_t)s->kernel;
    const dnnl_dim_t pad = (dnnl_dim_t)s->pad;
    const dnnl_dims_t source = {(dnnl_dim_t)s->images, (dnnl_dim_t)s->channels,
                                (dnnl_dim_t)s->height, (dnnl_dim_t)s->width};
    const dnnl_dims_t destination = {(dnnl_dim_t)s->images, (dnnl_dim_t)s->out_channels,
                                     (dnnl_dim_t)s->out_height, (dnnl_dim_t)s->out_width};
    const dnnl_dims_t weights = {destination[1], source[1], kernel, kernel};
    const dnnl_dims_t bias = {destination[1]};
    const dnnl_data_type_t type = stored_as(precision);
    *at = (struct layouts){.strides = {stride, stride}, .padding_before = {pad, pad}};
    for (int i = 0; i < 2; i++) { // what the last window reaches beyond the image
        at->padding_after[i] = (destination[2 + i] - 1) * stride + kernel - source[2 + i] - pad;
    }
    return layout_make(&at->source, 4, source, type, dnnl_nhwc) &&
           layout_make(&at->destination, 4, destination, type, dnnl_nhwc) &&
           layout_make(&at->weights, 4, weights, pass == PASS_WEIGHTS ? dnnl_f32 : type,
                       dnnl_format_tag_any) &&
           (!s->bias || layout_make(&at->bias, 1, bias, dnnl_f32, dnnl_a));
}

static void free_layouts(struct layouts *at) {
    layout_free(at->source);
    layout_free(at->destination);
    layout_free(at->weights);
    if (at->bias != NULL) {
        layout_free(at->bias);
    }
}

// Scratch memory is ours; the forward pass may add to what is there and clip.
static bool make_options(dnnl_primitive_attr_t *options, const struct convolution_shape *shape,
                         enum pass pass, struct error *error) {
    dnnl_post_ops_t operations = NULL;
    if (!good(dnnl_primitive_attr_create(options), error)) {
        return false;
    }
    dnnl_status_t status =
        dnnl_primitive_attr_set_scratchpad_mode(*options, dnnl_scratchpad_mode_user);
    if (status == dnnl_success && pass == PASS_FORWARD && (shape->sum || shape->relu)) {
        status = dnnl_post_ops_create(&operations);
        if (status == dnnl_success && shape->sum) {
            status = append_sum(operations);
        }
        if (status == dnnl_success && shape->relu) {
            status = append_relu(operations);
        }
        if (status == dnnl_success) {
            status = dnnl_primitive_attr_set_post_ops(*options, operations);
        }
        (void)dnnl_post_ops_destroy(operations);
    }
    return good(status, error);
}

// A reorder between OIHW and the layout of a pass's weights; the gradient is added to what is
// there.
static bool make_reorder(struct cpu_convolution *made, enum pass pass, const_layout plain,
                         const_layout inner, struct error *error) {
    dnnl_primitive_attr_t options = NULL;
    dnnl_post_ops_t operations = NULL;
    dnnl_primitive_desc_t description = NULL;
    dnnl_engine_t engine = made->onednn->engine;
    const bool out = pass == PASS_WEIGHTS;
    dnnl_status_t status = dnnl_primitive_attr_create(&options);
    if (status == dnnl_success) {
        status = dnnl_post_ops_create(&operations);
    }
    if (status == dnnl_success && out) {
        status = append_sum(operations);
    }
    if (status == dnnl_success) {
        status = dnnl_primitive_attr_set_post_ops(options, operations);
    }
    if (status == dnnl_success) {
        status = dnnl_reorder_primitive_desc_create(&description, out ? inner : plain, engine,
                                                    out ? plain : inner, engine, options);
    }
    if (status == dnnl_success) {
        status = dnnl_primitive_create(&made->take[pass], description);
    }
    (void)dnnl_primitive_desc_destroy(description);
    (void)dnnl_post_ops_destroy(operations);
    (void)dnnl_primitive_attr_destroy(options);
    return good(status, error);
}

// Memory objects of a pass, after its description is known.
static bool make_memory(struct cpu_convolution *made, enum pass pass, const struct layouts *at,
                        const_dnnl_primitive_desc_t description, struct error *error) {
    const dnnl_query_t what =
        pass == PASS_WEIGHTS ? dnnl_query_diff_weights_md : dnnl_query_weights_md;
    const_layout inner = dnnl_primitive_desc_query_md(description, what, 0);
    const_layout scratch = dnnl_primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0);
    dnnl_engine_t engine = made->onednn->engine;
    void *own = pass == PASS_WEIGHTS ? DNNL_MEMORY_NONE : DNNL_MEMORY_ALLOCATE;
    const struct convolution_shape *s = &made->shape;
    const dnnl_dims_t sides = {(dnnl_dim_t)s->out_channels, (dnnl_dim_t)s->channels,
                               (dnnl_dim_t)s->kernel, (dnnl_dim_t)s->kernel};
    layout plain = NULL;
    made->scratch_bytes[pass] = dnnl_memory_desc_get_size(scratch);
    bool made_all =
        good(dnnl_memory_create(&made->weights[pass], inner, engine, own), error) &&
        good(dnnl_memory_create(&made->scratch[pass], scratch, engine, DNNL_MEMORY_NONE), error) &&
        (layout_make(&plain, 4, sides, dnnl_f32, dnnl_oihw) || fail(error, "no memory"));
    if (made_all && pass == PASS_FORWARD) {
        made_all =
            good(dnnl_memory_create(&made->source, at->source, engine, DNNL_MEMORY_NONE), error) &&
            good(dnnl_memory_create(&made->destination, at->destination, engine, DNNL_MEMORY_NONE),
                 error) &&
            good(dnnl_memory_create(&made->plain, plain, engine, DNNL_MEMORY_NONE), error) &&
            (at->bias == NULL ||
             good(dnnl_memory_create(&made->bias, at->bias, engine, DNNL_MEMORY_NONE), error));
    }
    if (pass == PASS_WEIGHTS) {
        made->gradient_bytes = (dnnl_memory_desc_get_size(inner) + 63) / 64 * 64;
    }
    made_all = made_all && make_reorder(made, pass, plain, inner, error);
    if (plain != NULL) {
        layout_free(plain);
    }
    return made_all;
}

// `hint`: the forward pass's description. *description is the caller's to free, even on failure.
static bool make_pass(struct cpu_convolution *made, enum pass pass, enum precision precision,
                      const_dnnl_primitive_desc_t hint, dnnl_primitive_desc_t *description,
                      struct error *error) {
    struct layouts at = {.source = NULL};
    dnnl_primitive_attr_t options = NULL;
    const dnnl_prop_kind_t kind =
        made->shape.train ? dnnl_forward_training : dnnl_forward_inference;
    const bool made_all =
        (make_layouts(&at, &made->shape, precision, pass) || fail(error, "no memory")) &&
        make_options(&options, &made->shape, pass, error) &&
        good(
            describe_convolution(description, pass, &at, kind, options, hint, made->onednn->engine),
            error) &&
        good(dnnl_primitive_create(&made->passes[pass], *description), error) &&
        make_memory(made, pass, &at, *description, error);
    (void)dnnl_primitive_attr_destroy(options);
    free_layouts(&at);
    return made_all;
}

struct cpu_convolution *cpu_convolution_plan(struct backend *backend,
                                             const struct convolution_shape *shape,
                                             struct error *error) {
    struct cpu_convolution *made = calloc(1, sizeof *made);
    dnnl_primitive_desc_t descriptions[PASS_COUNT] = {NULL};
    if (made == NULL) {
        (void)fail(error, "no memory");
        return NULL;
    }
    *made = (struct cpu_convolution){.onednn = backend->engine, .shape = *shape};
    bool planned = true;
    for (enum pass pass = PASS_FORWARD; planned && pass < PASS_COUNT; pass++) {
        if (pass == PASS_FORWARD ||
            (shape->train && (pass == PASS_WEIGHTS || shape->input_gradient))) {
            planned = make_pass(made, pass, backend->precision, descriptions[PASS_FORWARD],
                                &descriptions[pass], error);
        }
    }
    for (enum pass pass = PASS_FORWARD; pass < PASS_COUNT; pass++) {
        (void)dnnl_primitive_desc_destroy(descriptions[pass]);
    }
    if (!planned) {
        cpu_convolution_release(made);
        return NULL;
    }
    return made;
}

void cpu_convolution_release(struct cpu_convolution *convolution) {
    if (convolution == NULL) {
        return;
    }
    for (enum pass pass = PASS_FORWARD; pass < PASS_COUNT; pass++) {
        (void)dnnl_primitive_destroy(convolution->passes[pass]);
        (void)dnnl_primitive_destroy(convolution->take[pass]);
        (void)dnnl_memory_destroy(convolution->weights[pass]);
        (void)dnnl_memory_destroy(convolution->scratch[pass]);
    }
    (void)dnnl_memory_destroy(convolution->source);
    (void)dnnl_memory_destroy(convolution->destination);
    (void)dnnl_memory_destroy(convolution->bias);
    (void)dnnl_memory_destroy(convolution->plain);
    free(convolution);
}

// Where the bias's gradient lies before it is added, in bytes.
static size_t bias_room(const struct cpu_convolution *convolution) {
    return convolution->shape.bias ? (convolution->shape.out_channels * 4 + 63) / 64 * 64 : 0;
}

size_t cpu_convolution_scratch(const struct cpu_convolution *convolution) {
    size_t most = 0;
    for (enum pass pass = PASS_FORWARD; pass < PASS_COUNT; pass++) {
        const size_t bytes =
            convolution->scratch_bytes[pass] +
            (pass == PASS_WEIGHTS ? convolution->gradient_bytes + bias_room(convolution) : 0);
        most = bytes > most ? bytes : most;
    }
    return most;
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

void cpu_convolution_weights(struct cpu_convolution *convolution, const float *weights) {
    at(convolution->plain, weights);
    for (enum pass pass = PASS_FORWARD; pass <= PASS_DATA; pass++) {
        if (convolution->take[pass] != NULL) {
            const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, convolution->plain},
                                                 {DNNL_ARG_TO, convolution->weights[pass]}};
            run(convolution, convolution->take[pass], 2, arguments);
        }
    }
}

void cpu_convolution_forward(struct cpu_convolution *convolution, const void *input,
                             const float *bias, void *output, void *scratch) {
    at(convolution->source, input);
    at(convolution->destination, output);
    at(convolution->bias, bias);
    at(convolution->scratch[PASS_FORWARD], scratch);
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
static void backward_weights(struct cpu_convolution *convolution, float *weight_gradient,
                             float *bias_gradient, char *scratch) {
    const size_t bias_bytes = bias_room(convolution);
    float *bias = (float *)(void *)scratch;
    at(convolution->weights[PASS_WEIGHTS], scratch + bias_bytes);
    at(convolution->scratch[PASS_WEIGHTS], scratch + bias_bytes + convolution->gradient_bytes);
    at(convolution->bias, bias);
    at(convolution->plain, weight_gradient);
    const dnnl_exec_arg_t arguments[] = {
        {DNNL_ARG_SRC, convolution->source},
        {DNNL_ARG_DIFF_DST, convolution->destination},
        {DNNL_ARG_DIFF_WEIGHTS, convolution->weights[PASS_WEIGHTS]},
        {DNNL_ARG_SCRATCHPAD, convolution->scratch[PASS_WEIGHTS]},
        {DNNL_ARG_DIFF_BIAS, convolution->bias}};
    run(convolution, convolution->passes[PASS_WEIGHTS], convolution->shape.bias ? 5 : 4, arguments);
    const dnnl_exec_arg_t out[] = {{DNNL_ARG_FROM, convolution->weights[PASS_WEIGHTS]},
                                   {DNNL_ARG_TO, convolution->plain}};
    run(convolution, convolution->take[PASS_WEIGHTS], 2, out);
    if (convolution->shape.bias) {
        add_floats(bias_gradient, bias, convolution->shape.out_channels);
    }
}

void cpu_convolution_backward(struct cpu_convolution *convolution, const void *input,
                              const void *output_gradient, void *input_gradient,
                              float *weight_gradient, float *bias_gradient, void *scratch) {
    at(convolution->destination, output_gradient);
    if (weight_gradient != NULL) {
        at(convolution->source, input);
        backward_weights(convolution, weight_gradient, bias_gradient, scratch);
    }
    if (input_gradient != NULL) {
        at(convolution->source, input_gradient);
        at(convolution->scratch[PASS_DATA], scratch);
        const dnnl_exec_arg_t arguments[] = {
            {DNNL_ARG_DIFF_DST, convolution->destination},
            {DNNL_ARG_WEIGHTS, convolution->weights[PASS_DATA]},
            {DNNL_ARG_DIFF_SRC, convolution->source},
            {DNNL_ARG_SCRATCHPAD, convolution->scratch[PASS_DATA]}};
        run(convolution, convolution->passes[PASS_DATA], 4, arguments);
    }
}

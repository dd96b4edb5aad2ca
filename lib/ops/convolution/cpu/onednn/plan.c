// Convolutions by oneDNN, planned.
#include "ops/convolution/cpu/onednn/convolution.h"

#include <stdlib.h>

static bool good(dnnl_status_t status, struct error *error) {
    return status == dnnl_success ||
           fail(error, "oneDNN cannot do a convolution (status %d)", (int)status);
}

static dnnl_data_type_t stored_as(enum precision precision) {
    return precision == PRECISION_F32 ? dnnl_f32 : dnnl_bf16;
}

// A convolution's tensors as a pass takes them.
static bool make_layouts(struct layouts *at, const struct convolution_shape *s,
                         enum precision precision, enum pass pass) {
    const dnnl_dim_t stride = (dnnl_dim_t)s->stride;
    const dnnl_dim_t kernel = (dnnl_dim_t)s->kernel;
    const dnnl_dim_t pad = (dnnl_dim_t)s->pad;
    const dnnl_dim_t images = (dnnl_dim_t)s->images;
    const dnnl_dims_t source = {images, (dnnl_dim_t)s->channels, (dnnl_dim_t)s->height,
                                (dnnl_dim_t)s->width};
    const dnnl_dims_t destination = {images, (dnnl_dim_t)s->out_channels, (dnnl_dim_t)s->out_height,
                                     (dnnl_dim_t)s->out_width};
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

// A reorder; what is made is added to what is there if asked.
static bool make_reorder(dnnl_primitive_t *made, const_layout from, const_layout to, bool add,
                         dnnl_engine_t engine, struct error *error) {
    dnnl_primitive_attr_t options = NULL;
    dnnl_post_ops_t operations = NULL;
    dnnl_primitive_desc_t description = NULL;
    dnnl_status_t status = dnnl_primitive_attr_create(&options);
    if (status == dnnl_success) {
        status = dnnl_post_ops_create(&operations);
    }
    if (status == dnnl_success && add) {
        status = append_sum(operations);
    }
    if (status == dnnl_success) {
        status = dnnl_primitive_attr_set_post_ops(options, operations);
    }
    if (status == dnnl_success) {
        status =
            dnnl_reorder_primitive_desc_create(&description, from, engine, to, engine, options);
    }
    if (status == dnnl_success) {
        status = dnnl_primitive_create(made, description);
    }
    (void)dnnl_primitive_desc_destroy(description);
    (void)dnnl_post_ops_destroy(operations);
    (void)dnnl_primitive_attr_destroy(options);
    return good(status, error);
}

// Weights' memory of a pass, after its description is known, and their way there or back.
static bool make_weights(struct onednn_convolution *made, enum pass pass,
                         const_dnnl_primitive_desc_t description, struct error *error) {
    const bool gradient = pass == PASS_WEIGHTS;
    const dnnl_query_t what = gradient ? dnnl_query_diff_weights_md : dnnl_query_weights_md;
    const_layout inner = dnnl_primitive_desc_query_md(description, what, 0);
    const_layout scratch = dnnl_primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0);
    dnnl_engine_t engine = made->onednn->engine;
    void *own = gradient ? DNNL_MEMORY_NONE : DNNL_MEMORY_ALLOCATE;
    const struct convolution_shape *s = &made->shape;
    const dnnl_dims_t sides = {(dnnl_dim_t)s->out_channels, (dnnl_dim_t)s->channels,
                               (dnnl_dim_t)s->kernel, (dnnl_dim_t)s->kernel};
    layout plain = NULL;
    made->scratch_bytes[pass] = dnnl_memory_desc_get_size(scratch);
    if (gradient) {
        made->gradient_bytes = onednn_room(dnnl_memory_desc_get_size(inner));
    }
    const bool made_all =
        good(dnnl_memory_create(&made->weights[pass], inner, engine, own), error) &&
        good(dnnl_memory_create(&made->scratch[pass], scratch, engine, DNNL_MEMORY_NONE), error) &&
        (layout_make(&plain, 4, sides, dnnl_f32, dnnl_oihw) || fail(error, "no memory")) &&
        (made->plain != NULL ||
         good(dnnl_memory_create(&made->plain, plain, engine, DNNL_MEMORY_NONE), error)) &&
        make_reorder(&made->take[pass], gradient ? inner : plain, gradient ? plain : inner,
                     gradient, engine, error);
    if (plain != NULL) {
        layout_free(plain);
    }
    return made_all;
}

// `hint`: the forward pass's description. *description is the caller's to free, even on failure.
static bool make_pass(struct onednn_convolution *made, enum pass pass, enum precision precision,
                      const_dnnl_primitive_desc_t hint, dnnl_primitive_desc_t *description,
                      struct error *error) {
    struct layouts at = {.source = NULL};
    dnnl_primitive_attr_t options = NULL;
    dnnl_engine_t engine = made->onednn->engine;
    const dnnl_prop_kind_t kind =
        made->shape.train ? dnnl_forward_training : dnnl_forward_inference;
    const bool made_all =
        (make_layouts(&at, &made->shape, precision, pass) || fail(error, "no memory")) &&
        make_options(&options, &made->shape, pass, error) &&
        good(describe_convolution(description, pass, &at, kind, options, hint, engine), error) &&
        good(dnnl_primitive_create(&made->passes[pass], *description), error) &&
        (made->source != NULL ||
         (good(dnnl_memory_create(&made->source, at.source, engine, DNNL_MEMORY_NONE), error) &&
          good(dnnl_memory_create(&made->destination, at.destination, engine, DNNL_MEMORY_NONE),
               error))) &&
        (at.bias == NULL || made->bias != NULL ||
         good(dnnl_memory_create(&made->bias, at.bias, engine, DNNL_MEMORY_NONE), error)) &&
        make_weights(made, pass, *description, error);
    (void)dnnl_primitive_attr_destroy(options);
    free_layouts(&at);
    return made_all;
}

struct onednn_convolution *onednn_convolution_plan(struct backend *backend,
                                                   const struct convolution_shape *shape,
                                                   bool gradient, struct error *error) {
    struct onednn_convolution *made = calloc(1, sizeof *made);
    dnnl_primitive_desc_t descriptions[PASS_COUNT] = {NULL};
    if (made == NULL) {
        (void)fail(error, "no memory");
        return NULL;
    }
    made->onednn = backend->engine;
    made->shape = *shape;
    bool planned = true;
    for (enum pass pass = PASS_FORWARD; planned && pass < PASS_COUNT; pass++) {
        if (pass == PASS_FORWARD ||
            (shape->train && (pass == PASS_WEIGHTS ? gradient : shape->input_gradient))) {
            planned = make_pass(made, pass, backend->precision, descriptions[PASS_FORWARD],
                                &descriptions[pass], error);
        }
    }
    for (enum pass pass = PASS_FORWARD; pass < PASS_COUNT; pass++) {
        (void)dnnl_primitive_desc_destroy(descriptions[pass]);
    }
    if (!planned) {
        onednn_convolution_release(made);
        return NULL;
    }
    return made;
}

void onednn_convolution_release(struct onednn_convolution *convolution) {
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

size_t onednn_bias_room(const struct onednn_convolution *convolution) {
    return convolution->shape.bias ? onednn_room(convolution->shape.out_channels * sizeof(float))
                                   : 0;
}

size_t onednn_convolution_scratch(const struct onednn_convolution *convolution) {
    const size_t gradients = convolution->gradient_bytes + onednn_bias_room(convolution);
    size_t most = 0;
    for (enum pass pass = PASS_FORWARD; pass < PASS_COUNT; pass++) {
        const size_t bytes =
            convolution->scratch_bytes[pass] + (pass == PASS_WEIGHTS ? gradients : 0);
        most = bytes > most ? bytes : most;
    }
    return most;
}

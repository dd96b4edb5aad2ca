// Passes of convolutions by oneDNN, planned.
#include "ops/convolution/cpu/onednn/describe.h"
#include "ops/convolution/cpu/onednn/pass.h"

#include <stdlib.h>

static bool good(dnnl_status_t status, struct error *error) {
    return status == dnnl_success ||
           fail(error, "oneDNN cannot do a convolution (status %d)", (int)status);
}

static dnnl_data_type_t stored_as(enum precision precision) {
    return precision == PRECISION_F32 ? dnnl_f32 : dnnl_bf16;
}

// A convolution's tensors as a pass takes them.
static bool make_layouts(struct layouts *layouts, const struct convolution_shape *s,
                         enum precision precision, enum convolution_pass pass) {
    const dnnl_dim_t stride = (dnnl_dim_t)s->stride;
    const dnnl_dim_t window = (dnnl_dim_t)s->window;
    const dnnl_dim_t pad = (dnnl_dim_t)s->pad;
    const dnnl_dim_t images = (dnnl_dim_t)s->images;
    const dnnl_dims_t source = {images, (dnnl_dim_t)s->channels, (dnnl_dim_t)s->height,
                                (dnnl_dim_t)s->width};
    const dnnl_dims_t destination = {images, (dnnl_dim_t)s->out_channels, (dnnl_dim_t)s->out_height,
                                     (dnnl_dim_t)s->out_width};
    const dnnl_dims_t weights = {destination[1], source[1], window, window};
    const dnnl_dims_t bias = {destination[1]};
    const dnnl_data_type_t type = stored_as(precision);
    *layouts = (struct layouts){.strides = {stride, stride}, .padding_before = {pad, pad}};
    for (int i = 0; i < 2; i++) { // what the last window reaches beyond the image
        layouts->padding_after[i] =
            (destination[2 + i] - 1) * stride + window - source[2 + i] - pad;
    }
    return layout_make(&layouts->source, 4, source, type, dnnl_nhwc) &&
           layout_make(&layouts->destination, 4, destination, type, dnnl_nhwc) &&
           layout_make(&layouts->weights, 4, weights,
                       pass == CONVOLUTION_WEIGHT_GRADIENT ? dnnl_f32 : type,
                       dnnl_format_tag_any) &&
           (!s->bias || layout_make(&layouts->bias, 1, bias, dnnl_f32, dnnl_a));
}

static void free_layouts(struct layouts *layouts) {
    layout_free(layouts->source);
    layout_free(layouts->destination);
    layout_free(layouts->weights);
    if (layouts->bias != NULL) {
        layout_free(layouts->bias);
    }
}

// Scratch memory is ours; the forward pass may add to what is there and clip.
static bool make_options(dnnl_primitive_attr_t *options, const struct convolution_shape *shape,
                         enum convolution_pass pass, struct error *error) {
    dnnl_post_ops_t operations = NULL;
    if (!good(dnnl.primitive_attr_create(options), error)) {
        return false;
    }
    dnnl_status_t status =
        dnnl.primitive_attr_set_scratchpad_mode(*options, dnnl_scratchpad_mode_user);
    if (status == dnnl_success && pass == CONVOLUTION_FORWARD && (shape->sum || shape->relu)) {
        status = dnnl.post_ops_create(&operations);
        if (status == dnnl_success && shape->sum) {
            status = append_sum(operations);
        }
        if (status == dnnl_success && shape->relu) {
            status = append_relu(operations);
        }
        if (status == dnnl_success) {
            status = dnnl.primitive_attr_set_post_ops(*options, operations);
        }
        (void)dnnl.post_ops_destroy(operations);
    }
    return good(status, error);
}

// A reorder, which adds to what is there if asked.
static bool make_reorder(dnnl_primitive_t *reorder, const_layout from, const_layout to, bool add,
                         dnnl_engine_t engine, struct error *error) {
    dnnl_primitive_attr_t options = NULL;
    dnnl_post_ops_t operations = NULL;
    dnnl_primitive_desc_t description = NULL;
    dnnl_status_t status = dnnl.primitive_attr_create(&options);
    if (status == dnnl_success) {
        status = dnnl.post_ops_create(&operations);
    }
    if (status == dnnl_success && add) {
        status = append_sum(operations);
    }
    if (status == dnnl_success) {
        status = dnnl.primitive_attr_set_post_ops(options, operations);
    }
    if (status == dnnl_success) {
        status =
            dnnl.reorder_primitive_desc_create(&description, from, engine, to, engine, options);
    }
    if (status == dnnl_success) {
        status = dnnl.primitive_create(reorder, description);
    }
    (void)dnnl.primitive_desc_destroy(description);
    (void)dnnl.post_ops_destroy(operations);
    (void)dnnl.primitive_attr_destroy(options);
    return good(status, error);
}

static bool make_memory(dnnl_memory_t *memory, const struct onednn_pass *pass, const_layout form,
                        void *address, struct error *error) {
    return good(dnnl.memory_create(memory, form, pass->onednn->engine, address), error);
}

// The weights in the pass's layout, once it is described, and their way there; of a gradient, back.
static bool make_weights(struct onednn_pass *pass, const_dnnl_primitive_desc_t description,
                         struct error *error) {
    const struct convolution_shape *s = &pass->problem.shape;
    const bool gradient = pass->problem.pass == CONVOLUTION_WEIGHT_GRADIENT;
    const dnnl_query_t what = gradient ? dnnl_query_diff_weights_md : dnnl_query_weights_md;
    const_layout inner = dnnl.primitive_desc_query_md(description, what, 0);
    const dnnl_dims_t sides = {(dnnl_dim_t)s->out_channels, (dnnl_dim_t)s->channels,
                               (dnnl_dim_t)s->window, (dnnl_dim_t)s->window};
    layout plain = NULL;
    pass->weights_bytes = dnnl.memory_desc_get_size(inner);
    const bool complete =
        make_memory(&pass->weights, pass, inner, gradient ? DNNL_MEMORY_NONE : DNNL_MEMORY_ALLOCATE,
                    error) &&
        (layout_make(&plain, 4, sides, dnnl_f32, dnnl_oihw) || fail(error, "no memory")) &&
        make_memory(&pass->plain, pass, plain, DNNL_MEMORY_NONE, error) &&
        make_reorder(&pass->reorder, gradient ? inner : plain, gradient ? plain : inner, gradient,
                     pass->onednn->engine, error);
    if (plain != NULL) {
        layout_free(plain);
    }
    return complete;
}

// The activations' and the bias's memory, and oneDNN's scratchpad.
static bool make_memories(struct onednn_pass *pass, const struct layouts *layouts,
                          const_dnnl_primitive_desc_t description, struct error *error) {
    const_layout scratchpad =
        dnnl.primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0);
    pass->scratchpad_bytes = dnnl.memory_desc_get_size(scratchpad);
    return make_memory(&pass->source, pass, layouts->source, DNNL_MEMORY_NONE, error) &&
           make_memory(&pass->destination, pass, layouts->destination, DNNL_MEMORY_NONE, error) &&
           (layouts->bias == NULL ||
            make_memory(&pass->bias, pass, layouts->bias, DNNL_MEMORY_NONE, error)) &&
           make_memory(&pass->scratchpad, pass, scratchpad, DNNL_MEMORY_NONE, error);
}

// Describes a pass of the layer; `hint`: the forward pass's description, for the others. What is
// made is the caller's to free, even on failure.
static bool describe(const struct onednn_pass *of, enum convolution_pass pass,
                     enum precision precision, const_dnnl_primitive_desc_t hint,
                     struct layouts *layouts, dnnl_primitive_desc_t *description,
                     struct error *error) {
    const struct convolution_shape *shape = &of->problem.shape;
    const dnnl_prop_kind_t kind = shape->train ? dnnl_forward_training : dnnl_forward_inference;
    dnnl_primitive_attr_t options = NULL;
    const bool described =
        (make_layouts(layouts, shape, precision, pass) || fail(error, "no memory")) &&
        make_options(&options, shape, pass, error) &&
        good(describe_convolution(description, pass, layouts, kind, options, hint,
                                  of->onednn->engine),
             error);
    (void)dnnl.primitive_attr_destroy(options);
    return described;
}

static bool plan_pass(struct onednn_pass *pass, enum precision precision, struct error *error) {
    const enum convolution_pass which = pass->problem.pass;
    struct layouts hint_layouts = {.source = NULL};
    struct layouts layouts = {.source = NULL};
    dnnl_primitive_desc_t hint = NULL;
    dnnl_primitive_desc_t description = NULL;
    const bool planned =
        (which == CONVOLUTION_FORWARD ||
         describe(pass, CONVOLUTION_FORWARD, precision, NULL, &hint_layouts, &hint, error)) &&
        describe(pass, which, precision, hint, &layouts, &description, error) &&
        good(dnnl.primitive_create(&pass->primitive, description), error) &&
        make_memories(pass, &layouts, description, error) && make_weights(pass, description, error);
    (void)dnnl.primitive_desc_destroy(hint);
    (void)dnnl.primitive_desc_destroy(description);
    free_layouts(&hint_layouts);
    free_layouts(&layouts);
    return planned;
}

struct onednn_pass *onednn_pass_plan(struct backend *backend,
                                     const struct convolution_problem *problem,
                                     enum precision precision, struct error *error) {
    struct onednn *onednn = onednn_of(backend, error);
    if (onednn == NULL) {
        return NULL;
    }
    struct onednn_pass *pass = calloc(1, sizeof *pass);
    if (pass == NULL) {
        (void)fail(error, "no memory");
        return NULL;
    }
    pass->onednn = onednn;
    pass->problem = *problem;
    pass->widened = problem->precision != precision;
    if (!plan_pass(pass, precision, error)) {
        onednn_pass_release(pass);
        return NULL;
    }
    return pass;
}

void onednn_pass_release(struct onednn_pass *pass) {
    if (pass == NULL) {
        return;
    }
    (void)dnnl.primitive_destroy(pass->primitive);
    (void)dnnl.primitive_destroy(pass->reorder);
    (void)dnnl.memory_destroy(pass->source);
    (void)dnnl.memory_destroy(pass->destination);
    (void)dnnl.memory_destroy(pass->bias);
    (void)dnnl.memory_destroy(pass->scratchpad);
    (void)dnnl.memory_destroy(pass->plain);
    (void)dnnl.memory_destroy(pass->weights);
    free(pass);
}

// Convolutions by oneDNN, planned. Activations are NHWC on both sides, weights in whatever layout a
// pass likes best: they are small and reordered once per change.
#include "backend/cpu_convolution.h"

#include <stdlib.h>

#define WINOGRAD_CHANNELS 32            // at least, on both sides
#define WINOGRAD_PIXELS ((size_t)18432) // of a run, if one image has no more

static bool good(dnnl_status_t status, struct error *error) {
    return status == dnnl_success ||
           fail(error, "oneDNN cannot do a convolution (status %d)", (int)status);
}

static dnnl_data_type_t stored_as(enum precision precision) {
    return precision == PRECISION_F32 ? dnnl_f32 : dnnl_bf16;
}

// A convolution's tensors as a pass takes them.
static bool make_layouts(struct layouts *at, const struct convolution_shape *s,
                         enum precision precision, enum pass pass, const struct way *way) {
    const bool winograd = way->algorithm == dnnl_convolution_winograd;
    const dnnl_dim_t stride = (dnnl_dim_t)s->stride;
    const dnnl_dim_t kernel = (dnnl_dim_t)s->kernel;
    const dnnl_dim_t pad = (dnnl_dim_t)s->pad;
    const dnnl_dim_t images = (dnnl_dim_t)(s->images / way->runs);
    const dnnl_dims_t source = {images, (dnnl_dim_t)s->channels, (dnnl_dim_t)s->height,
                                (dnnl_dim_t)s->width};
    const dnnl_dims_t destination = {images, (dnnl_dim_t)s->out_channels, (dnnl_dim_t)s->out_height,
                                     (dnnl_dim_t)s->out_width};
    const dnnl_dims_t weights = {destination[1], source[1], kernel, kernel};
    const dnnl_dims_t bias = {destination[1]};
    const dnnl_data_type_t type = winograd ? dnnl_f32 : stored_as(precision);
    const dnnl_format_tag_t tag = winograd ? dnnl_nChw16c : dnnl_nhwc;
    *at = (struct layouts){
        .algorithm = way->algorithm, .strides = {stride, stride}, .padding_before = {pad, pad}};
    for (int i = 0; i < 2; i++) { // what the last window reaches beyond the image
        at->padding_after[i] = (destination[2 + i] - 1) * stride + kernel - source[2 + i] - pad;
    }
    return layout_make(&at->source, 4, source, type, tag) &&
           layout_make(&at->destination, 4, destination, type, tag) &&
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
static bool make_weights(struct cpu_convolution *made, enum pass pass,
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

// One side of the convolution: its memory outside, as `sides` say, and inside.
static bool make_side(struct side *side, const dnnl_dims_t sides, enum precision precision,
                      const_layout inside, dnnl_engine_t engine, struct error *error) {
    layout outside = NULL;
    bool made_all =
        (layout_make(&outside, 4, sides, stored_as(precision), dnnl_nhwc) ||
         fail(error, "no memory")) &&
        good(dnnl_memory_create(&side->outside, outside, engine, DNNL_MEMORY_NONE), error) &&
        good(dnnl_memory_create(&side->inside, inside, engine, DNNL_MEMORY_NONE), error);
    if (made_all && !layout_equal(outside, inside)) {
        side->room = onednn_room(dnnl_memory_desc_get_size(inside));
        made_all = make_reorder(&side->in, outside, inside, false, engine, error) &&
                   make_reorder(&side->out, inside, outside, false, engine, error);
    }
    side->bytes = (size_t)(sides[0] * sides[1] * sides[2] * sides[3]) * precision_size(precision);
    if (outside != NULL) {
        layout_free(outside);
    }
    return made_all;
}

static bool make_sides(struct way *way, const struct convolution_shape *s, enum precision precision,
                       const struct layouts *at, dnnl_engine_t engine, struct error *error) {
    const dnnl_dim_t images = (dnnl_dim_t)(s->images / way->runs);
    const dnnl_dims_t source = {images, (dnnl_dim_t)s->channels, (dnnl_dim_t)s->height,
                                (dnnl_dim_t)s->width};
    const dnnl_dims_t destination = {images, (dnnl_dim_t)s->out_channels, (dnnl_dim_t)s->out_height,
                                     (dnnl_dim_t)s->out_width};
    return way->source.outside != NULL ||
           (make_side(&way->source, source, precision, at->source, engine, error) &&
            make_side(&way->destination, destination, precision, at->destination, engine, error));
}

// `hint`: the forward pass's description. *description is the caller's to free, even on failure.
static bool make_pass(struct cpu_convolution *made, enum pass pass, enum precision precision,
                      const_dnnl_primitive_desc_t hint, dnnl_primitive_desc_t *description,
                      struct error *error) {
    struct way *way = pass == PASS_FORWARD ? &made->forward : &made->backward;
    struct layouts at = {.source = NULL};
    dnnl_primitive_attr_t options = NULL;
    dnnl_engine_t engine = made->onednn->engine;
    const dnnl_prop_kind_t kind =
        made->shape.train ? dnnl_forward_training : dnnl_forward_inference;
    const bool made_all =
        (make_layouts(&at, &made->shape, precision, pass, way) || fail(error, "no memory")) &&
        make_options(&options, &made->shape, pass, error) &&
        good(describe_convolution(description, pass, &at, kind, options, hint, engine), error) &&
        good(dnnl_primitive_create(&made->passes[pass], *description), error) &&
        make_sides(way, &made->shape, precision, &at, engine, error) &&
        (at.bias == NULL || made->bias != NULL ||
         good(dnnl_memory_create(&made->bias, at.bias, engine, DNNL_MEMORY_NONE), error)) &&
        make_weights(made, pass, *description, error);
    (void)dnnl_primitive_attr_destroy(options);
    free_layouts(&at);
    return made_all;
}

// In training small images go together, as far as they divide the batch. In prediction each one
// goes alone: its bytes must not depend on how many there are.
static size_t winograd_runs(const struct convolution_shape *shape) {
    if (!shape->train) {
        return shape->images;
    }
    size_t together = WINOGRAD_PIXELS / (shape->height * shape->width);
    together = together > shape->images ? shape->images : together;
    while (together > 1 && shape->images % together != 0) {
        together--;
    }
    return together > 1 ? shape->images / together : shape->images;
}

static struct way way_by(const struct convolution_shape *shape, bool winograd) {
    return (struct way){.algorithm = winograd ? dnnl_convolution_winograd : dnnl_convolution_direct,
                        .runs = winograd ? winograd_runs(shape) : 1};
}

// In training the forward pass is direct: its errors decide on which side of 0 a ReLU's input
// falls, and what it lets through; those of the backward passes only add to gradients.
static struct cpu_convolution *plan_by(struct backend *backend,
                                       const struct convolution_shape *shape, bool winograd,
                                       struct error *error) {
    struct cpu_convolution *made = calloc(1, sizeof *made);
    dnnl_primitive_desc_t descriptions[PASS_COUNT] = {NULL};
    if (made == NULL) {
        (void)fail(error, "no memory");
        return NULL;
    }
    *made = (struct cpu_convolution){.onednn = backend->engine,
                                     .shape = *shape,
                                     .forward = way_by(shape, winograd && !shape->train),
                                     .backward = way_by(shape, winograd)};
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

// With few channels the way into blocks and back takes what the method saves, and in bf16 direct
// convolutions are as fast.
static bool suits_winograd(const struct convolution_shape *shape, enum precision precision) {
    return precision == PRECISION_F32 && shape->kernel == 3 && shape->stride == 1 &&
           shape->channels >= WINOGRAD_CHANNELS && shape->out_channels >= WINOGRAD_CHANNELS;
}

struct cpu_convolution *cpu_convolution_plan(struct backend *backend,
                                             const struct convolution_shape *shape,
                                             struct error *error) {
    struct cpu_convolution *made = NULL;
    if (suits_winograd(shape, backend->precision)) { // not every oneDNN and processor has it
        made = plan_by(backend, shape, true, error);
    }
    return made != NULL ? made : plan_by(backend, shape, false, error);
}

static void release_way(const struct way *way) {
    for (int i = 0; i < 2; i++) {
        const struct side *side = i == 0 ? &way->source : &way->destination;
        (void)dnnl_primitive_destroy(side->in);
        (void)dnnl_primitive_destroy(side->out);
        (void)dnnl_memory_destroy(side->outside);
        (void)dnnl_memory_destroy(side->inside);
    }
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
    release_way(&convolution->forward);
    release_way(&convolution->backward);
    (void)dnnl_memory_destroy(convolution->bias);
    (void)dnnl_memory_destroy(convolution->plain);
    free(convolution);
}

size_t cpu_convolution_bias_room(const struct cpu_convolution *convolution) {
    return convolution->shape.bias ? onednn_room(convolution->shape.out_channels * sizeof(float))
                                   : 0;
}

size_t cpu_convolution_scratch(const struct cpu_convolution *convolution) {
    const size_t gradients = convolution->gradient_bytes + cpu_convolution_bias_room(convolution);
    size_t most = 0;
    for (enum pass pass = PASS_FORWARD; pass < PASS_COUNT; pass++) {
        const struct way *way =
            pass == PASS_FORWARD ? &convolution->forward : &convolution->backward;
        const size_t bytes = way->source.room + way->destination.room +
                             convolution->scratch_bytes[pass] +
                             (pass == PASS_WEIGHTS ? gradients : 0);
        most = bytes > most ? bytes : most;
    }
    return most;
}

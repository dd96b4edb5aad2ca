// oneDNN's engine, and its two ways to describe memory and convolutions.
#include "backend/cpu/onednn.h"

#include "backend/cpu/level.h"

#include <stdlib.h>

// Keeps oneDNN from instructions beyond the level's; without effect once it has run.
static void hold_down(void) {
    static const dnnl_cpu_isa_t most[] = {[CPU_BASE] = dnnl_cpu_isa_avx,
                                          [CPU_AVX2] = dnnl_cpu_isa_avx2,
                                          [CPU_AVX512] = dnnl_cpu_isa_avx512_core,
                                          [CPU_BF16] = dnnl_cpu_isa_avx512_core_bf16};
    if (cpu_level() < CPU_BEYOND) {
        (void)dnnl_set_max_cpu_isa(most[cpu_level()]);
    }
}

struct onednn *onednn_open(struct error *error) {
    hold_down();
    struct onednn *onednn = calloc(1, sizeof *onednn);
    if (onednn == NULL || dnnl_engine_create(&onednn->engine, dnnl_cpu, 0) != dnnl_success ||
        dnnl_stream_create(&onednn->stream, onednn->engine, dnnl_stream_default_flags) !=
            dnnl_success) {
        (void)fail(error, "oneDNN does not start");
        onednn_close(onednn);
        return NULL;
    }
    return onednn;
}

void onednn_close(struct onednn *onednn) {
    if (onednn != NULL) {
        (void)dnnl_stream_destroy(onednn->stream);
        (void)dnnl_engine_destroy(onednn->engine);
        free(onednn);
    }
}

void onednn_note(struct onednn *onednn, dnnl_status_t status) {
    if (onednn->failure == dnnl_success) {
        onednn->failure = status;
    }
}

bool onednn_failed(const struct onednn *onednn, struct error *error) {
    if (onednn->failure != dnnl_success) {
        (void)fail(error, "oneDNN: a convolution failed (status %d)", (int)onednn->failure);
    }
    return onednn->failure != dnnl_success;
}

bool onednn_has_matrix_unit(void) {
    const unsigned wanted = dnnl_cpu_isa_avx512_core_amx;
    return ((unsigned)dnnl_get_effective_cpu_isa() & wanted) == wanted;
}

#if DNNL_VERSION_MAJOR >= 3

bool layout_make(layout *made, int rank, const dnnl_dims_t sides, dnnl_data_type_t type,
                 dnnl_format_tag_t tag) {
    return dnnl_memory_desc_create_with_tag(made, rank, sides, type, tag) == dnnl_success;
}

void layout_free(layout made) {
    (void)dnnl_memory_desc_destroy(made);
}
#else

bool layout_make(layout *made, int rank, const dnnl_dims_t sides, dnnl_data_type_t type,
                 dnnl_format_tag_t tag) {
    *made = malloc(sizeof **made);
    return *made != NULL &&
           dnnl_memory_desc_init_by_tag(*made, rank, sides, type, tag) == dnnl_success;
}

void layout_free(layout made) {
    free(made);
}
#endif

#if DNNL_VERSION_MAJOR >= 3
dnnl_status_t describe_convolution(dnnl_primitive_desc_t *made, enum pass pass,
                                   const struct layouts *at, dnnl_prop_kind_t kind,
                                   const_dnnl_primitive_attr_t options,
                                   const_dnnl_primitive_desc_t hint, dnnl_engine_t engine) {
    switch (pass) {
    case PASS_FORWARD:
        return dnnl_convolution_forward_primitive_desc_create(
            made, engine, kind, dnnl_convolution_direct, at->source, at->weights, at->bias,
            at->destination, at->strides, at->dilates, at->padding_before, at->padding_after,
            options);
    case PASS_DATA:
        return dnnl_convolution_backward_data_primitive_desc_create(
            made, engine, dnnl_convolution_direct, at->source, at->weights, at->destination,
            at->strides, at->dilates, at->padding_before, at->padding_after, hint, options);
    default:
        return dnnl_convolution_backward_weights_primitive_desc_create(
            made, engine, dnnl_convolution_direct, at->source, at->weights, at->bias,
            at->destination, at->strides, at->dilates, at->padding_before, at->padding_after, hint,
            options);
    }
}

dnnl_status_t append_sum(dnnl_post_ops_t operations) {
    return dnnl_post_ops_append_sum(operations, 1, 0, dnnl_data_type_undef);
}

dnnl_status_t append_relu(dnnl_post_ops_t operations) {
    return dnnl_post_ops_append_eltwise(operations, dnnl_eltwise_relu, 0, 0);
}
#else
dnnl_status_t describe_convolution(dnnl_primitive_desc_t *made, enum pass pass,
                                   const struct layouts *at, dnnl_prop_kind_t kind,
                                   const_dnnl_primitive_attr_t options,
                                   const_dnnl_primitive_desc_t hint, dnnl_engine_t engine) {
    dnnl_convolution_desc_t wanted;
    dnnl_status_t status;
    if (pass == PASS_FORWARD) {
        status = dnnl_dilated_convolution_forward_desc_init(
            &wanted, kind, dnnl_convolution_direct, at->source, at->weights, at->bias,
            at->destination, at->strides, at->dilates, at->padding_before, at->padding_after);
    } else if (pass == PASS_DATA) {
        status = dnnl_dilated_convolution_backward_data_desc_init(
            &wanted, dnnl_convolution_direct, at->source, at->weights, at->destination, at->strides,
            at->dilates, at->padding_before, at->padding_after);
    } else {
        status = dnnl_dilated_convolution_backward_weights_desc_init(
            &wanted, dnnl_convolution_direct, at->source, at->weights, at->bias, at->destination,
            at->strides, at->dilates, at->padding_before, at->padding_after);
    }
    return status != dnnl_success
               ? status
               : dnnl_primitive_desc_create(made, &wanted, options, engine, hint);
}

dnnl_status_t append_sum(dnnl_post_ops_t operations) {
    return dnnl_post_ops_append_sum(operations, 1);
}

dnnl_status_t append_relu(dnnl_post_ops_t operations) {
    return dnnl_post_ops_append_eltwise(operations, 1, dnnl_eltwise_relu, 0, 0);
}
#endif

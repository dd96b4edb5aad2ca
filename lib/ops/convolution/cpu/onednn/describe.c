// Memory and convolutions described to oneDNN, in the ways of its versions 2 and 3.
#include "ops/convolution/cpu/onednn/describe.h"

#include <stdlib.h>

#if DNNL_VERSION_MAJOR >= 3

bool layout_make(layout *description, int rank, const dnnl_dims_t sides, dnnl_data_type_t type,
                 dnnl_format_tag_t tag) {
    return dnnl.memory_desc_create_with_tag(description, rank, sides, type, tag) == dnnl_success;
}

void layout_free(layout description) {
    (void)dnnl.memory_desc_destroy(description);
}
#else

bool layout_make(layout *description, int rank, const dnnl_dims_t sides, dnnl_data_type_t type,
                 dnnl_format_tag_t tag) {
    *description = malloc(sizeof **description);
    return *description != NULL &&
           dnnl.memory_desc_init_by_tag(*description, rank, sides, type, tag) == dnnl_success;
}

void layout_free(layout description) {
    free(description);
}
#endif

#if DNNL_VERSION_MAJOR >= 3
dnnl_status_t describe_convolution(dnnl_primitive_desc_t *description, enum convolution_pass pass,
                                   const struct layouts *layouts, dnnl_prop_kind_t kind,
                                   const_dnnl_primitive_attr_t options,
                                   const_dnnl_primitive_desc_t hint, dnnl_engine_t engine) {
    switch (pass) {
    case CONVOLUTION_FORWARD:
        return dnnl.convolution_forward_primitive_desc_create(
            description, engine, kind, dnnl_convolution_direct, layouts->source, layouts->weights,
            layouts->bias, layouts->destination, layouts->strides, layouts->dilates,
            layouts->padding_before, layouts->padding_after, options);
    case CONVOLUTION_DATA_GRADIENT:
        return dnnl.convolution_backward_data_primitive_desc_create(
            description, engine, dnnl_convolution_direct, layouts->source, layouts->weights,
            layouts->destination, layouts->strides, layouts->dilates, layouts->padding_before,
            layouts->padding_after, hint, options);
    default:
        return dnnl.convolution_backward_weights_primitive_desc_create(
            description, engine, dnnl_convolution_direct, layouts->source, layouts->weights,
            layouts->bias, layouts->destination, layouts->strides, layouts->dilates,
            layouts->padding_before, layouts->padding_after, hint, options);
    }
}

dnnl_status_t append_sum(dnnl_post_ops_t operations) {
    return dnnl.post_ops_append_sum(operations, 1, 0, dnnl_data_type_undef);
}

dnnl_status_t append_relu(dnnl_post_ops_t operations) {
    return dnnl.post_ops_append_eltwise(operations, dnnl_eltwise_relu, 0, 0);
}
#else
dnnl_status_t describe_convolution(dnnl_primitive_desc_t *description, enum convolution_pass pass,
                                   const struct layouts *layouts, dnnl_prop_kind_t kind,
                                   const_dnnl_primitive_attr_t options,
                                   const_dnnl_primitive_desc_t hint, dnnl_engine_t engine) {
    dnnl_convolution_desc_t wanted;
    dnnl_status_t status;
    if (pass == CONVOLUTION_FORWARD) {
        status = dnnl.dilated_convolution_forward_desc_init(
            &wanted, kind, dnnl_convolution_direct, layouts->source, layouts->weights,
            layouts->bias, layouts->destination, layouts->strides, layouts->dilates,
            layouts->padding_before, layouts->padding_after);
    } else if (pass == CONVOLUTION_DATA_GRADIENT) {
        status = dnnl.dilated_convolution_backward_data_desc_init(
            &wanted, dnnl_convolution_direct, layouts->source, layouts->weights,
            layouts->destination, layouts->strides, layouts->dilates, layouts->padding_before,
            layouts->padding_after);
    } else {
        status = dnnl.dilated_convolution_backward_weights_desc_init(
            &wanted, dnnl_convolution_direct, layouts->source, layouts->weights, layouts->bias,
            layouts->destination, layouts->strides, layouts->dilates, layouts->padding_before,
            layouts->padding_after);
    }
    return status != dnnl_success
               ? status
               : dnnl.primitive_desc_create(description, &wanted, options, engine, hint);
}

dnnl_status_t append_sum(dnnl_post_ops_t operations) {
    return dnnl.post_ops_append_sum(operations, 1);
}

dnnl_status_t append_relu(dnnl_post_ops_t operations) {
    return dnnl.post_ops_append_eltwise(operations, 1, dnnl_eltwise_relu, 0, 0);
}
#endif

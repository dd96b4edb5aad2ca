// What differs between oneDNN's versions 2 and 3: descriptions of memory are structs in 2, handles
// in 3; primitives are described in two steps in 2, in one in 3.
#ifndef PLEURA_OPS_CONVOLUTION_CPU_ONEDNN_DESCRIBE_H
#define PLEURA_OPS_CONVOLUTION_CPU_ONEDNN_DESCRIBE_H

#include "backend/cpu/onednn.h"
#include "ops/convolution/cpu/method.h"

#if DNNL_VERSION_MAJOR >= 3
typedef dnnl_memory_desc_t layout;
typedef const_dnnl_memory_desc_t const_layout;
#else
typedef dnnl_memory_desc_t *layout;
typedef const dnnl_memory_desc_t *const_layout;
#endif

// False without memory, or for sides that oneDNN refuses.
CHECKED bool layout_make(layout *description, int rank, const dnnl_dims_t sides,
                         dnnl_data_type_t type, dnnl_format_tag_t tag);
void layout_free(layout description); // NULL is fine

// A convolution's tensors; no bias: NULL.
struct layouts {
    layout source, weights, bias, destination;
    dnnl_dims_t strides, dilates, padding_before, padding_after;
};

// Describes a pass of a convolution; `hint`: the forward pass's description, for the others.
dnnl_status_t describe_convolution(dnnl_primitive_desc_t *description, enum convolution_pass pass,
                                   const struct layouts *layouts, dnnl_prop_kind_t kind,
                                   const_dnnl_primitive_attr_t options,
                                   const_dnnl_primitive_desc_t hint, dnnl_engine_t engine);

// Append to what follows a convolution that its output is added to what is there, and a ReLU.
dnnl_status_t append_sum(dnnl_post_ops_t operations);
dnnl_status_t append_relu(dnnl_post_ops_t operations);

#endif

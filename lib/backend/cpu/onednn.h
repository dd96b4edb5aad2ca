// oneDNN, its C interface, and what differs between its versions 2 and 3 (compiled against 2.6.3
// and 3.2): descriptions of memory are structs in 2, handles in 3; primitives are described in two
// steps in 2, in one in 3.
#ifndef PLEURA_BACKEND_CPU_ONEDNN_H
#define PLEURA_BACKEND_CPU_ONEDNN_H

#include "backend/cpu/cpu.h"

#include <dnnl.h>

struct onednn {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_status_t failure; // the first one of a call that was queued
};

// Notes what a queued call returns; the first failure is what onednn_failed tells.
void onednn_note(struct onednn *onednn, dnnl_status_t status);

#if DNNL_VERSION_MAJOR >= 3
typedef dnnl_memory_desc_t layout;
typedef const_dnnl_memory_desc_t const_layout;
#else
typedef dnnl_memory_desc_t *layout;
typedef const dnnl_memory_desc_t *const_layout;
#endif

// Whether this processor multiplies bf16 in matrix units, and oneDNN knows how to.
bool onednn_has_matrix_unit(void);

// False without memory, or for sides that oneDNN refuses.
CHECKED bool layout_make(layout *made, int rank, const dnnl_dims_t sides, dnnl_data_type_t type,
                         dnnl_format_tag_t tag);
void layout_free(layout made); // NULL is fine

enum pass { PASS_FORWARD, PASS_DATA, PASS_WEIGHTS, PASS_COUNT };

// A convolution's tensors; no bias: NULL.
struct layouts {
    layout source, weights, bias, destination;
    dnnl_dims_t strides, dilates, padding_before, padding_after;
};

// Describes a pass of a convolution; `hint`: the forward pass's description, for the others.
dnnl_status_t describe_convolution(dnnl_primitive_desc_t *made, enum pass pass,
                                   const struct layouts *at, dnnl_prop_kind_t kind,
                                   const_dnnl_primitive_attr_t options,
                                   const_dnnl_primitive_desc_t hint, dnnl_engine_t engine);

dnnl_status_t append_sum(dnnl_post_ops_t operations);
dnnl_status_t append_relu(dnnl_post_ops_t operations);

#endif

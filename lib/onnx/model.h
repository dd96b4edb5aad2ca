// The model itself, for the files of this module.
#ifndef PLEURA_ONNX_MODEL_H
#define PLEURA_ONNX_MODEL_H

#include "onnx.pb-c.h"
#include "onnx/onnx.h"
#include "weights/arena.h"
#include "weights/table.h"

struct onnx {
    const struct graph *graph;
    const struct weight_table *weights;
    const struct node *node; // whose form is being added: tensors are called after it
    struct arena arena;      // all that the messages point to
    struct error error;      // empty: none
    const char **names;      // of tensors, by their identifiers
    size_t name_count, name_capacity;
    onnx_id *tensors; // by the graph's values
    onnx_id images;   // a tensor of one integer, the number of images
    Onnx__GraphProto message;
    size_t node_capacity, initializer_capacity;
    Onnx__NodeProto *last;
    size_t attribute_capacity; // of the last node
};

// A model without nodes, of the graph's input. False with *error without memory; to be closed in
// any case.
CHECKED bool onnx_open(struct onnx *model, const struct graph *graph,
                       const struct weight_table *weights, struct error *error);
void onnx_close(struct onnx *model);

// Memory of the model, zeros; NULL after an error.
void *onnx_take(struct onnx *model, size_t bytes);

// A copy of a text that lives as long as the model; NULL after an error.
char *onnx_copy(struct onnx *model, const char *text);

// A tensor that the caller makes, of a name that lives as long as the model.
onnx_id onnx_named(struct onnx *model, const char *name);

// Gives the tensor that the last node makes another name.
void onnx_rename(struct onnx *model, onnx_id tensor, const char *name);

#endif

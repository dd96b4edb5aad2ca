// An ONNX model in the making, for the operations' forms: each adds the nodes that compute the same
// of the same parameters. Activations are images x channels x height x width, as ONNX has them, and
// the number of images stays open. The first error sticks: later calls then do nothing, and the
// identifiers that they return mean nothing.
#ifndef PLEURA_ONNX_ONNX_H
#define PLEURA_ONNX_ONNX_H

#include "nn/operation.h"

#include <stdint.h>

// The version of ONNX's operators that a model asks for.
#define ONNX_OPSET 17

#define ONNX_NONE (-1)

// Notes what is wrong.
void onnx_fail(struct onnx *model, const char *format, ...) __attribute__((format(printf, 2, 3)));

// ---- of the node whose form is being added

struct shape onnx_input_shape(const struct onnx *model, const struct node *node, int input);
struct shape onnx_output_shape(const struct onnx *model, const struct node *node);

// The tensor that is the node's input.
onnx_id onnx_input(const struct onnx *model, const struct node *node, int input);

// The numbers of its parameter.
const float *onnx_values(const struct onnx *model, const struct node *node, int parameter);

// Its parameter as a tensor of its own name, of the parameter's shape, or as the same numbers in
// another one.
onnx_id onnx_parameter(struct onnx *model, const struct node *node, int parameter);
onnx_id onnx_parameter_as(struct onnx *model, const struct node *node, int parameter, size_t rank,
                          const size_t *shape);

// ---- tensors that are constant

// Memory for so many numbers, zeros, that lives as long as the model; NULL after an error.
float *onnx_numbers(struct onnx *model, size_t count);

// A tensor of a name that no other has; NULL: it is called after the node. `values` must live as
// long as the model.
onnx_id onnx_floats(struct onnx *model, const char *name, size_t rank, const size_t *shape,
                    const float *values);
onnx_id onnx_integers(struct onnx *model, size_t count, const int64_t *values); // copied

// ---- nodes of ONNX

// A node of an operator; the tensor that it makes. Optional inputs are left out with ONNX_NONE.
onnx_id onnx_node(struct onnx *model, const char *operator_type, size_t count,
                  const onnx_id *inputs);
onnx_id onnx_unary(struct onnx *model, const char *operator_type, onnx_id x);
onnx_id onnx_binary(struct onnx *model, const char *operator_type, onnx_id a, onnx_id b);

// An attribute of the node that was added last.
void onnx_set_integer(struct onnx *model, const char *name, int64_t value);
void onnx_set_integers(struct onnx *model, const char *name, size_t count, const int64_t *values);
void onnx_set_number(struct onnx *model, const char *name, double value);
void onnx_set_text(struct onnx *model, const char *name, const char *value);

// x with other sides: 0 is that of x, -1 what is left over.
onnx_id onnx_reshape(struct onnx *model, onnx_id x, size_t rank, const int64_t *sides);

// x of so many channels brought to height x width as the operation upsample does it.
onnx_id onnx_bilinear(struct onnx *model, onnx_id x, size_t channels, size_t height, size_t width);

#endif

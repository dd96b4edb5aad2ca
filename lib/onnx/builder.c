// Nodes, attributes and constant tensors of a model.
#include "onnx/model.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool onnx_open(struct onnx *model, const struct graph *graph, const struct weight_table *weights,
               struct error *error) {
    *model = (struct onnx){.graph = graph,
                           .weights = weights,
                           .arena = {.limit = SIZE_MAX / 2},
                           .images = ONNX_NONE,
                           .message = ONNX__GRAPH_PROTO__INIT};
    const size_t values = (size_t)graph_value_count(graph);
    model->tensors = arena_take(&model->arena, values * sizeof *model->tensors, error);
    if (model->tensors != NULL) {
        memset(model->tensors, -1, values * sizeof *model->tensors);
    }
    return model->tensors != NULL;
}

void onnx_close(struct onnx *model) {
    arena_free(&model->arena);
}

void onnx_fail(struct onnx *model, const char *format, ...) {
    va_list arguments;
    if (model->error.text[0] != 0) {
        return;
    }
    va_start(arguments, format);
    (void)vsnprintf(model->error.text, sizeof model->error.text, format, arguments);
    va_end(arguments);
}

// ---- memory and names

void *onnx_take(struct onnx *model, size_t bytes) {
    return model->error.text[0] == 0 ? arena_take(&model->arena, bytes, &model->error) : NULL;
}

char *onnx_copy(struct onnx *model, const char *text) {
    char *copy = onnx_take(model, strlen(text) + 1);
    if (copy != NULL) {
        memcpy(copy, text, strlen(text) + 1);
    }
    return copy;
}

// Room for one more element; false after an error. `array` is a pointer to a pointer.
static bool grow(struct onnx *model, void *array, size_t count, size_t *capacity, size_t size) {
    void *elements;
    memcpy(&elements, array, sizeof elements);
    elements = model->error.text[0] == 0
                   ? arena_grow(&model->arena, elements, count, capacity, size, &model->error)
                   : NULL;
    if (elements != NULL) {
        memcpy(array, &elements, sizeof elements);
    }
    return elements != NULL;
}

onnx_id onnx_named(struct onnx *model, const char *name) {
    if (!grow(model, &model->names, model->name_count, &model->name_capacity,
              sizeof *model->names)) {
        return ONNX_NONE;
    }
    model->names[model->name_count] = name;
    return (onnx_id)model->name_count++;
}

// A tensor called after the node; no layer's name has a slash in it.
static onnx_id new_tensor(struct onnx *model) {
    const struct layer_name name = graph_name("%.80s/%zu", model->node->name, model->name_count);
    const char *copy = onnx_copy(model, name.text);
    return copy != NULL ? onnx_named(model, copy) : ONNX_NONE;
}

// Names are what the messages point to; none of them is written to. An input that is left out has
// an empty one.
static char *name_of(const struct onnx *model, onnx_id tensor) {
    return (char *)(tensor == ONNX_NONE ? "" : model->names[tensor]);
}

void onnx_rename(struct onnx *model, onnx_id tensor, const char *name) {
    if (model->error.text[0] == 0) {
        model->names[tensor] = name;
        model->last->output[0] = name_of(model, tensor);
        model->last->name = name_of(model, tensor);
    }
}

// ---- of a node of ours

struct shape onnx_input_shape(const struct onnx *model, const struct node *node, int input) {
    return graph_shape(model->graph, node->inputs[input]);
}

struct shape onnx_output_shape(const struct onnx *model, const struct node *node) {
    return graph_shape(model->graph, node->output);
}

onnx_id onnx_input(const struct onnx *model, const struct node *node, int input) {
    return model->tensors[node->inputs[input]];
}

static const struct parameter *parameter_of(const struct onnx *model, const struct node *node,
                                            int parameter) {
    return graph_parameter_at(model->graph, node->parameters[parameter]);
}

const float *onnx_values(const struct onnx *model, const struct node *node, int parameter) {
    return weight_table_find(model->weights, parameter_of(model, node, parameter)->name)->values;
}

onnx_id onnx_parameter_as(struct onnx *model, const struct node *node, int parameter, size_t rank,
                          const size_t *shape) {
    return onnx_floats(model, parameter_of(model, node, parameter)->name, rank, shape,
                       onnx_values(model, node, parameter));
}

onnx_id onnx_parameter(struct onnx *model, const struct node *node, int parameter) {
    const struct parameter *known = parameter_of(model, node, parameter);
    return onnx_parameter_as(model, node, parameter, known->rank, known->shape);
}

// ---- constant tensors

float *onnx_numbers(struct onnx *model, size_t count) {
    return onnx_take(model, count * sizeof(float));
}

// The tensor with its sides; the caller gives it its numbers. NULL after an error.
static Onnx__TensorProto *new_initializer(struct onnx *model, onnx_id tensor, size_t rank,
                                          const size_t *shape) {
    Onnx__TensorProto *message = onnx_take(model, sizeof *message);
    int64_t *sides = onnx_take(model, rank * sizeof *sides);
    if (tensor == ONNX_NONE || message == NULL || sides == NULL ||
        !grow(model, &model->message.initializer, model->message.n_initializer,
              &model->initializer_capacity, sizeof *model->message.initializer)) {
        return NULL;
    }
    *message = (Onnx__TensorProto)ONNX__TENSOR_PROTO__INIT;
    for (size_t i = 0; i < rank; i++) {
        sides[i] = (int64_t)shape[i];
    }
    message->name = name_of(model, tensor);
    message->n_dims = rank;
    message->dims = sides;
    message->has_data_type = true;
    message->has_raw_data = true;
    model->message.initializer[model->message.n_initializer++] = message;
    return message;
}

static onnx_id find_initializer(const struct onnx *model, const char *name) {
    for (size_t i = 0; i < model->name_count; i++) {
        if (strcmp(model->names[i], name) == 0) {
            return (onnx_id)i;
        }
    }
    return ONNX_NONE;
}

onnx_id onnx_floats(struct onnx *model, const char *name, size_t rank, const size_t *shape,
                    const float *values) {
    const onnx_id known = name != NULL ? find_initializer(model, name) : ONNX_NONE;
    if (known != ONNX_NONE) { // a parameter that two layers share
        return known;
    }
    const char *copy = name != NULL ? onnx_copy(model, name) : NULL;
    const onnx_id tensor = copy != NULL ? onnx_named(model, copy) : new_tensor(model);
    Onnx__TensorProto *message = new_initializer(model, tensor, rank, shape);
    if (message == NULL) {
        return ONNX_NONE;
    }
    size_t count = 1;
    for (size_t i = 0; i < rank; i++) {
        count *= shape[i];
    }
    message->data_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
    message->raw_data = (ProtobufCBinaryData){count * sizeof *values, (uint8_t *)values};
    return tensor;
}

onnx_id onnx_integers(struct onnx *model, size_t count, const int64_t *values) {
    const onnx_id tensor = new_tensor(model);
    Onnx__TensorProto *message = new_initializer(model, tensor, 1, &count);
    int64_t *copy = onnx_take(model, count * sizeof *copy);
    if (message == NULL || copy == NULL) {
        return ONNX_NONE;
    }
    memcpy(copy, values, count * sizeof *copy);
    message->data_type = ONNX__TENSOR_PROTO__DATA_TYPE__INT64;
    message->raw_data = (ProtobufCBinaryData){count * sizeof *copy, (uint8_t *)copy};
    return tensor;
}

// ---- nodes

onnx_id onnx_node(struct onnx *model, const char *operator_type, size_t count,
                  const onnx_id *inputs) {
    const onnx_id tensor = new_tensor(model);
    Onnx__NodeProto *message = onnx_take(model, sizeof *message);
    char **names = onnx_take(model, (count + 1) * sizeof *names);
    if (tensor == ONNX_NONE || message == NULL || names == NULL ||
        !grow(model, &model->message.node, model->message.n_node, &model->node_capacity,
              sizeof *model->message.node)) {
        return ONNX_NONE;
    }
    *message = (Onnx__NodeProto)ONNX__NODE_PROTO__INIT;
    for (size_t i = 0; i < count; i++) {
        names[i] = name_of(model, inputs[i]);
    }
    names[count] = name_of(model, tensor);
    message->n_input = count;
    message->input = names;
    message->n_output = 1;
    message->output = names + count;
    message->name = name_of(model, tensor);
    message->op_type = (char *)operator_type;
    model->message.node[model->message.n_node++] = message;
    model->last = message;
    model->attribute_capacity = 0;
    return tensor;
}

onnx_id onnx_unary(struct onnx *model, const char *operator_type, onnx_id x) {
    return onnx_node(model, operator_type, 1, &x);
}

onnx_id onnx_binary(struct onnx *model, const char *operator_type, onnx_id a, onnx_id b) {
    return onnx_node(model, operator_type, 2, (const onnx_id[]){a, b});
}

// An attribute without its value; NULL after an error.
static Onnx__AttributeProto *new_attribute(struct onnx *model, const char *name,
                                           Onnx__AttributeProto__AttributeType type) {
    Onnx__AttributeProto *message = onnx_take(model, sizeof *message);
    if (message == NULL || !grow(model, &model->last->attribute, model->last->n_attribute,
                                 &model->attribute_capacity, sizeof *model->last->attribute)) {
        return NULL;
    }
    *message = (Onnx__AttributeProto)ONNX__ATTRIBUTE_PROTO__INIT;
    message->name = (char *)name;
    message->has_type = true;
    message->type = type;
    model->last->attribute[model->last->n_attribute++] = message;
    return message;
}

void onnx_set_integer(struct onnx *model, const char *name, int64_t value) {
    Onnx__AttributeProto *message =
        new_attribute(model, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
    if (message != NULL) {
        message->has_i = true;
        message->i = value;
    }
}

void onnx_set_integers(struct onnx *model, const char *name, size_t count, const int64_t *values) {
    Onnx__AttributeProto *message =
        new_attribute(model, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
    int64_t *copy = onnx_take(model, count * sizeof *copy);
    if (message != NULL && copy != NULL) {
        memcpy(copy, values, count * sizeof *copy);
        message->n_ints = count;
        message->ints = copy;
    }
}

void onnx_set_number(struct onnx *model, const char *name, double value) {
    Onnx__AttributeProto *message =
        new_attribute(model, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
    if (message != NULL) {
        message->has_f = true;
        message->f = (float)value;
    }
}

void onnx_set_text(struct onnx *model, const char *name, const char *value) {
    Onnx__AttributeProto *message =
        new_attribute(model, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING);
    if (message != NULL) {
        message->has_s = true;
        message->s = (ProtobufCBinaryData){strlen(value), (uint8_t *)value};
    }
}

// ---- what several forms need

onnx_id onnx_reshape(struct onnx *model, onnx_id x, size_t rank, const int64_t *sides) {
    return onnx_binary(model, "Reshape", x, onnx_integers(model, rank, sides));
}

// The sizes that Resize is given are those of all four sides, of which that of the images is known
// when the model runs. (Given as factors, sizes would be rounded down from float32.)
onnx_id onnx_bilinear(struct onnx *model, onnx_id x, size_t channels, size_t height, size_t width) {
    const int64_t sides[] = {(int64_t)channels, (int64_t)height, (int64_t)width};
    if (model->images == ONNX_NONE) {
        model->images = onnx_unary(model, "Shape", model->tensors[0]);
        onnx_set_integer(model, "start", 0);
        onnx_set_integer(model, "end", 1);
    }
    const onnx_id others = onnx_integers(model, 3, sides);
    const onnx_id sizes = onnx_binary(model, "Concat", model->images, others);
    onnx_set_integer(model, "axis", 0);
    const onnx_id y =
        onnx_node(model, "Resize", 4, (const onnx_id[]){x, ONNX_NONE, ONNX_NONE, sizes});
    onnx_set_text(model, "mode", "linear");
    onnx_set_text(model, "coordinate_transformation_mode", "half_pixel");
    return y;
}

// A graph node by node, then what a model says of itself, as one message.
#include "onnx/export.h"

#include "core/version.h"
#include "onnx/model.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define IR_VERSION 8           // of the files that know opset 17: what ONNX 1.12 writes
#define MAX_BYTES 2147483647UL // of a message of protobuf

// ---- tensors with their shapes

static Onnx__TensorShapeProto__Dimension *dimension(struct onnx *model, size_t side) {
    Onnx__TensorShapeProto__Dimension *message = onnx_take(model, sizeof *message);
    if (message != NULL) {
        *message = (Onnx__TensorShapeProto__Dimension)ONNX__TENSOR_SHAPE_PROTO__DIMENSION__INIT;
        message->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        message->dim_value = (int64_t)side;
    }
    return message;
}

// Any number of images of this shape: batch x channels x height x width of float32.
static Onnx__TypeProto *type_of(struct onnx *model, struct shape shape) {
    Onnx__TypeProto *type = onnx_take(model, sizeof *type);
    Onnx__TypeProto__Tensor *tensor = onnx_take(model, sizeof *tensor);
    Onnx__TensorShapeProto *sides = onnx_take(model, sizeof *sides);
    Onnx__TensorShapeProto__Dimension **list = onnx_take(model, 4 * sizeof(void *));
    const size_t numbers[] = {0, shape.c, shape.h, shape.w};
    for (size_t i = 0; list != NULL && i < 4; i++) {
        list[i] = dimension(model, numbers[i]);
    }
    if (type == NULL || tensor == NULL || sides == NULL || list == NULL || list[3] == NULL) {
        return NULL;
    }
    list[0]->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
    list[0]->dim_param = "batch";
    *sides = (Onnx__TensorShapeProto)ONNX__TENSOR_SHAPE_PROTO__INIT;
    sides->n_dim = 4;
    sides->dim = list;
    *tensor = (Onnx__TypeProto__Tensor)ONNX__TYPE_PROTO__TENSOR__INIT;
    tensor->has_elem_type = true;
    tensor->elem_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
    tensor->shape = sides;
    *type = (Onnx__TypeProto)ONNX__TYPE_PROTO__INIT;
    type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    type->tensor_type = tensor;
    return type;
}

// `text`: for people, or NULL.
static Onnx__ValueInfoProto value_info(struct onnx *model, const char *name, const char *text,
                                       value_id value) {
    Onnx__ValueInfoProto info = ONNX__VALUE_INFO_PROTO__INIT;
    info.name = (char *)name;
    info.doc_string = (char *)text;
    info.type = type_of(model, graph_shape(model->graph, value));
    return info;
}

// ---- the nodes that the first output comes of

static void mark_inputs(const struct onnx *model, const struct node *node, bool *needed) {
    for (int k = 0; k < node->input_count; k++) {
        const int producer = graph_value_at(model->graph, node->inputs[k])->producer;
        if (producer >= 0) {
            needed[producer] = true;
        }
    }
}

// Says the shape of what a node makes: for viewers, and for checkers, which compare it with theirs.
static void add_shape(struct onnx *model, value_id value) {
    Onnx__ValueInfoProto *info = onnx_take(model, sizeof *info);
    if (info != NULL) {
        *info = value_info(model, model->names[model->tensors[value]], NULL, value);
        model->message.value_info[model->message.n_value_info++] = info;
    }
}

static void add_node(struct onnx *model, const struct node *node) {
    const size_t before = model->message.n_node;
    model->node = node;
    if (node->operation->onnx == NULL) {
        onnx_fail(model, "%s: the operation %s has no form in ONNX", node->name,
                  node->operation->name);
        return;
    }
    model->tensors[node->output] = node->operation->onnx(model, node);
    if (model->message.n_node > before) {
        add_shape(model, node->output);
    }
}

// Nodes come behind those that they read from, in the graph and in the model.
static void add_nodes(struct onnx *model) {
    const value_id output = graph_output_at(model->graph, 0);
    const int count = graph_node_count(model->graph);
    bool *needed = onnx_take(model, (size_t)count * sizeof *needed);
    model->message.value_info = onnx_take(model, (size_t)count * sizeof(void *));
    if (model->message.value_info == NULL) {
        return;
    }
    needed[graph_value_at(model->graph, output)->producer] = true;
    for (int i = count - 1; i >= 0; i--) {
        if (needed[i]) {
            mark_inputs(model, graph_node_at(model->graph, i), needed);
        }
    }
    for (int i = 0; i < count; i++) {
        if (needed[i]) {
            add_node(model, graph_node_at(model->graph, i));
        }
    }
    const onnx_id probability = onnx_unary(model, "Sigmoid", model->tensors[output]);
    onnx_rename(model, probability, "probability");
}

// ---- the file

static Onnx__StringStringEntryProto **properties_of(struct onnx *model,
                                                    const struct onnx_description *description) {
    const size_t count = description->property_count;
    Onnx__StringStringEntryProto *entries = onnx_take(model, count * sizeof *entries);
    Onnx__StringStringEntryProto **list = onnx_take(model, count * sizeof *list);
    for (size_t i = 0; entries != NULL && list != NULL && i < count; i++) {
        entries[i] = (Onnx__StringStringEntryProto)ONNX__STRING_STRING_ENTRY_PROTO__INIT;
        entries[i].key = (char *)description->properties[i].key;
        entries[i].value = (char *)description->properties[i].value;
        list[i] = &entries[i];
    }
    return list;
}

struct buffer {
    ProtobufCBuffer base;
    struct sink sink;
};

static void append(ProtobufCBuffer *base, size_t length, const uint8_t *bytes) {
    sink_write(&((struct buffer *)base)->sink, bytes, length);
}

static bool write_model(struct sink sink, const Onnx__ModelProto *message, struct error *error) {
    struct buffer buffer = {{append}, sink};
    const size_t bytes = onnx__model_proto__get_packed_size(message);
    if (bytes > MAX_BYTES) {
        return fail(error, "%zu bytes, and a file of ONNX has at most %lu", bytes, MAX_BYTES);
    }
    (void)onnx__model_proto__pack_to_buffer(message, &buffer.base);
    return true;
}

// The model with all that it points to on the stack.
static bool finish(struct onnx *model, struct sink sink, const struct onnx_description *description,
                   struct error *error) {
    Onnx__ValueInfoProto input = value_info(model, "image", description->input_text, 0);
    Onnx__ValueInfoProto output = value_info(model, "probability", description->output_text,
                                             graph_output_at(model->graph, 0));
    Onnx__ValueInfoProto *inputs[] = {&input};
    Onnx__ValueInfoProto *outputs[] = {&output};
    Onnx__OperatorSetIdProto opset = ONNX__OPERATOR_SET_ID_PROTO__INIT;
    Onnx__OperatorSetIdProto *opsets[] = {&opset};
    Onnx__ModelProto message = ONNX__MODEL_PROTO__INIT;
    opset.domain = "";
    opset.has_version = true;
    opset.version = ONNX_OPSET;
    model->message.name = (char *)description->name;
    model->message.n_input = model->message.n_output = 1;
    model->message.input = inputs;
    model->message.output = outputs;
    message.has_ir_version = true;
    message.ir_version = IR_VERSION;
    message.n_opset_import = 1;
    message.opset_import = opsets;
    message.producer_name = "pleura";
    message.producer_version = PLEURA_VERSION;
    message.doc_string = (char *)description->text;
    message.graph = &model->message;
    message.n_metadata_props = description->property_count;
    message.metadata_props = properties_of(model, description);
    return model->error.text[0] == 0 ? write_model(sink, &message, error)
                                     : fail(error, "%s", model->error.text);
}

bool onnx_export(struct sink sink, const struct graph *graph, const struct weight_table *weights,
                 const struct onnx_description *description, struct error *error) {
    struct onnx model;
    bool written = onnx_open(&model, graph, weights, error);
    if (written) {
        model.tensors[0] = onnx_named(&model, "image");
        add_nodes(&model);
        written = finish(&model, sink, description, error);
    }
    onnx_close(&model);
    return written;
}

// A model is one message of protobuf. It is read as a whole, into memory with a limit, and its
// tensors then become floats.
#include "weights/onnx/onnx.h"

#include "core/text/name_list.h"
#include "onnx.pb-c.h"
#include "weights/types.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LENGTH 2147483647U // of a message of protobuf

// Nothing marks a model. Its first field is the version of the format, of one byte; the field that
// follows is the producer's name or one of those behind it, up to the operators' version.
bool onnx_is(const unsigned char *bytes, size_t length) {
    static const char next[] = "\x12\x1A\x22\x28\x32\x3A\x42";
    return length > 3 && bytes[0] == 8 && bytes[1] > 0 && bytes[1] < 128 && bytes[2] != 0 &&
           strchr(next, bytes[2]) != NULL;
}

// ---- the message

struct memory {
    struct arena *arena;
    struct error *error;
    bool failed;
};

static void *take(void *data, size_t bytes) {
    struct memory *memory = data;
    void *taken = arena_take(memory->arena, bytes, memory->error);
    memory->failed = memory->failed || taken == NULL;
    return taken;
}

// The arena is freed as a whole.
static void leave(void *data, void *bytes) {
    (void)data;
    (void)bytes;
}

// NULL with *error.
static const Onnx__ModelProto *read_message(const struct weight_source *source, struct arena *arena,
                                            struct error *error) {
    struct memory memory = {arena, error, false};
    ProtobufCAllocator allocator = {take, leave, &memory};
    if (source->length > MAX_LENGTH) {
        (void)fail(error, "%" PRIu64 " bytes, and a model of ONNX has at most %u", source->length,
                   MAX_LENGTH);
        return NULL;
    }
    const unsigned char *bytes = weight_source_take(source, 0, source->length, arena, error);
    if (bytes == NULL) {
        return NULL;
    }
    const Onnx__ModelProto *model = onnx__model_proto__unpack(&allocator, source->length, bytes);
    if (model == NULL && !memory.failed) {
        (void)fail(error, "cut short or damaged, or no model of ONNX");
    } else if (model != NULL && model->graph == NULL) {
        (void)fail(error, "a model of ONNX without a graph");
        return NULL;
    }
    return model;
}

// ---- tensors

// Why a tensor is left out; NULL: it is read, as *type.
static const char *foreign(const Onnx__TensorProto *tensor, enum weight_type *type) {
    switch (tensor->data_type) {
    case ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT: *type = WEIGHT_F32; break;
    case ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE: *type = WEIGHT_F64; break;
    case ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16: *type = WEIGHT_F16; break;
    case ONNX__TENSOR_PROTO__DATA_TYPE__BFLOAT16: *type = WEIGHT_BF16; break;
    case ONNX__TENSOR_PROTO__DATA_TYPE__COMPLEX64:
    case ONNX__TENSOR_PROTO__DATA_TYPE__COMPLEX128: return "complex numbers";
    case ONNX__TENSOR_PROTO__DATA_TYPE__STRING: return "texts";
    default: return "no floating numbers";
    }
    return tensor->n_dims > TENSOR_MAX_RANK ? "more than 8 sides" : NULL;
}

// The numbers of a shape, and its sides; false for sides that no tensor has.
static bool read_shape(const Onnx__TensorProto *tensor, size_t shape[TENSOR_MAX_RANK],
                       size_t *count) {
    bool empty = false;
    *count = 1;
    for (size_t i = 0; i < tensor->n_dims; i++) {
        if (tensor->dims[i] < 0) {
            return false;
        }
        shape[i] = (size_t)tensor->dims[i];
        empty = empty || shape[i] == 0;
    }
    for (size_t i = 0; !empty && i < tensor->n_dims; i++) {
        if (__builtin_mul_overflow(*count, shape[i], count)) {
            return false;
        }
    }
    *count = empty ? 0 : *count;
    return true;
}

// How many numbers of its type a tensor holds.
static size_t stored(const Onnx__TensorProto *tensor, enum weight_type type) {
    const size_t size = weight_type_size(type);
    if (tensor->has_raw_data) {
        return tensor->raw_data.len % size == 0 ? tensor->raw_data.len / size : SIZE_MAX;
    }
    return type == WEIGHT_F32   ? tensor->n_float_data
           : type == WEIGHT_F64 ? tensor->n_double_data
                                : tensor->n_int32_data;
}

// Its number i. Those of two bytes that are not raw are in the lower halves of integers.
static float number_at(const Onnx__TensorProto *tensor, enum weight_type type, size_t i) {
    const unsigned char *bytes = tensor->has_raw_data
                                     ? tensor->raw_data.data + i * weight_type_size(type)
                                 : type == WEIGHT_F32 ? (unsigned char *)&tensor->float_data[i]
                                 : type == WEIGHT_F64 ? (unsigned char *)&tensor->double_data[i]
                                                      : (unsigned char *)&tensor->int32_data[i];
    return weight_type_read(type, bytes);
}

// Adds a tensor as `name`, or notes why it is left out.
static bool add_tensor(struct weight_table *table, const Onnx__TensorProto *tensor,
                       const char *name, struct name_list *left, struct error *error) {
    enum weight_type type = WEIGHT_F32;
    size_t shape[TENSOR_MAX_RANK] = {0};
    size_t count = 0;
    const char *why = foreign(tensor, &type);
    if (why != NULL) {
        name_list_add(left, name, strlen(name), why);
        return true;
    }
    if (tensor->n_external_data > 0 ||
        tensor->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL) {
        return fail(error,
                    "'%.200s' lies in another file, and none is opened: save the model as one file "
                    "(torch.onnx.export: external_data=False)",
                    name);
    }
    if (!read_shape(tensor, shape, &count) || count != stored(tensor, type)) {
        return fail(error, "'%.200s' does not have as many numbers as its shape", name);
    }
    struct weight *weight = weight_table_add(table, text_of(name), tensor->n_dims, shape, error);
    for (size_t i = 0; weight != NULL && i < count; i++) {
        weight->values[i] = number_at(tensor, type, i);
    }
    return weight != NULL;
}

// ---- the graph

static int by_name(const void *a, const void *b) {
    const Onnx__TensorProto *const *one = a;
    const Onnx__TensorProto *const *other = b;
    return strcmp((*one)->name, (*other)->name);
}

static int compare_name(const void *name, const void *element) {
    const Onnx__TensorProto *const *tensor = element;
    return strcmp(name, (*tensor)->name);
}

static bool is_of(const Onnx__NodeProto *node, const char *operator_type) {
    return node->op_type != NULL && strcmp(node->op_type, operator_type) == 0;
}

// Tensors by other names.
static bool add_others(struct weight_table *table, const Onnx__GraphProto *graph,
                       struct name_list *left, struct error *error) {
    if (graph->n_initializer == 0) {
        return true;
    }
    qsort(graph->initializer, graph->n_initializer, sizeof(Onnx__TensorProto *), by_name);
    for (size_t i = 0; i < graph->n_node; i++) {
        const Onnx__NodeProto *node = graph->node[i];
        if (is_of(node, "Identity") && node->n_input == 1 && node->n_output == 1) {
            const Onnx__TensorProto *const *tensor =
                bsearch(node->input[0], graph->initializer, graph->n_initializer,
                        sizeof(Onnx__TensorProto *), compare_name);
            if (tensor != NULL && !add_tensor(table, *tensor, node->output[0], left, error)) {
                return false;
            }
        }
    }
    return true;
}

static size_t count_nodes(const Onnx__GraphProto *graph, const char *operator_type) {
    size_t count = 0;
    for (size_t i = 0; i < graph->n_node; i++) {
        count += is_of(graph->node[i], operator_type);
    }
    return count;
}

// What exporters do unless they are told otherwise.
static void note_folded(struct weight_table *table, const Onnx__GraphProto *graph) {
    static const char *const norms[] = {"BatchNormalization", "InstanceNormalization",
                                        "GroupNormalization"};
    size_t count = 0;
    for (size_t i = 0; i < sizeof norms / sizeof *norms; i++) {
        count += count_nodes(graph, norms[i]);
    }
    if (count == 0 && count_nodes(graph, "Conv") > 0) {
        weight_table_note(
            table,
            "has convolutions and no norms: where the network has some, they are folded, and "
            "their numbers are lost. torch.onnx.export keeps them with dynamo=True, "
            "optimize=False, and with dynamo=False, training=TrainingMode.PRESERVE, "
            "do_constant_folding=False");
    }
}

static bool read_graph(const Onnx__GraphProto *graph, struct weight_table *table,
                       struct error *error) {
    struct name_list left = {0};
    for (size_t i = 0; i < graph->n_initializer; i++) {
        Onnx__TensorProto *tensor = graph->initializer[i];
        tensor->name = tensor->name != NULL ? tensor->name : "";
        if (!add_tensor(table, tensor, tensor->name, &left, error)) {
            return false;
        }
    }
    if (!add_others(table, graph, &left, error)) {
        return false;
    }
    note_folded(table, graph);
    if (graph->n_sparse_initializer > 0) {
        weight_table_note(table, "left out: %zu sparse tensors", graph->n_sparse_initializer);
    }
    if (left.count > 0) {
        weight_table_note(table, "left out: %s", name_list_end(&left));
    }
    return true;
}

static const char *property(const Onnx__ModelProto *model, const char *key) {
    for (size_t i = 0; i < model->n_metadata_props; i++) {
        const Onnx__StringStringEntryProto *entry = model->metadata_props[i];
        if (entry->key != NULL && strcmp(entry->key, key) == 0) {
            return entry->value;
        }
    }
    return NULL;
}

bool onnx_read(const struct weight_source *source, struct weight_table *table,
               struct error *error) {
    struct arena arena = {.limit = table->bytes_left};
    const Onnx__ModelProto *model = read_message(source, &arena, error);
    table->bytes_left -= arena.used < table->bytes_left ? arena.used : table->bytes_left;
    const bool read =
        model != NULL &&
        weight_table_describe(table, property(model, "network"), property(model, "side"), error) &&
        read_graph(model->graph, table, error);
    arena_free(&arena);
    return read;
}

// What the calls of a pickle give. The known functions are those by which PyTorch puts tensors back
// together (torch/_utils.py, torch/_tensor.py, torch/serialization.py of PyTorch 0.4 to 2.15).
#include "weights/pth/pickle_machine.h"

#include <string.h>

#define NONE WEIGHT_F32 // where a function has no type of numbers

static const struct {
    const char *name;
    enum pickle_function function;
    enum weight_type numbers;
} functions[] = {
    {"collections.OrderedDict", FUNCTION_DICT, NONE},
    {"collections.defaultdict", FUNCTION_DICT, NONE},
    {"builtins.dict", FUNCTION_DICT, NONE},
    {"__builtin__.dict", FUNCTION_DICT, NONE},
    {"torch._utils._rebuild_tensor", FUNCTION_REBUILD_TENSOR, NONE},
    {"torch._utils._rebuild_tensor_v2", FUNCTION_REBUILD_TENSOR, NONE},
    {"torch._utils._rebuild_tensor_v3", FUNCTION_REBUILD_TENSOR, NONE},
    {"torch._utils._rebuild_parameter", FUNCTION_REBUILD_PARAMETER, NONE},
    {"torch._utils._rebuild_parameter_with_state", FUNCTION_REBUILD_PARAMETER, NONE},
    {"torch._tensor._rebuild_from_type_v2", FUNCTION_REBUILD_FROM_TYPE, NONE},
    {"torch.Tensor", FUNCTION_TENSOR_TYPE, NONE},
    {"torch._tensor.Tensor", FUNCTION_TENSOR_TYPE, NONE},
    {"torch.nn.parameter.Parameter", FUNCTION_TENSOR_TYPE, NONE},
    {"torch.nn.parameter.Buffer", FUNCTION_TENSOR_TYPE, NONE},
    {"torch.Size", FUNCTION_SIZE, NONE},
    {"torch.FloatStorage", FUNCTION_STORAGE, WEIGHT_F32},
    {"torch.DoubleStorage", FUNCTION_STORAGE, WEIGHT_F64},
    {"torch.HalfStorage", FUNCTION_STORAGE, WEIGHT_F16},
    {"torch.BFloat16Storage", FUNCTION_STORAGE, WEIGHT_BF16},
    {"torch.LongStorage", FUNCTION_STORAGE, WEIGHT_I64},
    {"torch.IntStorage", FUNCTION_STORAGE, WEIGHT_I32},
    {"torch.ShortStorage", FUNCTION_STORAGE, WEIGHT_I16},
    {"torch.CharStorage", FUNCTION_STORAGE, WEIGHT_I8},
    {"torch.ByteStorage", FUNCTION_STORAGE, WEIGHT_U8},
    {"torch.BoolStorage", FUNCTION_STORAGE, WEIGHT_BOOL},
    {"torch.storage.UntypedStorage", FUNCTION_STORAGE, WEIGHT_U8},
    {"torch.UntypedStorage", FUNCTION_STORAGE, WEIGHT_U8},
    {"torch.ComplexFloatStorage", FUNCTION_STORAGE, WEIGHT_C64},
    {"torch.ComplexDoubleStorage", FUNCTION_STORAGE, WEIGHT_C128},
    {"torch.QInt8Storage", FUNCTION_STORAGE, WEIGHT_Q8},
    {"torch.QUInt8Storage", FUNCTION_STORAGE, WEIGHT_Q8},
    {"torch.QUInt4x2Storage", FUNCTION_STORAGE, WEIGHT_Q8},
    {"torch.QUInt2x4Storage", FUNCTION_STORAGE, WEIGHT_Q8},
    {"torch.QInt32Storage", FUNCTION_STORAGE, WEIGHT_Q32},
    {"torch.float32", FUNCTION_DTYPE, WEIGHT_F32},
    {"torch.float64", FUNCTION_DTYPE, WEIGHT_F64},
    {"torch.float16", FUNCTION_DTYPE, WEIGHT_F16},
    {"torch.bfloat16", FUNCTION_DTYPE, WEIGHT_BF16},
    {"torch.int64", FUNCTION_DTYPE, WEIGHT_I64},
    {"torch.int32", FUNCTION_DTYPE, WEIGHT_I32},
    {"torch.int16", FUNCTION_DTYPE, WEIGHT_I16},
    {"torch.int8", FUNCTION_DTYPE, WEIGHT_I8},
    {"torch.uint64", FUNCTION_DTYPE, WEIGHT_U64},
    {"torch.uint32", FUNCTION_DTYPE, WEIGHT_U32},
    {"torch.uint16", FUNCTION_DTYPE, WEIGHT_U16},
    {"torch.uint8", FUNCTION_DTYPE, WEIGHT_U8},
    {"torch.bool", FUNCTION_DTYPE, WEIGHT_BOOL},
    {"torch._utils._rebuild_qtensor", FUNCTION_FOREIGN, NONE},
    {"torch._utils._rebuild_sparse_tensor", FUNCTION_FOREIGN, NONE},
    {"torch._utils._rebuild_sparse_csr_tensor", FUNCTION_FOREIGN, NONE},
    {"torch._utils._rebuild_nested_tensor", FUNCTION_FOREIGN, NONE},
    {"torch._utils._rebuild_meta_tensor_no_storage", FUNCTION_FOREIGN, NONE},
};

bool pickle_push_function(struct pickle_machine *machine, struct text module, struct text name) {
    struct pickle_value *value = pickle_new(machine, PICKLE_FUNCTION);
    const size_t length = module.length + 1 + name.length;
    char *joined = value == NULL ? NULL : arena_take(machine->arena, length + 1, machine->error);
    if (joined == NULL) {
        return false;
    }
    memcpy(joined, module.bytes, module.length);
    joined[module.length] = '.';
    memcpy(joined + module.length + 1, name.bytes, name.length);
    value->text = (struct text){joined, length};
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        if (text_is(value->text, functions[i].name)) {
            value->function = (unsigned char)functions[i].function;
            value->element_type = (unsigned char)functions[i].numbers;
        }
    }
    return pickle_push(machine, value);
}

// ---- opaque results

// An opaque value that is `kind` and then a function's name, MODULE.NAME.
static bool push_named(struct pickle_machine *machine, const char *kind, struct text name) {
    const size_t length = strlen(kind);
    struct pickle_value *value = pickle_new(machine, PICKLE_OPAQUE);
    char *what =
        value == NULL ? NULL : arena_take(machine->arena, length + name.length + 1, machine->error);
    if (what == NULL) {
        return false;
    }
    memcpy(what, kind, length);
    memcpy(what + length, name.bytes, name.length);
    value->description = (struct text){what, length + name.length};
    return pickle_push(machine, value);
}

static bool push_object(struct pickle_machine *machine, const struct pickle_value *function) {
    return function->type == PICKLE_FUNCTION
               ? push_named(machine, "an object of ", function->text)
               : pickle_push_opaque(machine, "an object that is not made");
}

static bool push_foreign(struct pickle_machine *machine, const struct pickle_value *function) {
    static const struct {
        const char *part, *what;
    } kinds[] = {
        {"_rebuild_q", "a quantized tensor"},
        {"_rebuild_sparse", "a sparse tensor"},
        {"_rebuild_nested", "a nested tensor"},
        {"_rebuild_meta", "a tensor without numbers (device meta)"},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const size_t length = strlen(kinds[i].part);
        const size_t module = strlen("torch._utils.");
        if (memcmp(function->text.bytes + module, kinds[i].part, length) == 0) {
            return pickle_push_opaque(machine, kinds[i].what);
        }
    }
    return push_object(machine, function);
}

// ---- tensors

static bool is_function(const struct pickle_value *value, enum pickle_function function) {
    return value->type == PICKLE_FUNCTION && value->function == (unsigned char)function;
}

// Numbers of a tuple that are not below zero.
static bool read_sides(const struct pickle_value *tuple, uint64_t sides[TENSOR_MAX_RANK],
                       size_t *rank) {
    if (tuple->type != PICKLE_TUPLE && tuple->type != PICKLE_LIST) {
        return false;
    }
    *rank = tuple->items->count;
    for (size_t i = 0; i < *rank; i++) {
        const struct pickle_value *side = tuple->items->values[i];
        if (side->type != PICKLE_INTEGER || side->integer < 0) {
            return false;
        }
        if (i < TENSOR_MAX_RANK) {
            sides[i] = (uint64_t)side->integer;
        }
    }
    return true;
}

// The last element must lie in the storage.
static bool check_extent(const struct pickle_tensor *tensor, struct error *error) {
    uint64_t end = 0;
    uint64_t last = tensor->offset;
    uint64_t bytes = 0;
    bool empty = false;
    for (size_t i = 0; i < tensor->rank; i++) {
        uint64_t reach = 0;
        empty = empty || tensor->shape[i] == 0;
        if (tensor->shape[i] > 0 &&
            (__builtin_mul_overflow(tensor->shape[i] - 1, tensor->stride[i], &reach) ||
             __builtin_add_overflow(last, reach, &last))) {
            return fail(error, "a tensor that reaches beyond its storage");
        }
    }
    const bool inside =
        empty ||
        (!__builtin_add_overflow(last, 1, &end) &&
         !__builtin_mul_overflow(end, weight_type_size(tensor->element_type), &end) &&
         (__builtin_mul_overflow(tensor->storage->count,
                                 weight_type_size(tensor->storage->element_type), &bytes) ||
          end <= bytes));
    return inside || fail(error, "a tensor that reaches beyond its storage");
}

static bool push_tensor(struct pickle_machine *machine, const struct pickle_tensor *described) {
    struct pickle_value *value = pickle_new(machine, PICKLE_TENSOR);
    struct pickle_tensor *tensor =
        value == NULL ? NULL : arena_take(machine->arena, sizeof *tensor, machine->error);
    if (tensor == NULL) {
        return false;
    }
    *tensor = *described;
    value->tensor = tensor;
    return pickle_push(machine, value);
}

static bool is_empty(const struct pickle_value *value) {
    return value->type == PICKLE_NONE || (value->type == PICKLE_DICT && value->items->count == 0);
}

// Why a tensor's numbers are not those that its storage has, or NULL. `marks` are PyTorch's for a
// view that has every number conjugated or negated.
static const char *foreign_tensor(const struct pickle_tensor *tensor,
                                  const struct pickle_value *marks) {
    if (tensor->rank > TENSOR_MAX_RANK) {
        return "a tensor of more than 8 sides";
    }
    if (marks != NULL && !is_empty(marks)) {
        return "a tensor to be conjugated or negated";
    }
    return weight_type_foreign(tensor->element_type);
}

// (storage, offset, shape, strides, requires_grad, hooks, marks); in the third version a type of
// numbers comes before the marks.
static bool rebuild_tensor(struct pickle_machine *machine, const struct pickle_value *function,
                           const struct pickle_items *arguments) {
    const size_t third = function->text.bytes[function->text.length - 1] == '3' ? 1 : 0;
    const struct pickle_value *dtype = third && arguments->count > 6 ? arguments->values[6] : NULL;
    size_t strides = 0;
    struct pickle_tensor tensor = {0};
    if (arguments->count < 4 || arguments->values[0]->type != PICKLE_STORAGE ||
        arguments->values[1]->type != PICKLE_INTEGER || arguments->values[1]->integer < 0) {
        return fail(machine->error, "a tensor without storage");
    }
    tensor.storage = arguments->values[0]->storage;
    tensor.element_type = tensor.storage->element_type;
    tensor.offset = (uint64_t)arguments->values[1]->integer;
    if (!read_sides(arguments->values[2], tensor.shape, &tensor.rank) ||
        !read_sides(arguments->values[3], tensor.stride, &strides) || strides != tensor.rank) {
        return fail(machine->error, "a tensor without a shape that can be read");
    }
    if (dtype != NULL && is_function(dtype, FUNCTION_DTYPE)) {
        tensor.element_type = dtype->element_type;
    } else if (dtype != NULL) {
        return dtype->type == PICKLE_FUNCTION
                   ? push_named(machine, "a tensor of ", dtype->text)
                   : pickle_push_opaque(machine, "a tensor of a type that is not known");
    }
    const char *foreign =
        foreign_tensor(&tensor, arguments->count > 6 + third ? arguments->values[6 + third] : NULL);
    if (foreign != NULL) {
        return pickle_push_opaque(machine, foreign);
    }
    return check_extent(&tensor, machine->error) && push_tensor(machine, &tensor);
}

// (function, type, arguments, state): tensors with attributes of their own.
static bool rebuild_from_type(struct pickle_machine *machine, const struct pickle_value *function,
                              const struct pickle_items *arguments) {
    if (arguments->count < 3 || arguments->values[0]->type != PICKLE_FUNCTION ||
        arguments->values[2]->type != PICKLE_TUPLE) {
        return push_object(machine, function);
    }
    const struct pickle_value *type = arguments->values[1];
    const enum pickle_function inner = arguments->values[0]->function;
    if (!is_function(type, FUNCTION_TENSOR_TYPE)) {
        return push_object(machine, type->type == PICKLE_FUNCTION ? type : function);
    }
    if (inner == FUNCTION_REBUILD_TENSOR || inner == FUNCTION_FOREIGN) {
        return pickle_call(machine, arguments->values[0], arguments->values[2]);
    }
    return push_object(machine, function);
}

// The first argument, which a Parameter or a Size does nothing to.
static bool push_argument(struct pickle_machine *machine, const struct pickle_value *function,
                          const struct pickle_items *arguments, enum pickle_type type) {
    struct pickle_value *first = arguments->count > 0 ? arguments->values[0] : NULL;
    return first != NULL && (first->type == type || first->type == PICKLE_OPAQUE)
               ? pickle_push(machine, first)
               : push_object(machine, function);
}

// An empty dict, or one of the pairs that Python 2 gives to OrderedDict.
static bool push_dict(struct pickle_machine *machine, const struct pickle_items *arguments) {
    const struct pickle_value *pairs = arguments->count == 1 ? arguments->values[0] : NULL;
    if (!pickle_gather(machine, 0, PICKLE_DICT)) {
        return false;
    }
    for (size_t i = 0; pairs != NULL && pairs->type == PICKLE_LIST && i < pairs->items->count;
         i++) {
        const struct pickle_value *pair = pairs->items->values[i];
        if ((pair->type != PICKLE_LIST && pair->type != PICKLE_TUPLE) || pair->items->count != 2) {
            return fail(machine->error, "a dict of what are no pairs");
        }
        if (!pickle_push(machine, pair->items->values[0]) ||
            !pickle_push(machine, pair->items->values[1]) || !pickle_add(machine, 2, PICKLE_DICT)) {
            return false;
        }
    }
    return true;
}

bool pickle_call(struct pickle_machine *machine, const struct pickle_value *function,
                 const struct pickle_value *arguments) {
    if (arguments->type != PICKLE_TUPLE) {
        return fail(machine->error, "calls without arguments");
    }
    if (function->type == PICKLE_OPAQUE) {
        return push_object(machine, function);
    }
    if (function->type != PICKLE_FUNCTION) {
        return fail(machine->error, "calls what is no function");
    }
    switch (function->function) {
    case FUNCTION_DICT: return push_dict(machine, arguments->items);
    case FUNCTION_REBUILD_TENSOR: return rebuild_tensor(machine, function, arguments->items);
    case FUNCTION_REBUILD_PARAMETER:
        return push_argument(machine, function, arguments->items, PICKLE_TENSOR);
    case FUNCTION_REBUILD_FROM_TYPE: return rebuild_from_type(machine, function, arguments->items);
    case FUNCTION_SIZE: return push_argument(machine, function, arguments->items, PICKLE_TUPLE);
    case FUNCTION_FOREIGN: return push_foreign(machine, function);
    default: return push_object(machine, function);
    }
}

bool pickle_make(struct pickle_machine *machine, const struct pickle_value *class,
                 const struct pickle_value *arguments) {
    return is_function(class, FUNCTION_DICT) || is_function(class, FUNCTION_SIZE)
               ? pickle_call(machine, class, arguments)
               : push_object(machine, class);
}

bool pickle_refer(struct pickle_machine *machine, const struct pickle_value *id) {
    const struct pickle_items *items = id->type == PICKLE_TUPLE ? id->items : NULL;
    // The older form refers to a network's class with its source text.
    if (items != NULL && items->count > 1 && items->values[0]->type == PICKLE_TEXT &&
        text_is(items->values[0]->text, "module")) {
        return pickle_push(machine, items->values[1]);
    }
    if (items == NULL || items->count < 5 || items->values[0]->type != PICKLE_TEXT ||
        !text_is(items->values[0]->text, "storage")) {
        return pickle_push_opaque(machine, "a reference to what is no storage");
    }
    if (!is_function(items->values[1], FUNCTION_STORAGE) || items->values[2]->type != PICKLE_TEXT ||
        items->values[4]->type != PICKLE_INTEGER || items->values[4]->integer < 0) {
        return fail(machine->error, "a storage of a type that is not known");
    }
    if (items->count > 5 && items->values[5]->type != PICKLE_NONE) {
        return fail(machine->error, "a view of a storage, as PyTorch before 0.4 had them");
    }
    struct pickle_value *value = pickle_new(machine, PICKLE_STORAGE);
    struct pickle_storage *storage =
        value == NULL ? NULL : arena_take(machine->arena, sizeof *storage, machine->error);
    if (storage == NULL) {
        return false;
    }
    *storage = (struct pickle_storage){.next = machine->pickle->storages,
                                       .key = items->values[2]->text,
                                       .element_type = items->values[1]->element_type,
                                       .count = (uint64_t)items->values[4]->integer};
    machine->pickle->storages = storage;
    value->storage = storage;
    return pickle_push(machine, value);
}

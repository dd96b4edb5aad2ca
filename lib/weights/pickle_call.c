// The few functions of a state_dict, and looking things up in one.
#include "weights/pickle_call.h"

#include <string.h>

static const struct {
    const char *module, *name;
    int64_t function;
} functions[] = {
    {"collections", "OrderedDict", FUNCTION_ORDERED_DICT},
    {"torch._utils", "_rebuild_tensor_v2", FUNCTION_REBUILD_TENSOR},
    {"torch._utils", "_rebuild_parameter", FUNCTION_REBUILD_PARAMETER},
    {"torch", "Size", FUNCTION_SIZE},
    {"torch", "FloatStorage", FUNCTION_STORAGE + NUMBER_F32},
    {"torch", "DoubleStorage", FUNCTION_STORAGE + NUMBER_F64},
    {"torch", "HalfStorage", FUNCTION_STORAGE + NUMBER_F16},
    {"torch", "BFloat16Storage", FUNCTION_STORAGE + NUMBER_BF16},
    {"torch", "LongStorage", FUNCTION_STORAGE + NUMBER_I64},
    {"torch", "IntStorage", FUNCTION_STORAGE + NUMBER_I32},
    {"torch", "ShortStorage", FUNCTION_STORAGE + NUMBER_I16},
    {"torch", "CharStorage", FUNCTION_STORAGE + NUMBER_I8},
    {"torch", "ByteStorage", FUNCTION_STORAGE + NUMBER_U8},
    {"torch", "BoolStorage", FUNCTION_STORAGE + NUMBER_U8},
};

bool pickle_function(struct text module, struct text name, struct pickle_value *value,
                     struct error *error) {
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        if (text_is(module, functions[i].module) && text_is(name, functions[i].name)) {
            value->type = PICKLE_FUNCTION;
            value->integer = functions[i].function;
            return true;
        }
    }
    return fail(error, "asks to run %.*s.%.*s, which is not done", TEXT_ARG(module),
                TEXT_ARG(name));
}

// Numbers of a tuple that are not below zero.
static bool read_sides(const struct pickle_value *tuple, uint64_t *sides, size_t *rank,
                       struct error *error) {
    if (tuple->type != PICKLE_TUPLE || tuple->count > TENSOR_MAX_RANK) {
        return fail(error, "a tensor without a shape that can be read");
    }
    *rank = tuple->count;
    for (size_t i = 0; i < tuple->count; i++) {
        if (tuple->items[i]->type != PICKLE_INTEGER || tuple->items[i]->integer < 0) {
            return fail(error, "a tensor without a shape that can be read");
        }
        sides[i] = (uint64_t)tuple->items[i]->integer;
    }
    return true;
}

// The last element must lie in the storage.
static bool check_extent(const struct pickle_value *tensor, struct error *error) {
    uint64_t last = tensor->offset;
    uint64_t count = 1;
    for (size_t i = 0; i < tensor->rank; i++) {
        uint64_t reach = 0;
        if (__builtin_mul_overflow(count, tensor->shape[i], &count) ||
            (tensor->shape[i] > 0 &&
             (__builtin_mul_overflow(tensor->shape[i] - 1, tensor->stride[i], &reach) ||
              __builtin_add_overflow(last, reach, &last)))) {
            return fail(error, "a tensor of absurd size");
        }
    }
    // Strides of 0 would make much of little.
    return count == 0 || (last < (uint64_t)tensor->storage->integer &&
                          count <= (uint64_t)tensor->storage->integer)
               ? true
               : fail(error, "a tensor that reaches beyond its storage");
}

static bool rebuild_tensor(const struct pickle_value *arguments, struct pickle_value *made,
                           struct error *error) {
    size_t strides = 0;
    if (arguments->count < 4 || arguments->items[0]->type != PICKLE_STORAGE ||
        arguments->items[1]->type != PICKLE_INTEGER || arguments->items[1]->integer < 0) {
        return fail(error, "a tensor without storage");
    }
    *made = (struct pickle_value){.type = PICKLE_TENSOR,
                                  .storage = arguments->items[0],
                                  .offset = (uint64_t)arguments->items[1]->integer};
    if (!read_sides(arguments->items[2], made->shape, &made->rank, error) ||
        !read_sides(arguments->items[3], made->stride, &strides, error)) {
        return false;
    }
    return strides == made->rank ? check_extent(made, error)
                                 : fail(error, "a tensor whose strides are not its shape's");
}

bool pickle_call(const struct pickle_value *function, const struct pickle_value *arguments,
                 struct pickle_value *made, struct pickle_value **same, struct error *error) {
    if (function->type != PICKLE_FUNCTION || arguments->type != PICKLE_TUPLE) {
        return fail(error, "calls what is no function");
    }
    switch (function->integer) {
    case FUNCTION_ORDERED_DICT: made->type = PICKLE_DICT; return true;
    case FUNCTION_REBUILD_TENSOR: return rebuild_tensor(arguments, made, error);
    case FUNCTION_REBUILD_PARAMETER:
    case FUNCTION_SIZE:
        if (arguments->count < 1) {
            return fail(error, "a call without arguments");
        }
        *same = arguments->items[0];
        return true;
    default: return fail(error, "calls a storage's type");
    }
}

bool pickle_storage(const struct pickle_value *id, struct pickle_value *made, struct error *error) {
    if (id->type != PICKLE_TUPLE || id->count < 5 || id->items[0]->type != PICKLE_TEXT ||
        !text_is(id->items[0]->text, "storage") || id->items[1]->type != PICKLE_FUNCTION ||
        id->items[1]->integer < FUNCTION_STORAGE || id->items[2]->type != PICKLE_TEXT ||
        id->items[4]->type != PICKLE_INTEGER || id->items[4]->integer < 0) {
        return fail(error, "a reference to something that is no storage");
    }
    if (id->count > 5 && id->items[5]->type != PICKLE_NONE) {
        return fail(error, "a view of a storage, as PyTorch before 0.4 had them");
    }
    made->type = PICKLE_STORAGE;
    made->numbers = (enum number_type)(id->items[1]->integer - FUNCTION_STORAGE);
    made->text = id->items[2]->text;
    made->integer = id->items[4]->integer;
    return true;
}

struct pickle_value *pickle_find(const struct pickle_value *dict, const char *key) {
    for (size_t i = 0; dict->type == PICKLE_DICT && i + 1 < dict->count; i += 2) {
        if (dict->items[i]->type == PICKLE_TEXT && text_is(dict->items[i]->text, key)) {
            return dict->items[i + 1];
        }
    }
    return NULL;
}

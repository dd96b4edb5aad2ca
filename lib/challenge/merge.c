// Comparing the records of the streams, field by field, and filling the one that comes out.
#include "challenge/merge.h"

#include "challenge/ensemble.h"
#include "stream/statistics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHAPE_TEXT 200

static bool check_ids(const struct merge *merge, const struct record *inputs,
                      uint64_t record_number, struct error *error) {
    for (size_t k = 1; k < merge->count; k++) {
        if (!text_equal(inputs[k].id, inputs[0].id)) {
            return fail(error, "%s: record %" PRIu64 " is '%.*s', and '%.*s' in %s: %s",
                        merge->names[k], record_number, TEXT_ARG(inputs[k].id),
                        TEXT_ARG(inputs[0].id), merge->names[0],
                        merge->from_first != NULL ? "they are not of one network"
                                                  : "the streams are out of step");
        }
    }
    return true;
}

// "<f2 1024 x 1024"
static const char *describe(char *text, const struct tensor *tensor) {
    int used = snprintf(text, SHAPE_TEXT, "%s", dtype_code(tensor->type));
    for (size_t i = 0; i < tensor->rank; i++) {
        used += snprintf(text + used, SHAPE_TEXT - (size_t)used, "%s%zu", i > 0 ? " x " : " ",
                         tensor->shape[i]);
    }
    return text;
}

static bool same_shape(const struct tensor *a, const struct tensor *b) {
    return a->rank == b->rank && memcmp(a->shape, b->shape, a->rank * sizeof *a->shape) == 0;
}

static bool differ(const struct merge *merge, size_t k, const struct record *record,
                   struct text name, struct error *error) {
    char here[SHAPE_TEXT];
    char first[SHAPE_TEXT];
    return fail(error, "%s: %.*s: '%.*s' is %s, and %s in %s", merge->names[k],
                TEXT_ARG(record->id), TEXT_ARG(name), describe(here, merge->inputs[k]),
                describe(first, merge->inputs[0]), merge->names[0]);
}

static const struct tensor *find_tensor(const struct record *record, struct text name) {
    for (size_t i = 0; i < record->count; i++) {
        const struct value *value = &record->fields[i].value;
        if (value->type == VALUE_TENSOR && text_equal(record->fields[i].name, name)) {
            return value->tensor;
        }
    }
    return NULL;
}

// Fills merge->inputs with the tensors of this name, which must fit each other.
static bool collect(struct merge *merge, const struct record *inputs, struct text name,
                    struct error *error) {
    for (size_t k = 0; k < merge->count; k++) {
        const struct tensor *tensor = merge->inputs[k] = find_tensor(&inputs[k], name);
        const struct tensor *first = merge->inputs[0];
        if (tensor == NULL) {
            return fail(error, "%s: %.*s: no tensor '%.*s', which %s has", merge->names[k],
                        TEXT_ARG(inputs[k].id), TEXT_ARG(name), merge->names[0]);
        }
        const bool averaged = dtype_is_float(first->type) && dtype_is_float(tensor->type);
        if (!same_shape(tensor, first) || (!averaged && tensor->type != first->type)) {
            return differ(merge, k, &inputs[k], name, error);
        }
        if (!averaged && tensor->bytes > 0 &&
            memcmp(tensor->data, first->data, tensor->bytes) != 0) {
            return fail(error, "%s: %.*s: '%.*s' has other values than in %s", merge->names[k],
                        TEXT_ARG(inputs[k].id), TEXT_ARG(name), merge->names[0]);
        }
    }
    return true;
}

static enum dtype mean_type(const struct merge *merge, const struct tensor *first) {
    return merge->type == DTYPE_COUNT ? first->type : merge->type;
}

static size_t mean_bytes(const struct merge *merge, const struct tensor *first) {
    return first->bytes / dtype_size(first->type) * dtype_size(mean_type(merge, first));
}

// Memory for all the means of one record.
static bool reserve(struct merge *merge, const struct record *first, struct error *error) {
    size_t total = 0;
    for (size_t i = 0; i < first->count; i++) {
        const struct value *value = &first->fields[i].value;
        if (value->type == VALUE_TENSOR && dtype_is_float(value->tensor->type)) {
            total += mean_bytes(merge, value->tensor);
        }
    }
    if (merge->inputs == NULL) {
        merge->inputs = calloc(merge->count, sizeof(struct tensor *));
    }
    if (total > merge->capacity) {
        free(merge->bytes);
        merge->bytes = malloc(total);
        merge->capacity = merge->bytes != NULL ? total : 0;
    }
    return (merge->inputs != NULL && total <= merge->capacity) ||
           fail(error, "no memory for a record of %zu bytes", total);
}

// Says which stream's numbers are not finite; if all are, the mean or deviation is not (as f2 it is
// above 65504).
static bool not_finite(const struct merge *merge, struct text name, struct error *error) {
    for (size_t k = 0; k < merge->count; k++) {
        if (!tensor_finite(merge->inputs[k])) {
            return fail(error, "%s: %.*s: '%.*s' holds a number that is not finite",
                        merge->names[k], TEXT_ARG(merge->record.id), TEXT_ARG(name));
        }
    }
    return fail(error, "%.*s: the %s of '%.*s' is too large", TEXT_ARG(merge->record.id),
                merge->deviation ? "deviation" : "mean", TEXT_ARG(name));
}

// The field becomes the mean, or deviation, of merge->inputs, which goes to `bytes`.
static bool put_mean(struct merge *merge, struct field *field, struct tensor *mean,
                     unsigned char *bytes, struct error *error) {
    const struct tensor *tensor = merge->inputs[0];
    *mean = *tensor;
    mean->type = mean_type(merge, tensor);
    mean->bytes = mean_bytes(merge, tensor);
    mean->data = bytes;
    (merge->deviation ? ensemble_deviation : ensemble_mean)(merge->inputs, merge->weights,
                                                            merge->count, mean->type, bytes);
    field->value = value_tensor(mean);
    return tensor_finite(mean) || not_finite(merge, field->name, error);
}

// Whether record k, of stream k, holds finite numbers only.
static bool check_finite(const struct merge *merge, size_t k, const struct record *record,
                         struct error *error) {
    for (size_t i = 0; i < record->count; i++) {
        const struct field *field = &record->fields[i];
        if (field->value.type == VALUE_TENSOR && !tensor_finite(field->value.tensor)) {
            return fail(error, "%s: %.*s: '%.*s' holds a number that is not finite",
                        merge->names[k], TEXT_ARG(record->id), TEXT_ARG(field->name));
        }
    }
    return true;
}

static const struct value *network_of(const struct record *record) {
    const struct value *network = record_find(record, "network");
    return network != NULL && network->type == VALUE_TEXT ? network : NULL;
}

// Whether the records that are the first stream's are of finite numbers, and of one network as far
// as they say.
static bool check_states(const struct merge *merge, const struct record *inputs,
                         struct error *error) {
    const struct value *first = network_of(&inputs[0]);
    for (size_t k = 0; k < merge->count; k++) {
        const struct value *network = network_of(&inputs[k]);
        if (!check_finite(merge, k, &inputs[k], error)) {
            return false;
        }
        if (first != NULL && network != NULL && !text_equal(network->text, first->text)) {
            return fail(error, "%s: is of the network %.*s, and %s of %.*s", merge->names[k],
                        TEXT_ARG(network->text), merge->names[0], TEXT_ARG(first->text));
        }
    }
    return true;
}

bool merge_records(struct merge *merge, const struct record *inputs, uint64_t record_number,
                   struct error *error) {
    const struct record *first = &inputs[0];
    unsigned char *bytes = NULL;
    if (!check_ids(merge, inputs, record_number, error)) {
        return false;
    }
    merge->record = *first;
    if (merge->from_first != NULL && text_is(first->id, merge->from_first)) {
        return check_states(merge, inputs, error);
    }
    if (!reserve(merge, first, error)) {
        return false;
    }
    bytes = merge->bytes;
    for (size_t i = 0; i < first->count; i++) {
        struct field *field = &merge->fields[i];
        *field = first->fields[i];
        if (field->value.type != VALUE_TENSOR) {
            continue;
        }
        if (!collect(merge, inputs, field->name, error)) {
            return false;
        }
        if (dtype_is_float(merge->inputs[0]->type)) {
            if (!put_mean(merge, field, &merge->tensors[i], bytes, error)) {
                return false;
            }
            bytes += merge->tensors[i].bytes;
        }
    }
    merge->record.fields = merge->fields;
    return true;
}

bool merge_pass(const struct merge *merge, const struct record *record, struct error *error) {
    return check_finite(merge, 0, record, error);
}

void merge_free(struct merge *merge) {
    free(merge->inputs);
    free(merge->bytes);
}

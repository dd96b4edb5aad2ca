// From items to a record: field names, values, tensors.
#include "stream/parse.h"

#include <string.h>

static bool is_word(const struct item *item, const char *word) {
    return (item->type == ITEM_TEXT || item->type == ITEM_BYTES) && text_is(item->text, word);
}

static bool find_dtype(const struct item *item, enum dtype *type) {
    for (int i = 0; i < DTYPE_COUNT; i++) {
        if (is_word(item, dtype_code((enum dtype)i))) {
            *type = (enum dtype)i;
            return true;
        }
    }
    return false;
}

static bool parse_shape(struct tensor *tensor, const struct item *item, const struct item *items,
                        struct error *error) {
    if (item->type != ITEM_LIST || item->range.count > TENSOR_MAX_RANK) {
        return fail(error, "a tensor's shape is not a list of at most %d numbers", TENSOR_MAX_RANK);
    }
    tensor->rank = item->range.count;
    for (size_t i = 0; i < tensor->rank; i++) {
        const struct item *side = &items[item->range.first + i];
        if (side->type != ITEM_INTEGER || side->integer < 0) {
            return fail(error, "a side of a tensor's shape is negative or no whole number");
        }
        tensor->shape[i] = (size_t)side->integer;
    }
    return true;
}

enum tensor_key { KEY_ND, KEY_TYPE, KEY_KIND, KEY_SHAPE, KEY_DATA, KEY_COUNT };

// A tensor is a map as msgpack-numpy writes it: these five names, each once.
static bool find_tensor_values(const struct item *map, const struct item *items,
                               const struct item *values[KEY_COUNT], struct error *error) {
    static const char *const names[KEY_COUNT] = {"nd", "type", "kind", "shape", "data"};
    size_t found = 0;
    for (size_t i = 0; i < map->range.count; i += 2) {
        const struct item *key = &items[map->range.first + i];
        for (int key_index = 0; key_index < KEY_COUNT; key_index++) {
            if (values[key_index] == NULL && is_word(key, names[key_index])) {
                values[key_index] = key + 1;
                found++;
            }
        }
    }
    return (found == KEY_COUNT && map->range.count == 2 * KEY_COUNT) ||
           fail(error, "a map that is not a tensor (nd, type, kind, shape and data, each once)");
}

static bool parse_tensor(struct tensor *tensor, const struct item *map, const struct item *items,
                         struct error *error) {
    const struct item *values[KEY_COUNT] = {NULL};
    if (!find_tensor_values(map, items, values, error)) {
        return false;
    }
    if (values[KEY_ND]->type != ITEM_BOOLEAN || values[KEY_ND]->integer != 1 ||
        !is_word(values[KEY_KIND], "") || values[KEY_DATA]->type != ITEM_BYTES) {
        return fail(error, "a tensor whose nd is not true, kind not empty or data not bytes");
    }
    if (!find_dtype(values[KEY_TYPE], &tensor->type)) {
        return fail(error, "a tensor's type is none of |u1 <u2 <i4 <i8 <f2 <f4 <f8");
    }
    tensor->data = values[KEY_DATA]->text.bytes;
    tensor->bytes = values[KEY_DATA]->text.length;
    return parse_shape(tensor, values[KEY_SHAPE], items, error);
}

static bool parse_value(struct parsed *parsed, struct value *value, const struct item *item,
                        struct item *items, struct error *error);

// An item and the value that it becomes take the same place.
_Static_assert(sizeof(struct item) == sizeof(struct value), "items become values in their places");

static bool parse_list(struct parsed *parsed, struct value *value, const struct item *item,
                       struct item *items, struct error *error) {
    struct value *values = (struct value *)(void *)(items + item->range.first);
    for (size_t i = 0; i < item->range.count; i++) {
        const struct item entry = items[item->range.first + i];
        if (entry.type == ITEM_MAP) {
            return fail(error, "a map in a list");
        }
        struct value item_value;
        if (!parse_value(parsed, &item_value, &entry, items, error)) {
            return false;
        }
        values[i] = item_value;
    }
    *value = value_list(values, item->range.count);
    return true;
}

static bool parse_value(struct parsed *parsed, struct value *value, const struct item *item,
                        struct item *items, struct error *error) {
    switch (item->type) {
    case ITEM_INTEGER: *value = value_integer(item->integer); return true;
    case ITEM_UNSIGNED:
        *value = (struct value){.type = VALUE_UNSIGNED, .natural = item->natural};
        return true;
    case ITEM_NUMBER: *value = value_number(item->number); return true;
    case ITEM_TEXT: *value = value_text(item->text); return true;
    case ITEM_LIST: return parse_list(parsed, value, item, items, error);
    case ITEM_MAP:
        *value = value_tensor(&parsed->tensors[parsed->tensor_count]);
        return parse_tensor(&parsed->tensors[parsed->tensor_count++], item, items, error);
    default: return fail(error, "neither tensor, number, text nor list");
    }
}

static bool parse_fields(struct parsed *parsed, struct tokens *tokens, bool *has_id,
                         struct error *error) {
    const struct item *map = &tokens->root;
    *has_id = false;
    parsed->field_count = parsed->tensor_count = 0;
    for (size_t i = 0; i < map->range.count; i += 2) {
        const struct item *key = &tokens->items[map->range.first + i];
        if (key->type != ITEM_TEXT) {
            return fail(error, "a name that is not a text");
        }
        if (text_is(key->text, "id")) {
            if (*has_id || key[1].type != ITEM_TEXT) {
                return fail(error, "'id' twice, or not a text");
            }
            *has_id = true;
            parsed->record.id = key[1].text;
            continue;
        }
        if (parsed->field_count == RECORD_MAX_FIELDS) {
            return fail(error, "more than %d names", RECORD_MAX_FIELDS);
        }
        struct field *field = &parsed->fields[parsed->field_count++];
        field->name = key->text;
        if (!parse_value(parsed, &field->value, &key[1], tokens->items, error)) {
            return fail_within(error, "'%.*s'", TEXT_ARG(key->text));
        }
    }
    return true;
}

bool parse_object(struct parsed *parsed, struct tokens *tokens, struct error *error) {
    bool has_id = false;
    if (tokens->root.type != ITEM_MAP) {
        return fail(error, "not a map");
    }
    parsed->record = (struct record){.fields = parsed->fields};
    if (!parse_fields(parsed, tokens, &has_id, error)) {
        return false;
    }
    parsed->record.count = parsed->field_count;
    if (!record_check(&parsed->record, error)) {
        return false;
    }
    if (has_id) {
        parsed->kind = OBJECT_RECORD;
    } else if (record_find(&parsed->record, "pleura") != NULL) {
        parsed->kind = OBJECT_HEADER;
    } else if (record_find(&parsed->record, "end") != NULL) {
        parsed->kind = OBJECT_END;
    } else {
        return fail(error, "a map that is no record (it has no 'id'), no header and no end");
    }
    return true;
}

void parse_drop_lists(struct parsed *parsed, struct tokens *tokens) {
    for (size_t i = 0; i < parsed->field_count; i++) {
        if (parsed->fields[i].value.type == VALUE_LIST) {
            parsed->fields[i].value = value_list(NULL, 0);
        }
    }
    tokens_free(tokens);
}

bool parse_is_kind(const struct value *kind) {
    if (kind->type != VALUE_TEXT || kind->text.length == 0 || kind->text.length > KIND_MAX) {
        return false;
    }
    for (size_t i = 0; i < kind->text.length; i++) {
        if (strchr("abcdefghijklmnopqrstuvwxyz-", kind->text.bytes[i]) == NULL ||
            kind->text.bytes[i] == 0) {
            return false;
        }
    }
    return true;
}

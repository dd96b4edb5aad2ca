// Looking through what a trainer saved.
#include "weights/pth/state_dict.h"

#include "core/text/name_list.h"

#include <string.h>

// The usual names, the likelier first.
static const char *const names[] = {
    "state_dict", "model_state_dict", "model_state", "model", "net",       "network",
    "weights",    "params",           "module",      "ema",   "model_ema", "state_dict_ema",
};
#define NAMES (sizeof names / sizeof *names)

bool state_dict_has(const struct pickle_value *dict, size_t item) {
    return dict->items->values[2 * item]->type == PICKLE_TEXT &&
           dict->items->values[2 * item + 1]->type == PICKLE_TENSOR;
}

static size_t count_tensors(const struct pickle_value *value) {
    size_t count = 0;
    for (size_t i = 0; value->type == PICKLE_DICT && i < value->items->count / 2; i++) {
        count += state_dict_has(value, i);
    }
    return count;
}

// ---- what a message says of a value

// The keys that are texts, with what is known of the values; `but` is left out.
static void list_keys(const struct pickle_value *dict, const struct pickle_value *but,
                      struct name_list *list) {
    for (size_t i = 0; i < dict->items->count / 2; i++) {
        const struct pickle_value *key = dict->items->values[2 * i];
        const struct pickle_value *value = dict->items->values[2 * i + 1];
        char note[100] = "";
        if (key->type != PICKLE_TEXT || value == but) {
            continue;
        }
        if (value->type == PICKLE_OPAQUE) {
            const size_t length = value->description.length < sizeof note
                                      ? value->description.length
                                      : sizeof note - 1;
            memcpy(note, value->description.bytes, length);
            note[length] = 0;
        }
        name_list_add(list, key->text.bytes, key->text.length, note[0] != 0 ? note : NULL);
    }
}

static bool is_object(const struct pickle_value *value) {
    static const char start[] = "an object of ";
    const size_t length = sizeof start - 1;
    return value->description.length > length &&
           memcmp(value->description.bytes, start, length) == 0;
}

static bool fail_without(const struct pickle_value *top, struct error *error) {
    struct name_list list = {.max_bytes = 300};
    switch (top->type) {
    case PICKLE_DICT:
        list_keys(top, NULL, &list);
        return list.count == 0 ? fail(error, "holds no tensors, but a dict without names")
                               : fail(error, "holds no dict of tensors, but a dict of %s",
                                      name_list_end(&list));
    case PICKLE_OPAQUE:
        return fail(error, "holds no dict of tensors, but %.*s%s", TEXT_ARG(top->description),
                    is_object(top) ? "; of a network, save its state_dict()" : "");
    case PICKLE_TENSOR: return fail(error, "holds a single tensor, not a dict of tensors");
    case PICKLE_TUPLE:
    case PICKLE_LIST:
        return fail(error, "holds a list of %zu values, not a dict of tensors", top->items->count);
    default: return fail(error, "holds no dict of tensors, but a single value");
    }
}

// ---- the search

#define DEEPEST 8
struct path {
    struct pickle_value *dicts[DEEPEST + 1]; // from the top to the state_dict
    size_t depth;                            // of the state_dict
};

// Each dict is visited once, whatever refers to it.
static bool find_named(struct pickle_value *dict, size_t depth, struct path *path) {
    struct pickle_value *found[NAMES] = {NULL};
    if (dict->type != PICKLE_DICT || dict->visited || depth > DEEPEST) {
        return false;
    }
    dict->visited = true;
    path->dicts[depth] = dict;
    path->depth = depth;
    for (size_t i = 0; i < dict->items->count / 2; i++) {
        const struct pickle_value *key = dict->items->values[2 * i];
        for (size_t k = 0; key->type == PICKLE_TEXT && k < NAMES; k++) {
            if (text_is(key->text, names[k])) {
                found[k] = dict->items->values[2 * i + 1];
            }
        }
    }
    for (size_t k = 0; k < NAMES; k++) {
        if (found[k] != NULL && find_named(found[k], depth + 1, path)) {
            return true;
        }
    }
    path->depth = depth;
    return count_tensors(dict) > 0;
}

static bool find_largest(struct pickle_value *top, struct path *path) {
    size_t most = 0;
    path->dicts[0] = top;
    path->depth = 1;
    for (size_t i = 0; top->type == PICKLE_DICT && i < top->items->count / 2; i++) {
        struct pickle_value *value = top->items->values[2 * i + 1];
        const bool named = top->items->values[2 * i]->type == PICKLE_TEXT && !value->visited;
        const size_t count = named ? count_tensors(value) : 0;
        value->visited = true;
        if (count > most) {
            most = count;
            path->dicts[1] = value;
        }
    }
    return most > 0;
}

// The dict or tensor that a dict has under a name; NULL: none.
static struct pickle_value *value_of(const struct pickle_value *dict, struct text name) {
    for (size_t i = 0; dict->type == PICKLE_DICT && i < dict->items->count / 2; i++) {
        const struct pickle_value *key = dict->items->values[2 * i];
        if (key->type == PICKLE_TEXT && text_equal(key->text, name)) {
            return dict->items->values[2 * i + 1];
        }
    }
    return NULL;
}

// Goes along the names of `wanted`, with slashes between, and on from there by the usual ones.
static bool find_wanted(struct pickle_value *top, const char *wanted, struct path *path,
                        struct error *error) {
    struct name_list list = {.max_bytes = 300};
    struct pickle_value *dict = top;
    const char *rest = wanted;
    path->depth = 0;
    do {
        const struct text name = {rest, strcspn(rest, "/")};
        struct pickle_value *value = value_of(dict, name);
        if (value == NULL || value->type != PICKLE_DICT || path->depth == DEEPEST) {
            if (dict->type != PICKLE_DICT) {
                return fail_without(dict, error);
            }
            list_keys(dict, NULL, &list);
            return fail(error, "has no dict '%.*s'; there are %s", TEXT_ARG(name),
                        list.count > 0 ? name_list_end(&list) : "no names");
        }
        path->dicts[path->depth++] = dict;
        dict = value;
        rest += name.length + (rest[name.length] == '/');
    } while (*rest != 0);
    return find_named(dict, path->depth, path) ||
           fail(error, "'%.100s' is no dict of tensors", wanted);
}

// The key of a dict's value, of which there is one that is a text.
static struct text key_of(const struct pickle_value *dict, const struct pickle_value *value) {
    for (size_t i = 0; i < dict->items->count / 2; i++) {
        if (dict->items->values[2 * i + 1] == value &&
            dict->items->values[2 * i]->type == PICKLE_TEXT) {
            return dict->items->values[2 * i]->text;
        }
    }
    return text_of("");
}

// Says what is taken of a dict, and what else there was.
static void note_choice(const struct pickle_value *dict, const struct pickle_value *taken,
                        bool inner, struct weight_table *table) {
    struct name_list chosen = {0};
    struct name_list others = {0};
    const struct text key = key_of(dict, taken);
    name_list_add(&chosen, key.bytes, key.length, NULL);
    list_keys(dict, taken, &others);
    if (others.count > 0) {
        weight_table_note(table, "%s%s is taken; passed over: %s", inner ? "in it " : "",
                          name_list_end(&chosen), name_list_end(&others));
    }
}

const struct pickle_value *state_dict_find(struct pickle_value *top, struct weight_table *table,
                                           struct error *error) {
    struct path path = {.depth = 0};
    if (table->state_dict != NULL) {
        if (!find_wanted(top, table->state_dict, &path, error)) {
            return NULL;
        }
    } else if (!find_named(top, 0, &path) && !find_largest(top, &path)) {
        (void)fail_without(top, error);
        return NULL;
    }
    for (size_t i = 0; i < path.depth; i++) {
        note_choice(path.dicts[i], path.dicts[i + 1], i > 0, table);
    }
    return path.dicts[path.depth];
}

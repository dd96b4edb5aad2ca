// JSON of the fixtures, read into a tree. They are ours: nothing here stands up to hostile files.
#include "jansson.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { OBJECT, ARRAY, STRING, INTEGER, REAL, OTHER };

struct json_t {
    enum kind kind;
    char *name; // in an object
    char *text; // of a string
    long long integer;
    double number;
    json_t *first, *next; // members or elements; the next of the same object or array
    size_t count;
    json_t **at; // an array's elements
};

struct text {
    const char *start, *at;
};

static void skip_space(struct text *text) {
    text->at += strspn(text->at, " \t\r\n");
}

static bool took(struct text *text, char wanted) {
    skip_space(text);
    const bool there = *text->at == wanted;
    text->at += there;
    return there;
}

static char *take_string(struct text *text) {
    if (!took(text, '"')) {
        return NULL;
    }
    const size_t length = strcspn(text->at, "\"\\"); // fixtures escape nothing
    if (text->at[length] != '"') {
        return NULL;
    }
    char *copy = strndup(text->at, length);
    text->at += length + 1;
    return copy;
}

static json_t *take_value(struct text *text);

// Members or elements up to `end`, behind the bracket.
static bool take_parts(struct text *text, json_t *whole, char end) {
    json_t **link = &whole->first;
    if (took(text, end)) {
        return true;
    }
    do {
        char *name = whole->kind == OBJECT ? take_string(text) : NULL;
        json_t *part =
            whole->kind == OBJECT && (name == NULL || !took(text, ':')) ? NULL : take_value(text);
        if (part == NULL) {
            free(name);
            return false;
        }
        part->name = name;
        *link = part;
        link = &part->next;
        whole->count++;
    } while (took(text, ','));
    return took(text, end);
}

static bool index_elements(json_t *array) {
    size_t i = 0;
    array->at = calloc(array->count + 1, sizeof(json_t *));
    for (json_t *part = array->first; array->at != NULL && part != NULL; part = part->next) {
        array->at[i++] = part;
    }
    return array->at != NULL;
}

static bool take_scalar(struct text *text, json_t *value) {
    static const char *const words[] = {"true", "false", "null"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strncmp(text->at, words[i], strlen(words[i])) == 0) {
            text->at += strlen(words[i]);
            value->kind = OTHER;
            return true;
        }
    }
    const size_t length = strspn(text->at, "+-.0123456789eE");
    value->kind = strcspn(text->at, ".eE") < length ? REAL : INTEGER;
    value->integer = strtoll(text->at, NULL, 10);
    value->number = strtod(text->at, NULL);
    text->at += length;
    return length > 0;
}

static json_t *take_value(struct text *text) {
    json_t *value = calloc(1, sizeof *value);
    bool good = true;
    if (value == NULL) {
        return NULL;
    }
    skip_space(text);
    if (took(text, '{')) {
        value->kind = OBJECT;
        good = take_parts(text, value, '}');
    } else if (took(text, '[')) {
        value->kind = ARRAY;
        good = take_parts(text, value, ']') && index_elements(value);
    } else if (*text->at == '"') {
        value->kind = STRING;
        value->text = take_string(text);
        good = value->text != NULL;
    } else {
        good = take_scalar(text, value);
    }
    if (!good) {
        json_decref(value);
        value = NULL;
    }
    return value;
}

static char *read_file(const char *path) {
    FILE *file = fopen(path, "rb");
    char *bytes = NULL;
    size_t length = 0;
    if (file == NULL || getdelim(&bytes, &length, '\0', file) < 0) {
        free(bytes);
        bytes = NULL;
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return bytes;
}

json_t *json_load_file(const char *path, size_t flags, json_error_t *error) {
    (void)flags;
    char *bytes = read_file(path);
    if (bytes == NULL) {
        *error = (json_error_t){0, "cannot be read"};
        return NULL;
    }
    struct text text = {bytes, bytes};
    json_t *value = take_value(&text);
    skip_space(&text);
    if (value == NULL || *text.at != '\0') {
        *error = (json_error_t){1, "is not JSON"};
        for (const char *at = text.start; at < text.at; at++) {
            error->line += *at == '\n';
        }
        json_decref(value);
        value = NULL;
    }
    free(bytes);
    return value;
}

void json_decref(json_t *value) {
    if (value == NULL) {
        return;
    }
    for (json_t *part = value->first; part != NULL;) {
        json_t *next = part->next;
        json_decref(part);
        part = next;
    }
    free(value->name);
    free(value->text);
    free(value->at);
    free(value);
}

json_t *json_object_get(const json_t *object, const char *name) {
    json_t *part = object != NULL && object->kind == OBJECT ? object->first : NULL;
    while (part != NULL && strcmp(part->name, name) != 0) {
        part = part->next;
    }
    return part;
}

size_t json_array_size(const json_t *array) {
    return array != NULL && array->kind == ARRAY ? array->count : 0;
}

json_t *json_array_get(const json_t *array, size_t index) {
    return index < json_array_size(array) ? array->at[index] : NULL;
}

const char *json_string_value(const json_t *value) {
    return value != NULL && value->kind == STRING ? value->text : NULL;
}

long long json_integer_value(const json_t *value) {
    return json_is_integer(value) ? value->integer : 0;
}

double json_number_value(const json_t *value) {
    return json_is_number(value) ? value->number : 0;
}

bool json_is_integer(const json_t *value) {
    return value != NULL && value->kind == INTEGER;
}

bool json_is_number(const json_t *value) {
    return value != NULL && (value->kind == INTEGER || value->kind == REAL);
}

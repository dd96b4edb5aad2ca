// As much of jansson as parity needs, for machines without it: reading fixtures.
#ifndef PLEURA_TESTS_PLAIN_JANSSON_H
#define PLEURA_TESTS_PLAIN_JANSSON_H

#include <stdbool.h>
#include <stddef.h>

typedef struct json_t json_t;
typedef struct json_error_t {
    int line;
    char text[160];
} json_error_t;

// NULL with *error for a file that cannot be read or is not JSON. `flags` is 0.
json_t *json_load_file(const char *path, size_t flags, json_error_t *error);
void json_decref(json_t *value); // of what json_load_file gave

// NULL or 0 where there is none, or the value is of another kind.
json_t *json_object_get(const json_t *object, const char *name);
size_t json_array_size(const json_t *array);
json_t *json_array_get(const json_t *array, size_t index);
const char *json_string_value(const json_t *value);
long long json_integer_value(const json_t *value);
double json_number_value(const json_t *value);
bool json_is_integer(const json_t *value);
bool json_is_number(const json_t *value);

#define json_array_foreach(array, index, value)                                                    \
    for ((index) = 0;                                                                              \
         (index) < json_array_size(array) && ((value) = json_array_get(array, index)) != NULL;     \
         (index)++)

#endif

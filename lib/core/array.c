// Arrays that grow by doubling.
#include "core/array.h"

#include <stdint.h>
#include <stdlib.h>

#define FIRST_CAPACITY ((size_t)64) // elements

void *array_grow(void *array, size_t *capacity, size_t needed, size_t size) {
    if (needed <= *capacity) {
        return array;
    }
    const size_t most = SIZE_MAX / 2 / size; // so that neither doubling nor bytes overflow
    if (needed > most) {
        return NULL;
    }
    const size_t doubled = *capacity > 0 ? 2 * *capacity : FIRST_CAPACITY;
    const size_t larger = doubled > needed ? doubled : needed;
    void *grown = larger <= most ? realloc(array, larger * size) : NULL;
    if (grown != NULL) {
        *capacity = larger;
    }
    return grown;
}

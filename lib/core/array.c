// Arrays that grow by doubling.
#include "core/array.h"
#include "core/numbers/size.h"

#include <stdint.h>
#include <stdlib.h>

#define FIRST_CAPACITY ((size_t)64) // elements

void *array_grow_within(void *array, size_t *capacity, size_t needed, size_t size, size_t limit) {
    if (needed <= *capacity) {
        return array;
    }
    const size_t max = SIZE_MAX / 2 / size; // so that neither doubling nor bytes overflow
    if (needed > size_min(max, limit)) {
        return NULL;
    }
    const size_t doubled = *capacity > 0 ? 2 * *capacity : FIRST_CAPACITY;
    const size_t larger = size_min(doubled > needed ? doubled : needed, limit);
    void *grown = larger <= max ? realloc(array, larger * size) : NULL;
    if (grown != NULL) {
        *capacity = larger;
    }
    return grown;
}

void *array_grow(void *array, size_t *capacity, size_t needed, size_t size) {
    return array_grow_within(array, capacity, needed, size, SIZE_MAX);
}

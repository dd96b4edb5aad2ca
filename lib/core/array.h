// Arrays that grow.
#ifndef PLEURA_CORE_ARRAY_H
#define PLEURA_CORE_ARRAY_H

#include "core/error.h"

#include <stddef.h>

// Room for `needed` (at least 1) elements of `size` bytes in an array from malloc (or NULL) that
// has room for *capacity of them: the array as it is where that will do, or else moved to where
// there is room for twice as many or for `needed`, whichever is more, and *capacity says so. Adding
// n elements one by one so copies O(n). NULL where there is no memory; array and *capacity are as
// before then.
CHECKED void *array_grow(void *array, size_t *capacity, size_t needed, size_t size);

#endif

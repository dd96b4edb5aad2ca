// Arrays that grow.
#ifndef PLEURA_CORE_ARRAY_H
#define PLEURA_CORE_ARRAY_H

#include "core/error.h"

#include <stddef.h>

// Gives an array from malloc (or NULL), which holds *capacity elements of `size` bytes, memory for
// `needed` (at least 1) of them. The array is returned as it is where it is large enough; else it
// is reallocated for twice as many or for `needed`, whichever is more, and *capacity is set. Adding
// n elements one by one so copies O(n). NULL where there is no memory; the array and *capacity are
// as before then.
CHECKED void *array_grow(void *array, size_t *capacity, size_t needed, size_t size);

// The same for an array that never has more than `limit` elements: NULL where more are needed.
CHECKED void *array_grow_within(void *array, size_t *capacity, size_t needed, size_t size,
                                size_t limit);

#endif

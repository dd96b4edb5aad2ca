// IEEE 754 half precision, 16 bits, little endian in memory.
#ifndef PLEURA_CORE_NUMBERS_HALF_H
#define PLEURA_CORE_NUMBERS_HALF_H

#include <stddef.h>
#include <stdint.h>

// Exact.
float half_to_float(uint16_t half);

// To the nearest, ties to even; above 65519.99 infinity; NaN stays NaN.
uint16_t half_from_float(float number);

// `count` numbers; the bytes of the halves need no alignment.
void half_read(float *numbers, const void *halves, size_t count);
void half_write(void *halves, const float *numbers, size_t count);

#endif

// IEEE 754 half precision, 16 bits, little endian in memory.
#ifndef PLEURA_CORE_NUMBERS_FP16_H
#define PLEURA_CORE_NUMBERS_FP16_H

#include <stddef.h>
#include <stdint.h>

// The float of the same value: exact.
float fp16_to_float(uint16_t fp16);

// The nearest number of 16 bits, ties to even; above 65519.99 infinity; NaN stays NaN.
uint16_t fp16_from_float(float number);

// `count` numbers; the bytes need no alignment.
void fp16_read(float *numbers, const void *bytes, size_t count);
void fp16_write(void *bytes, const float *numbers, size_t count);

#endif

// Numbers as files of weights store them, little endian.
#ifndef PLEURA_WEIGHTS_NUMBERS_H
#define PLEURA_WEIGHTS_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>

enum number_type {
    NUMBER_F32,
    NUMBER_F64,
    NUMBER_F16,
    NUMBER_BF16,
    NUMBER_I64,
    NUMBER_I32,
    NUMBER_I16,
    NUMBER_I8,
    NUMBER_U8,
    NUMBER_TYPES,
};

size_t number_size(enum number_type type); // bytes

// The number at `at`, which needs no alignment, rounded to float32.
float number_read(enum number_type type, const unsigned char *at);

#endif

// Numbers as files of weights store them, little endian.
#ifndef PLEURA_WEIGHTS_NUMBERS_H
#define PLEURA_WEIGHTS_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>

// The types that are read, then those that are only known by name.
enum number_type {
    NUMBER_F32,
    NUMBER_F64,
    NUMBER_F16,
    NUMBER_BF16,
    NUMBER_I64,
    NUMBER_I32,
    NUMBER_I16,
    NUMBER_I8,
    NUMBER_U64,
    NUMBER_U32,
    NUMBER_U16,
    NUMBER_U8,
    NUMBER_BOOL, // a byte: false where it is 0
    NUMBER_TYPES,
    NUMBER_C64 = NUMBER_TYPES, // complex
    NUMBER_C128,
    NUMBER_Q8, // quantized
    NUMBER_Q32,
    NUMBER_TYPES_KNOWN,
};

size_t number_size(enum number_type type); // bytes

// Why a type is not read, for a message: "complex numbers"; NULL of one that is.
const char *number_foreign(enum number_type type);

// The number at `at`, which needs no alignment, rounded to float32; a bool is 0 or 1. Of a type
// that is read.
float number_read(enum number_type type, const unsigned char *at);

#endif

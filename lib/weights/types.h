// Numbers as files of weights store them, little endian.
#ifndef PLEURA_WEIGHTS_TYPES_H
#define PLEURA_WEIGHTS_TYPES_H

#include <stdbool.h>
#include <stddef.h>

// The types that are read, then those that are only known by name.
enum weight_type {
    WEIGHT_F32,
    WEIGHT_F64,
    WEIGHT_F16,
    WEIGHT_BF16,
    WEIGHT_I64,
    WEIGHT_I32,
    WEIGHT_I16,
    WEIGHT_I8,
    WEIGHT_U64,
    WEIGHT_U32,
    WEIGHT_U16,
    WEIGHT_U8,
    WEIGHT_BOOL, // a byte: false where it is 0
    WEIGHT_TYPES,
    WEIGHT_C64 = WEIGHT_TYPES, // complex
    WEIGHT_C128,
    WEIGHT_Q8, // quantized
    WEIGHT_Q32,
    WEIGHT_TYPES_KNOWN,
};

size_t weight_type_size(enum weight_type type); // bytes

// Why a type is not read, for a message: "complex numbers"; NULL of one that is.
const char *weight_type_foreign(enum weight_type type);

// The number at `bytes`, which needs no alignment, rounded to float32; a bool is 0 or 1. Of a type
// that is read.
float weight_type_read(enum weight_type type, const unsigned char *bytes);

#endif

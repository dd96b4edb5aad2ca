// Reading stored numbers.
#include "weights/numbers.h"

#include "core/numbers/fp16.h"

#include <stdint.h>
#include <string.h>

size_t number_size(enum number_type type) {
    static const size_t sizes[NUMBER_TYPES_KNOWN] = {4, 8, 2, 2, 8, 4,  2, 1, 8,
                                                     4, 2, 1, 1, 8, 16, 1, 4};
    return sizes[type];
}

const char *number_foreign(enum number_type type) {
    return type < NUMBER_TYPES                         ? NULL
           : type == NUMBER_C64 || type == NUMBER_C128 ? "complex numbers"
                                                       : "quantized numbers";
}

float number_read(enum number_type type, const unsigned char *at) {
    union {
        float f32;
        double f64;
        uint16_t half, u16;
        uint32_t bits, u32;
        int64_t i64;
        uint64_t u64;
        int32_t i32;
        int16_t i16;
    } number;
    memcpy(&number, at, number_size(type));
    switch (type) {
    case NUMBER_F32: return number.f32;
    case NUMBER_F64: return (float)number.f64;
    case NUMBER_F16: return fp16_to_float(number.half);
    case NUMBER_BF16: {
        const uint32_t upper = (uint32_t)number.half << 16;
        number.bits = upper;
        return number.f32;
    }
    case NUMBER_I64: return (float)number.i64;
    case NUMBER_I32: return (float)number.i32;
    case NUMBER_I16: return (float)number.i16;
    case NUMBER_I8: return (float)(signed char)*at;
    case NUMBER_U64: return (float)number.u64;
    case NUMBER_U32: return (float)number.u32;
    case NUMBER_U16: return (float)number.u16;
    case NUMBER_BOOL: return *at != 0 ? 1.0F : 0.0F;
    default: return (float)*at;
    }
}

// Reading stored numbers.
#include "weights/numbers.h"

#include "core/half.h"

#include <stdint.h>
#include <string.h>

size_t number_size(enum number_type type) {
    static const size_t sizes[NUMBER_TYPES] = {4, 8, 2, 2, 8, 4, 2, 1, 1};
    return sizes[type];
}

float number_read(enum number_type type, const unsigned char *at) {
    union {
        float f32;
        double f64;
        uint16_t half;
        uint32_t bits;
        int64_t i64;
        int32_t i32;
        int16_t i16;
    } number;
    memcpy(&number, at, number_size(type));
    switch (type) {
    case NUMBER_F32: return number.f32;
    case NUMBER_F64: return (float)number.f64;
    case NUMBER_F16: return half_to_float(number.half);
    case NUMBER_BF16: {
        const uint32_t upper = (uint32_t)number.half << 16;
        number.bits = upper;
        return number.f32;
    }
    case NUMBER_I64: return (float)number.i64;
    case NUMBER_I32: return (float)number.i32;
    case NUMBER_I16: return (float)number.i16;
    case NUMBER_I8: return (float)(signed char)*at;
    default: return (float)*at;
    }
}

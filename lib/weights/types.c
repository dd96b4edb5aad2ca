// Reading stored numbers.
#include "weights/types.h"

#include "core/numbers/fp16.h"

#include <stdint.h>
#include <string.h>

size_t weight_type_size(enum weight_type type) {
    static const size_t sizes[WEIGHT_TYPES_KNOWN] = {4, 8, 2, 2, 8, 4,  2, 1, 8,
                                                     4, 2, 1, 1, 8, 16, 1, 4};
    return sizes[type];
}

const char *weight_type_foreign(enum weight_type type) {
    return type < WEIGHT_TYPES                         ? NULL
           : type == WEIGHT_C64 || type == WEIGHT_C128 ? "complex numbers"
                                                       : "quantized numbers";
}

float weight_type_read(enum weight_type type, const unsigned char *bytes) {
    union {
        float f32;
        double f64;
        uint16_t u16;
        uint32_t u32;
        int64_t i64;
        uint64_t u64;
        int32_t i32;
        int16_t i16;
    } value;
    memcpy(&value, bytes, weight_type_size(type));
    switch (type) {
    case WEIGHT_F32: return value.f32;
    case WEIGHT_F64: return (float)value.f64;
    case WEIGHT_F16: return fp16_to_float(value.u16);
    case WEIGHT_BF16: {
        const uint32_t upper = (uint32_t)value.u16 << 16;
        value.u32 = upper;
        return value.f32;
    }
    case WEIGHT_I64: return (float)value.i64;
    case WEIGHT_I32: return (float)value.i32;
    case WEIGHT_I16: return (float)value.i16;
    case WEIGHT_I8: return (float)(signed char)*bytes;
    case WEIGHT_U64: return (float)value.u64;
    case WEIGHT_U32: return (float)value.u32;
    case WEIGHT_U16: return (float)value.u16;
    case WEIGHT_BOOL: return *bytes != 0 ? 1.0F : 0.0F;
    default: return (float)*bytes;
    }
}

// Precisions by name and by size.
#include "backend/backend.h"

#include <string.h>

bool precision_named(const char *name, enum precision *precision) {
    *precision = strcmp(name, "bf16") == 0 ? PRECISION_BF16 : PRECISION_F32;
    return *precision == PRECISION_BF16 || strcmp(name, "f32") == 0;
}

size_t precision_size(enum precision precision) {
    return precision == PRECISION_F32 ? 4 : 2;
}

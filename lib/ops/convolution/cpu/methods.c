// The list of convolution methods, and the choice among them.
#include "ops/convolution/cpu/method.h"

#include "backend/cpu/level.h"
#include "backend/cpu/products/amx.h"
#include "backend/cpu/products/f32.h"
#include "backend/cpu/products/int16/int16.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORBIDDEN "PLEURA_WITHOUT"

static const struct convolution_method *const methods[] = {
#define CONVOLUTION_METHOD(name) &convolution_##name,
#include "ops/convolution/cpu/methods.def"
#undef CONVOLUTION_METHOD
};

#define METHODS (sizeof methods / sizeof *methods)

const struct convolution_method *convolution_method_at(size_t index) {
    return index < METHODS ? methods[index] : NULL;
}

struct convolution_processor convolution_processor(void) {
    const bool bf16 = onednn_multiplies_bf16();
    return (struct convolution_processor){.f32_products = cpu_f32_products(),
                                          .int16_products = cpu_int16_products(),
                                          .bf16_products = bf16,
                                          .bf16_ahead = bf16 && cpu_bf16_ahead(),
                                          .matrix_unit = cpu_amx_gemm() != NULL};
}

// Calls what PLEURA_WITHOUT forbids by the rows' numbers. False with *error for an unknown name.
static bool find_forbidden(bool forbidden[METHODS], struct error *error) {
    const char *name = getenv(FORBIDDEN);
    while (name != NULL && *name != '\0') {
        const size_t length = strcspn(name, ",");
        size_t row = 0;
        while (row < METHODS && (strlen(methods[row]->name) != length ||
                                 memcmp(methods[row]->name, name, length) != 0)) {
            row++;
        }
        if (row == METHODS) {
            return fail(error, FORBIDDEN ": there is no convolution method '%.*s'", (int)length,
                        name);
        }
        forbidden[row] = true;
        name += length + (name[length] == ',');
    }
    return true;
}

const struct convolution_method *convolution_method_for(const struct convolution_problem *problem,
                                                        struct error *error) {
    bool forbidden[METHODS] = {false};
    if (!find_forbidden(forbidden, error)) {
        return NULL;
    }
    for (size_t row = 0; row < METHODS; row++) {
        if (!forbidden[row] && methods[row]->accepts(problem)) {
            return methods[row];
        }
    }
    (void)fail(error, FORBIDDEN " leaves no method for a convolution");
    return NULL;
}

void *convolution_state_alloc(size_t bytes, size_t kept, void **memory, struct error *error) {
    const size_t own = workspace_part(bytes);
    void *state = kept < SIZE_MAX / 2 ? aligned_alloc(64, own + workspace_part(kept)) : NULL;
    if (state == NULL) {
        (void)fail(error, "no memory");
        return NULL;
    }
    *memory = kept > 0 ? workspace_behind(state, own) : NULL;
    return state;
}

// oneDNN's engine.
#include "backend/cpu/onednn.h"

#include "backend/cpu/level.h"
#include "backend/cpu/products/bf16.h"

#include <stdlib.h>

// Keeps oneDNN from instructions beyond the level's; without effect once it has run. Of other
// processors than x86-64 it knows no levels.
static void limit_instructions(void) {
#ifdef PROCESSOR_X86_64
    static const dnnl_cpu_isa_t limits[] = {[CPU_BASE] = dnnl_cpu_isa_avx,
                                            [CPU_AVX2] = dnnl_cpu_isa_avx2,
                                            [CPU_AVX512] = dnnl_cpu_isa_avx512_core,
                                            [CPU_VNNI] = dnnl_cpu_isa_avx512_core_vnni,
                                            [CPU_BF16] = dnnl_cpu_isa_avx512_core_bf16};
    if (cpu_level() < CPU_BEYOND) {
        (void)dnnl_set_max_cpu_isa(limits[cpu_level()]);
    }
#endif
}

struct onednn *onednn_open(struct error *error) {
    limit_instructions();
    struct onednn *onednn = calloc(1, sizeof *onednn);
    if (onednn == NULL || dnnl_engine_create(&onednn->engine, dnnl_cpu, 0) != dnnl_success ||
        dnnl_stream_create(&onednn->stream, onednn->engine, dnnl_stream_default_flags) !=
            dnnl_success) {
        (void)fail(error, "oneDNN does not start");
        onednn_close(onednn);
        return NULL;
    }
    return onednn;
}

void onednn_close(struct onednn *onednn) {
    if (onednn != NULL) {
        (void)dnnl_stream_destroy(onednn->stream);
        (void)dnnl_engine_destroy(onednn->engine);
        free(onednn);
    }
}

void onednn_note(struct onednn *onednn, dnnl_status_t status) {
    if (onednn->failure == dnnl_success) {
        onednn->failure = status;
    }
}

bool onednn_failed(const struct onednn *onednn, struct error *error) {
    if (onednn->failure != dnnl_success) {
        (void)fail(error, "oneDNN: a convolution failed (status %d)", (int)onednn->failure);
    }
    return onednn->failure != dnnl_success;
}

bool onednn_multiplies_bf16(void) {
#ifdef PROCESSOR_X86_64
    return cpu_bf16_products();
#else
    return false;
#endif
}

bool onednn_has_matrix_unit(void) {
#ifdef PROCESSOR_X86_64
    const unsigned wanted = dnnl_cpu_isa_avx512_core_amx;
    return ((unsigned)dnnl_get_effective_cpu_isa() & wanted) == wanted;
#else
    return false;
#endif
}

// oneDNN, loaded, and its engine.
#include "backend/cpu/onednn.h"

#include "backend/cpu/level.h"
#include "backend/cpu/products/amx.h"
#include "backend/cpu/products/bf16.h"
#include "core/module.h"

#include <pthread.h>
#include <stdlib.h>

#define TEXT_OF(token) #token
#define LIBRARY(version) "libdnnl.so." TEXT_OF(version)

struct onednn_functions dnnl;

// Keeps oneDNN from instructions beyond the level's; without effect once it has run. Of other
// processors than x86-64 it knows no levels.
static void limit_instructions(void) {
#ifdef PROCESSOR_X86_64
    static const dnnl_cpu_isa_t limits[] = {[CPU_BASE] = dnnl_cpu_isa_avx,
                                            [CPU_AVX2] = dnnl_cpu_isa_avx2,
                                            [CPU_AVX512] = dnnl_cpu_isa_avx512_core,
                                            [CPU_VNNI] = dnnl_cpu_isa_avx512_core_vnni,
                                            [CPU_BF16] = dnnl_cpu_isa_avx512_core_bf16};
    if (cpu_amx_gemm() == NULL) {
        const enum cpu_level level = cpu_level();
        (void)dnnl.set_max_cpu_isa(limits[level < CPU_BEYOND ? level : CPU_BF16]);
    }
#endif
}

// What loading it came to, the first time.
static bool loaded;
static struct error load_error;

static void load(void) {
    static const char *const names[] = {
#define ONEDNN_FUNCTION(name) "dnnl_" #name,
#include "backend/cpu/onednn.def"
#undef ONEDNN_FUNCTION
    };
    _Static_assert(sizeof dnnl == sizeof names, "a name a function");
    loaded = module_load_library(LIBRARY(DNNL_VERSION_MAJOR), names, sizeof names / sizeof *names,
                                 &dnnl, &load_error);
    if (loaded) {
        limit_instructions();
    }
}

bool onednn_load(struct error *error) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    return (pthread_once(&once, load) == 0 && loaded) || fail(error, "oneDNN: %s", load_error.text);
}

static struct onednn *open_engine(struct error *error) {
    struct onednn *onednn = calloc(1, sizeof *onednn);
    if (onednn == NULL || dnnl.engine_create(&onednn->engine, dnnl_cpu, 0) != dnnl_success ||
        dnnl.stream_create(&onednn->stream, onednn->engine, dnnl_stream_default_flags) !=
            dnnl_success) {
        (void)fail(error, "oneDNN does not start");
        onednn_close(onednn);
        return NULL;
    }
    return onednn;
}

struct onednn *onednn_of(struct backend *backend, struct error *error) {
    if (backend->engine == NULL && onednn_load(error)) {
        backend->engine = open_engine(error);
    }
    return backend->engine;
}

void onednn_close(struct onednn *onednn) {
    if (onednn != NULL) {
        (void)dnnl.stream_destroy(onednn->stream);
        (void)dnnl.engine_destroy(onednn->engine);
        free(onednn);
    }
}

void onednn_note(struct onednn *onednn, dnnl_status_t status) {
    if (onednn->failure == dnnl_success) {
        onednn->failure = status;
    }
}

bool onednn_failed(const struct onednn *onednn, struct error *error) {
    const bool failed = onednn != NULL && onednn->failure != dnnl_success;
    if (failed) {
        (void)fail(error, "oneDNN: a convolution failed (status %d)", (int)onednn->failure);
    }
    return failed;
}

bool onednn_multiplies_bf16(void) {
#ifdef PROCESSOR_X86_64
    return cpu_bf16_products();
#else
    return false;
#endif
}

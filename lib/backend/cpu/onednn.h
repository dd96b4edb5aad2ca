// oneDNN, its C interface, and its engine (compiled against 2.6.3 and 3.2). The library is loaded
// when a layer or product first wants it: it costs every process that has it 5 MiB, and the
// method's networks call none of it in prediction.
#ifndef PLEURA_BACKEND_CPU_ONEDNN_H
#define PLEURA_BACKEND_CPU_ONEDNN_H

#include "backend/cpu/cpu.h"

#include <dnnl.h>

// The library's functions by their names without "dnnl_": there once onednn_load has been true.
struct onednn_functions {
#define ONEDNN_FUNCTION(name) __typeof__ (&dnnl_##name)(name);
#include "backend/cpu/onednn.def"
#undef ONEDNN_FUNCTION
};
extern struct onednn_functions dnnl;

struct onednn {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_status_t failure; // the first one of a call that was queued
};

// The backend's engine, made at the first call. NULL with *error where oneDNN is not there.
CHECKED struct onednn *onednn_of(struct backend *backend, struct error *error);

// Notes what a queued call returns; the first failure is what onednn_failed tells.
void onednn_note(struct onednn *onednn, dnnl_status_t status);

#endif

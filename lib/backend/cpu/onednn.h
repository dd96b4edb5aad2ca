// oneDNN, its C interface, and its engine (compiled against 2.6.3 and 3.2).
#ifndef PLEURA_BACKEND_CPU_ONEDNN_H
#define PLEURA_BACKEND_CPU_ONEDNN_H

#include "backend/cpu/cpu.h"

#include <dnnl.h>

struct onednn {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_status_t failure; // the first one of a call that was queued
};

// Notes what a queued call returns; the first failure is what onednn_failed tells.
void onednn_note(struct onednn *onednn, dnnl_status_t status);

#endif

// Inside the CUDA backend: what its files share.
#ifndef PLEURA_BACKEND_CUDA_ENGINE_H
#define PLEURA_BACKEND_CUDA_ENGINE_H

#include "backend/cuda/cuda.h"

#define MAX_SENDS 4 // copies on their way from memory that the device can read

struct cuda_pinned {
    void *memory;
    size_t bytes;
    cudaEvent_t gone; // it may be written again
};

struct cuda_engine {
    cudaStream_t stream, side; // work; copies from the host beside it
    cudaEvent_t sent, copied;  // on `side`: what was sent is there; on `stream`: it was copied on
    struct cuda_pinned pinned[MAX_SENDS];
    size_t sends;
    int capability;       // the major number of the device's
    void *dnn, *blas;     // cuDNN's and cuBLAS's handles
    void *blas_workspace; // memory that cuBLAS works with
    bool failed;
    struct error error; // the first failure
};

// communicator.cu
extern const struct communicator_calls cuda_communicators;

// Notes a failure in words.
void cuda_fault(struct backend *backend, const char *what);

// Open and close the engine's handles of cuDNN and of cuBLAS. False with *error where a library or
// the device refuses.
CHECKED bool cuda_dnn_open(struct cuda_engine *engine, struct error *error);
void cuda_dnn_close(struct cuda_engine *engine);
CHECKED bool cuda_blas_open(struct cuda_engine *engine, struct error *error);
void cuda_blas_close(struct cuda_engine *engine);

#endif

// The CPU backend's engine, for the operations' CPU sides: memory, activations as floats, matrix
// products. Activations lie as images x height x width x channels.
#ifndef PLEURA_BACKEND_CPU_CPU_H
#define PLEURA_BACKEND_CPU_CPU_H

#include "backend/backend.h"

// backend_open of the CPU. NULL with *error without memory.
CHECKED struct backend *cpu_open(enum precision precision, int threads, struct error *error);

// oneDNN, which computes what no method of ours does (backend/cpu/onednn.h). It is loaded by the
// first who asks: what calls it asks when it is planned. False with *error where it is not there.
CHECKED bool onednn_load(struct error *error);

// A backend's engine of it; NULL where nothing has asked for one.
struct onednn;
void onednn_close(struct onednn *onednn);

// Whether any call so far has failed; *error then says how.
bool onednn_failed(const struct onednn *onednn, struct error *error);

// Whether this processor has the instruction for products of bf16, and oneDNN uses it.
bool onednn_multiplies_bf16(void);

// ---- activations as floats, whatever they are stored as. Kernels work through them in blocks of
// at most CPU_BLOCK numbers, which stay in the first-level cache.

#define CPU_BLOCK 4096

// `count` numbers from number `first` on: the memory itself for float32, else converted into
// `temporary`.
const float *cpu_read(enum precision precision, const void *numbers, size_t first, size_t count,
                      float *temporary);

// Where to make `count` numbers: what is there so far if `add`, zeros if not. cpu_write stores
// them.
float *cpu_target(enum precision precision, void *numbers, size_t first, size_t count, bool add,
                  float *temporary);
void cpu_write(enum precision precision, void *numbers, size_t first, size_t count,
               const float *floats);

// ---- matrix products on the calling thread: C (rows x columns) = alpha A B + beta C, row-major, A
// or B transposed if asked; leading dimensions in floats. By oneDNN, or by plain loops where it is
// not there (onednn_load) or refuses.
void cpu_gemm(bool transpose_a, bool transpose_b, size_t rows, size_t columns, size_t inner,
              float alpha, const float *a, size_t lda, const float *b, size_t ldb, float beta,
              float *c, size_t ldc);

#endif

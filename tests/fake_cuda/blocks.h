// How the stand-in runs a launched kernel.
#ifndef PLEURA_TESTS_FAKE_CUDA_BLOCKS_H
#define PLEURA_TESTS_FAKE_CUDA_BLOCKS_H

#include <cuda_runtime.h>

constexpr unsigned most_threads = 1024; // of a block

// Runs body once for each thread of each block; `kernel` is the kernel's address.
void fake_run_blocks(const void *kernel, dim3 blocks, dim3 threads,
                     const std::function<void()> &body);

#endif

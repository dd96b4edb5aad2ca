// How the stand-in runs a launched kernel.
#ifndef PLEURA_TESTS_FAKE_CUDA_BLOCKS_H
#define PLEURA_TESTS_FAKE_CUDA_BLOCKS_H

#include <cuda_runtime.h>

constexpr unsigned most_threads = 1024; // of a block

// Runs the kernel once for each thread of each block.
void fake_run_blocks(const fake_kernel &kernel, dim3 blocks, dim3 threads);

#endif

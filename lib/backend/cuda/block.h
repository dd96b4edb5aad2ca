// Sums and maxima over a block's threads, in a fixed order. All of its threads must call them, with
// THREADS threads a block.
#ifndef PLEURA_BACKEND_CUDA_BLOCK_H
#define PLEURA_BACKEND_CUDA_BLOCK_H

#include "backend/cuda/cuda.h"

__device__ inline double block_sum(double own) {
    __shared__ double sums[THREADS];
    __syncthreads(); // an earlier call's numbers have been read
    sums[threadIdx.x] = own;
    __syncthreads();
    for (unsigned half = THREADS / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) {
            sums[threadIdx.x] += sums[threadIdx.x + half];
        }
        __syncthreads();
    }
    return sums[0];
}

__device__ inline float block_greatest(float own) {
    __shared__ float maxima[THREADS];
    __syncthreads();
    maxima[threadIdx.x] = own;
    __syncthreads();
    for (unsigned half = THREADS / 2; half > 0; half /= 2) {
        if (threadIdx.x < half && maxima[threadIdx.x + half] > maxima[threadIdx.x]) {
            maxima[threadIdx.x] = maxima[threadIdx.x + half];
        }
        __syncthreads();
    }
    return maxima[0];
}

// How much the threads before this one have, and in *all how much all have.
__device__ inline unsigned block_scan(unsigned own, unsigned *all) {
    __shared__ unsigned sums[2][THREADS];
    unsigned from = 0;
    __syncthreads();
    sums[0][threadIdx.x] = own;
    for (unsigned apart = 1; apart < THREADS; apart *= 2) {
        __syncthreads();
        const unsigned before = threadIdx.x >= apart ? sums[from][threadIdx.x - apart] : 0;
        sums[1 - from][threadIdx.x] = sums[from][threadIdx.x] + before;
        from = 1 - from;
    }
    __syncthreads();
    *all = sums[from][THREADS - 1];
    return sums[from][threadIdx.x] - own;
}

#endif

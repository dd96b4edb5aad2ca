// Adding up batches on the CPU.
#include "train/batch_sum.h"

#include "core/simd.h"

#include <string.h>

enum { BLOCK = 1 << 14 }; // numbers that a thread takes at a time

VECTORISED static void add(float *sums, const float *numbers, size_t count) {
    for (size_t i = 0; i < count; i++) {
        sums[i] += numbers[i];
    }
}

void batch_sum_add(const struct batch_sum *sum, int threads) {
    const size_t learned = sum->sums != NULL ? sum->learned : 0;
#pragma omp parallel for schedule(static) num_threads(threads)
    for (size_t first = 0; first < learned; first += BLOCK) {
        const size_t count = learned - first < BLOCK ? learned - first : BLOCK;
        add(sum->sums + first, sum->left + first, count);
        memset(sum->left + first, 0, count * sizeof *sum->left);
    }
    for (size_t i = sum->learned; i < sum->count; i++) {
        float *running = &sum->running[i - sum->learned];
        *running = running_after(*running, sum->momentum[i - sum->learned], sum->left[i]);
        sum->left[i] = 0;
    }
}

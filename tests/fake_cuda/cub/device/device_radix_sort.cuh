// A stand-in for CUB's radix sort.
#ifndef FAKE_CUB_SORT_H
#define FAKE_CUB_SORT_H

#include "queue.h"

#include <algorithm>

namespace cub {

template <typename T>
struct DoubleBuffer {
    T *buffers[2];
    int selector = 0;
    DoubleBuffer(T *current, T *other) : buffers{current, other} {}
    T *Current() const { return buffers[selector]; }
};

struct DeviceRadixSort {
    // As the real one, it ends in the other buffer after an odd number of passes over 8 bits, and
    // leaves nothing of use in the first.
    static cudaError_t SortKeys(void *scratch, size_t &bytes, DoubleBuffer<uint64_t> &keys,
                                int64_t count, int first_bit, int end_bit, cudaStream_t stream) {
        if (scratch == nullptr) {
            bytes = 1024;
            return cudaSuccess;
        }
        uint64_t *from = keys.buffers[keys.selector];
        uint64_t *other = keys.buffers[1 - keys.selector];
        const bool moves = (end_bit - first_bit + 7) / 8 % 2 == 1;
        keys.selector = moves ? 1 - keys.selector : keys.selector;
        fake_queue(stream, [=] {
            const int width = end_bit - first_bit;
            const uint64_t mask = width < 64 ? ((uint64_t)1 << width) - 1 : UINT64_MAX;
            std::stable_sort(from, from + count, [=](uint64_t a, uint64_t b) {
                return (a >> first_bit & mask) < (b >> first_bit & mask);
            });
            std::copy(from, from + count, other);
            std::fill(moves ? from : other, (moves ? from : other) + count, UINT64_MAX);
        });
        return cudaSuccess;
    }
};

} // namespace cub

#endif

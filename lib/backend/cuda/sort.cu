// Sorting by CUB: the radix sort, which needs nothing from the host and so can be recorded.
#include "backend/cuda/cuda.h"

#include <cub/device/device_radix_sort.cuh>

size_t cuda_sort_scratch(struct backend *backend, size_t count) {
    size_t bytes = 0;
    cub::DoubleBuffer<uint64_t> none(NULL, NULL);
    cuda_note(backend, cub::DeviceRadixSort::SortKeys(NULL, bytes, none, (int64_t)count, 0, 64,
                                                      cuda_stream(backend)));
    return bytes;
}

uint64_t *cuda_sort(struct backend *backend, uint64_t *numbers, uint64_t *other, size_t count,
                    int first_bit, int end_bit, void *scratch, size_t scratch_bytes) {
    cub::DoubleBuffer<uint64_t> both(numbers, other);
    cuda_note(backend, cub::DeviceRadixSort::SortKeys(scratch, scratch_bytes, both, (int64_t)count,
                                                      first_bit, end_bit, cuda_stream(backend)));
    return both.Current();
}

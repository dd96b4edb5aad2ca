// Sorting by CUB: the radix sort, which needs nothing from the host and so can be recorded.
#include "backend/cuda.h"

#include <cub/device/device_segmented_radix_sort.cuh>

static cudaError_t sort(struct backend *backend, struct cuda_pairs from, struct cuda_pairs to,
                        size_t most_pairs, size_t segments, const int *begins, const int *ends,
                        void *scratch, size_t *scratch_bytes) {
    return cub::DeviceSegmentedRadixSort::SortPairs(
        scratch, *scratch_bytes, (const uint32_t *)from.keys, to.keys,
        (const uint32_t *)from.values, to.values, (int64_t)most_pairs, (int64_t)segments, begins,
        ends, 0, 32, cuda_stream(backend));
}

size_t cuda_sort_scratch(struct backend *backend, size_t most_pairs, size_t segments) {
    size_t bytes = 0;
    const struct cuda_pairs none = {NULL, NULL};
    cuda_note(backend, sort(backend, none, none, most_pairs, segments, NULL, NULL, NULL, &bytes));
    return bytes;
}

void cuda_sort(struct backend *backend, struct cuda_pairs from, struct cuda_pairs to,
               size_t most_pairs, size_t segments, const int *begins, const int *ends,
               void *scratch, size_t scratch_bytes) {
    cuda_note(backend,
              sort(backend, from, to, most_pairs, segments, begins, ends, scratch, &scratch_bytes));
}

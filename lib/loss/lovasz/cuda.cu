// The Lovasz hinge on a device: pixels are sorted by error, all segments in one go, and each that
// violates its margin takes how much the Jaccard losses of both classes rise at its rank, which
// counts of lesion pixels before it tell. The others have no error and come last.
#include "loss/cuda.h"

namespace {

__global__ void number_pixels(const struct loss_work at) {
    const size_t map = blockIdx.y * at.inputs.pixels;
    const float *logits = at.inputs.logits[blockIdx.z] + map;
    const uint8_t *mask = at.inputs.masks + map;
    const uint64_t segment = segment_of_block(at);
    const size_t first = (size_t)blockIdx.x * TILE;
    for (size_t i = first + threadIdx.x; i < first + TILE && i < at.inputs.pixels; i += THREADS) {
        const float error = hinge_error(logits[i], mask[i], (float)at.options.margin_empty,
                                        (float)at.options.margin_lesion);
        const float least = error > 0 ? error : 0;
        uint32_t bits;
        memcpy(&bits, &least, sizeof bits);
        const uint64_t key = segment << ERROR_BITS | (~bits & ERROR_MASK);
        at.numbers[segment * at.inputs.pixels + i] = key << at.pixel_bits | i;
    }
}

__device__ inline size_t pixel_of(const struct loss_work &at, uint64_t number) {
    return number & (((uint64_t)1 << at.pixel_bits) - 1);
}

__device__ inline float error_of(const struct loss_work &at, uint64_t number) {
    const uint32_t bits = ~(uint32_t)(number >> at.pixel_bits) & ERROR_MASK;
    float error;
    memcpy(&error, &bits, sizeof error);
    return error;
}

// A block for a segment: its violators, which come first once it is sorted, by bisection.
__global__ void count_violators(const struct loss_work at) {
    const uint64_t *sorted = at.sorted + (size_t)blockIdx.x * at.inputs.pixels;
    size_t first = 0;
    size_t end = at.inputs.pixels;
    while (first < end) {
        const size_t middle = (first + end) / 2;
        if (error_of(at, sorted[middle]) > 0) {
            first = middle + 1;
        } else {
            end = middle;
        }
    }
    at.violators[blockIdx.x] = (unsigned)first;
}

// The sorted violators of a thread: their ranks in the segment, and how many there are.
struct ranks {
    size_t first, count;
};

__device__ inline ranks ranks_of_thread(const struct loss_work &at) {
    const size_t segment = segment_of_block(at);
    const size_t all = at.violators[segment];
    const size_t first = (size_t)blockIdx.x * TILE + threadIdx.x * EACH;
    const size_t left = first < all ? all - first : 0;
    return {first, left < EACH ? left : EACH};
}

__device__ inline unsigned lesions_among(const struct loss_work &at, ranks mine, bool (&is)[EACH]) {
    const uint8_t *mask = at.inputs.masks + blockIdx.y * at.inputs.pixels;
    const uint64_t *from = at.sorted + segment_of_block(at) * at.inputs.pixels + mine.first;
    unsigned count = 0;
    for (size_t k = 0; k < mine.count; k++) {
        is[k] = mask[pixel_of(at, from[k])];
        count += is[k];
    }
    return count;
}

__global__ void count_sorted(const struct loss_work at) {
    bool is[EACH];
    unsigned all;
    (void)block_scan(lesions_among(at, ranks_of_thread(at), is), &all);
    if (threadIdx.x == 0) {
        at.tile_count[tile_of_block(at)] = all;
    }
}

// A block for a segment: how many lesion pixels the tiles before one have among the sorted.
__global__ void locate_lesions(const struct loss_work at) {
    unsigned before = 0;
    for (size_t first = 0; first < at.tiles; first += THREADS) {
        const size_t tile = blockIdx.x * at.tiles + first + threadIdx.x;
        const bool inside = first + threadIdx.x < at.tiles;
        unsigned all;
        const unsigned earlier = block_scan(inside ? at.tile_count[tile] : 0, &all);
        if (inside) {
            at.tile_first[tile] = before + earlier;
        }
        before += all;
    }
}

__global__ void add_rises(const struct loss_work at) {
    const ranks mine = ranks_of_thread(at);
    const size_t segment = segment_of_block(at);
    const size_t tile = tile_of_block(at);
    const double lesion = at.lesions[blockIdx.y];
    const double empty = (double)at.inputs.pixels - lesion;
    const double scale = at.scale * at.weights[blockIdx.z] * at.options.lambda_lovasz /
                         (2 * (double)at.inputs.images);
    float *gradient = at.inputs.gradients[blockIdx.z] + blockIdx.y * at.inputs.pixels;
    const uint64_t *from = at.sorted + segment * at.inputs.pixels + mine.first;
    bool is[EACH];
    unsigned all;
    const unsigned before = block_scan(lesions_among(at, mine, is), &all);
    double seen_lesion = (double)at.tile_first[tile] + before;
    double seen_empty = (double)mine.first - seen_lesion;
    double last = mine.first > 0 && mine.count > 0
                      ? jaccard_losses(lesion, empty, seen_lesion, seen_empty)
                      : 0;
    double sum = 0;
    for (size_t k = 0; k < mine.count; k++) {
        seen_lesion += is[k];
        seen_empty += !is[k];
        const double losses = jaccard_losses(lesion, empty, seen_lesion, seen_empty);
        const double rise = losses - last;
        last = losses;
        sum += (double)error_of(at, from[k]) * rise;
        gradient[pixel_of(at, from[k])] += (float)((is[k] ? -scale : scale) * rise);
    }
    sum = block_sum(sum);
    if (threadIdx.x == 0) {
        at.tile_hinge[tile] = sum;
    }
}

} // namespace

void cuda_lovasz(struct backend *backend, struct loss_work *at) {
    const size_t segments = segments_of(at);
    launch(backend, number_pixels, tile_blocks(at), THREADS, *at);
    at->sorted =
        cuda_sort(backend, at->numbers, at->other, segments * at->inputs.pixels, at->pixel_bits,
                  at->pixel_bits + ERROR_BITS + at->segment_bits, at->sort_room, at->sort_bytes);
    launch(backend, count_violators, (unsigned)segments, 1, *at);
    launch(backend, count_sorted, tile_blocks(at), THREADS, *at);
    launch(backend, locate_lesions, (unsigned)segments, THREADS, *at);
    launch(backend, add_rises, tile_blocks(at), THREADS, *at);
}

// The Lovasz hinge on a CUDA device: pixels are sorted by error, all segments in one go, and each
// that violates its margin takes how much the Jaccard losses of both classes rise at its rank,
// which counts of lesion pixels before it tell. The others have no error and come last.
#include "loss/cuda.h"
#include "loss/lovasz/lovasz.h"

namespace {

#define ERROR_BITS 31 // of a float that is not negative: ordered like the float
#define ERROR_MASK (((uint32_t)1 << ERROR_BITS) - 1)

struct lovasz_work {
    struct loss_work loss;
    // Lesion pixels among the sorted, of each tile, and of the tiles before it in its segment.
    unsigned *tile_count, *tile_first;
    unsigned *violators; // of each segment
    // Of each pixel an entry: its segment, the complement of its error, its index in the map.
    // Segments come one after the other, and in each those of the greatest errors first, once it is
    // sorted.
    uint64_t *entries, *other;
    const uint64_t *sorted;
    int pixel_bits, segment_bits; // of an entry; the error between them has ERROR_BITS
    void *sort_scratch;
    size_t sort_bytes;
};

__global__ void make_entries(const struct lovasz_work work) {
    const struct loss_inputs &inputs = work.loss.inputs;
    const size_t map = blockIdx.y * inputs.pixels;
    const float *logits = inputs.logits[blockIdx.z] + map;
    const uint8_t *mask = inputs.masks + map;
    const uint64_t segment = segment_of_block(work.loss);
    const size_t first = (size_t)blockIdx.x * TILE;
    for (size_t i = first + threadIdx.x; i < first + TILE && i < inputs.pixels; i += THREADS) {
        const float error =
            lovasz_error(logits[i], mask[i], (float)work.loss.values[LOVASZ_MARGIN_EMPTY],
                         (float)work.loss.values[LOVASZ_MARGIN_LESION]);
        const float violation = error > 0 ? error : 0;
        uint32_t bits;
        memcpy(&bits, &violation, sizeof bits);
        const uint64_t key = segment << ERROR_BITS | (~bits & ERROR_MASK);
        work.entries[segment * inputs.pixels + i] = key << work.pixel_bits | i;
    }
}

__device__ inline size_t pixel_of(const struct lovasz_work &work, uint64_t entry) {
    return entry & (((uint64_t)1 << work.pixel_bits) - 1);
}

__device__ inline float error_of(const struct lovasz_work &work, uint64_t entry) {
    const uint32_t bits = ~(uint32_t)(entry >> work.pixel_bits) & ERROR_MASK;
    float error;
    memcpy(&error, &bits, sizeof error);
    return error;
}

// A block for a segment: its violators, which come first once it is sorted, by bisection.
__global__ void count_violators(const struct lovasz_work work) {
    const uint64_t *sorted = work.sorted + (size_t)blockIdx.x * work.loss.inputs.pixels;
    size_t first = 0;
    size_t end = work.loss.inputs.pixels;
    while (first < end) {
        const size_t middle = (first + end) / 2;
        if (error_of(work, sorted[middle]) > 0) {
            first = middle + 1;
        } else {
            end = middle;
        }
    }
    work.violators[blockIdx.x] = (unsigned)first;
}

// The sorted violators of a thread: their ranks in the segment, and how many there are.
struct ranks {
    size_t first, count;
};

__device__ inline ranks ranks_of_thread(const struct lovasz_work &work) {
    const size_t segment = segment_of_block(work.loss);
    const size_t all = work.violators[segment];
    const size_t first = (size_t)blockIdx.x * TILE + threadIdx.x * EACH;
    const size_t left = first < all ? all - first : 0;
    return {first, left < EACH ? left : EACH};
}

__device__ inline const uint64_t *sorted_of(const struct lovasz_work &work, ranks ranks) {
    return work.sorted + segment_of_block(work.loss) * work.loss.inputs.pixels + ranks.first;
}

// Lesion pixels among these ranks, and which are.
__device__ inline unsigned lesions_among(const struct lovasz_work &work, ranks ranks,
                                         bool (&is_lesion)[EACH]) {
    const uint8_t *mask = work.loss.inputs.masks + blockIdx.y * work.loss.inputs.pixels;
    const uint64_t *sorted = sorted_of(work, ranks);
    unsigned count = 0;
    for (size_t k = 0; k < ranks.count; k++) {
        is_lesion[k] = mask[pixel_of(work, sorted[k])];
        count += is_lesion[k];
    }
    return count;
}

__global__ void count_sorted(const struct lovasz_work work) {
    bool is_lesion[EACH];
    unsigned all;
    (void)block_scan(lesions_among(work, ranks_of_thread(work), is_lesion), &all);
    if (threadIdx.x == 0) {
        work.tile_count[tile_of_block(work.loss)] = all;
    }
}

// A block for a segment: how many lesion pixels the tiles before one have among the sorted.
__global__ void locate_lesions(const struct lovasz_work work) {
    unsigned before = 0;
    for (size_t first = 0; first < work.loss.tiles; first += THREADS) {
        const size_t tile = blockIdx.x * work.loss.tiles + first + threadIdx.x;
        const bool inside = first + threadIdx.x < work.loss.tiles;
        unsigned all;
        const unsigned earlier = block_scan(inside ? work.tile_count[tile] : 0, &all);
        if (inside) {
            work.tile_first[tile] = before + earlier;
        }
        before += all;
    }
}

__global__ void add_rises(const struct lovasz_work work) {
    const struct loss_inputs &inputs = work.loss.inputs;
    const ranks ranks = ranks_of_thread(work);
    const size_t tile = tile_of_block(work.loss);
    const double lesion = work.loss.lesion[blockIdx.y];
    const double empty = (double)inputs.pixels - lesion;
    const double share = work.loss.weights[blockIdx.z] / (2 * (double)inputs.images);
    const double scale = work.loss.scale * share;
    float *gradient = inputs.gradients[blockIdx.z] + blockIdx.y * inputs.pixels;
    const uint64_t *sorted = sorted_of(work, ranks);
    bool is_lesion[EACH];
    unsigned all;
    const unsigned before = block_scan(lesions_among(work, ranks, is_lesion), &all);
    double seen_lesion = (double)work.tile_first[tile] + before;
    double seen_empty = (double)ranks.first - seen_lesion;
    double last = ranks.first > 0 && ranks.count > 0
                      ? lovasz_jaccard(lesion, empty, seen_lesion, seen_empty)
                      : 0;
    double sum = 0;
    for (size_t k = 0; k < ranks.count; k++) {
        seen_lesion += is_lesion[k];
        seen_empty += !is_lesion[k];
        const double losses = lovasz_jaccard(lesion, empty, seen_lesion, seen_empty);
        const double rise = losses - last;
        last = losses;
        sum += (double)error_of(work, sorted[k]) * rise;
        gradient[pixel_of(work, sorted[k])] += (float)((is_lesion[k] ? -scale : scale) * rise);
    }
    sum = block_sum(sum);
    if (threadIdx.x == 0) {
        work.loss.sums[tile] = share * sum;
    }
}

// ---- memory: the arrays one behind the other from `memory` on; NULL to know the bytes

size_t lay_out(struct lovasz_work *work, char *memory) {
    const size_t segments = segments_of(&work->loss.inputs);
    const size_t tiles = segments * tiles_of(&work->loss.inputs);
    const size_t entries = segments * work->loss.inputs.pixels;
    const struct placed_array arrays[] = {
        {(void **)&work->tile_count, tiles * sizeof(unsigned)},
        {(void **)&work->tile_first, tiles * sizeof(unsigned)},
        {(void **)&work->violators, segments * sizeof(unsigned)},
        {(void **)&work->entries, entries * sizeof(uint64_t)},
        {(void **)&work->other, entries * sizeof(uint64_t)},
        {&work->sort_scratch, work->sort_bytes},
    };
    return place_arrays(arrays, memory);
}

// Bits that tell `count` things apart.
int bits_of(size_t count) {
    int bits = 0;
    while (count > (size_t)1 << bits) {
        bits++;
    }
    return bits;
}

struct lovasz_work work_on(struct backend *backend, const struct loss_inputs *inputs) {
    const size_t segments = segments_of(inputs);
    struct lovasz_work work = {};
    work.loss.inputs = *inputs;
    work.pixel_bits = bits_of(inputs->pixels);
    work.segment_bits = bits_of(segments);
    work.sort_bytes = cuda_sort_scratch(backend, segments * inputs->pixels);
    return work;
}

size_t scratch_bytes(struct backend *backend, const struct loss_inputs *inputs) {
    struct lovasz_work work = work_on(backend, inputs);
    return lay_out(&work, NULL);
}

void add(struct backend *backend, const struct loss_work *loss, void *scratch) {
    const size_t segments = segments_of(&loss->inputs);
    struct lovasz_work work = work_on(backend, &loss->inputs);
    (void)lay_out(&work, (char *)scratch);
    work.loss = *loss;
    launch(backend, make_entries, tile_blocks(loss), THREADS, work);
    work.sorted = cuda_sort(backend, work.entries, work.other, segments * loss->inputs.pixels,
                            work.pixel_bits, work.pixel_bits + ERROR_BITS + work.segment_bits,
                            work.sort_scratch, work.sort_bytes);
    launch(backend, count_violators, (unsigned)segments, 1, work);
    launch(backend, count_sorted, tile_blocks(loss), THREADS, work);
    launch(backend, locate_lesions, (unsigned)segments, THREADS, work);
    launch(backend, add_rises, tile_blocks(loss), THREADS, work);
}

} // namespace

const struct loss_cuda lovasz_loss_cuda = {add, scratch_bytes};

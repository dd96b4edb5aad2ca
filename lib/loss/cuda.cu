// The losses on a device: lesion pixels are counted; one launch over all heads makes the BCE with
// its gradient; the Lovasz hinge follows (lovasz/cuda.cu); one block adds everything up.
#include "loss/cuda.h"

namespace {

__global__ void count_lesions(const struct loss_work at) {
    const uint8_t *mask = at.inputs.masks + blockIdx.y * at.inputs.pixels;
    const size_t first = (size_t)blockIdx.x * TILE;
    double count = 0;
    for (size_t i = first + threadIdx.x; i < first + TILE && i < at.inputs.pixels; i += THREADS) {
        count += mask[i];
    }
    count = block_sum(count);
    if (threadIdx.x == 0) {
        at.tile_lesions[blockIdx.y * at.tiles + blockIdx.x] = (unsigned)count;
    }
}

// The global logit's loss against 'the mask has a pixel'.
__device__ double global_term(const struct loss_work &at, size_t image) {
    const double share = at.options.lambda_cls / (double)at.inputs.images;
    const double target = at.lesions[image] > 0 ? 1 : 0;
    const double logit = at.inputs.global[image];
    const double u = exp(-fabs(logit));
    const double derivative = (logit < 0 ? u : 1) / (1 + u) - target;
    at.inputs.global_gradient[image] = (float)(at.scale * share * derivative);
    return share * ((logit > 0 ? logit : 0) - logit * target + log1p(u));
}

// One block: each image's lesion, what a pixel of either kind counts, and the global loss.
__global__ void weigh_classes(const struct loss_work at) {
    double lesions = 0;
    double global = 0;
    for (size_t image = 0; image < at.inputs.images; image++) {
        double mine = 0;
        for (size_t tile = threadIdx.x; tile < at.tiles; tile += THREADS) {
            mine += at.tile_lesions[image * at.tiles + tile];
        }
        const double all = block_sum(mine);
        lesions += all;
        if (threadIdx.x == 0) {
            at.lesions[image] = (unsigned)all;
            global += global_term(at, image);
        }
    }
    if (threadIdx.x == 0) {
        const double pixels = (double)at.inputs.images * (double)at.inputs.pixels;
        *at.per_lesion = at.options.alpha / (lesions + 1e-12);
        *at.per_empty = (1 - at.options.alpha) / (pixels - lesions + 1e-12);
        *at.global = global;
    }
}

__global__ void balanced_bce(const struct loss_work at) {
    const size_t map = blockIdx.y * at.inputs.pixels;
    const float *logits = at.inputs.logits[blockIdx.z] + map;
    float *gradient = at.inputs.gradients[blockIdx.z] + map;
    const uint8_t *mask = at.inputs.masks + map;
    const double weight = at.scale * at.weights[blockIdx.z];
    const float of_lesion = (float)(weight * *at.per_lesion);
    const float of_empty = (float)(weight * *at.per_empty);
    const size_t first = (size_t)blockIdx.x * TILE;
    double lesion = 0;
    double empty = 0;
    for (size_t i = first + threadIdx.x; i < first + TILE && i < at.inputs.pixels; i += THREADS) {
        const float z = logits[i];
        const bool is_lesion = mask[i];
        const float t = is_lesion ? 1.0f : 0.0f;
        float sigmoid;
        const float loss = bce_term(z, t, &sigmoid);
        gradient[i] = (sigmoid - t) * (is_lesion ? of_lesion : of_empty);
        lesion += is_lesion ? loss : 0;
        empty += is_lesion ? 0 : loss;
    }
    lesion = block_sum(lesion);
    empty = block_sum(empty);
    if (threadIdx.x == 0) {
        const size_t tile = tile_of_block(at);
        at.tile_bce[tile] = lesion * *at.per_lesion + empty * *at.per_empty;
    }
}

// One block adds up all tiles, head by head.
__global__ void sum_losses(const struct loss_work at) {
    const size_t tiles = at.inputs.images * at.tiles;
    double bce = 0;
    double hinge = 0;
    for (size_t head = 0; head < at.inputs.heads; head++) {
        double of_bce = 0;
        double of_hinge = 0;
        for (size_t i = threadIdx.x; i < tiles; i += THREADS) {
            of_bce += at.tile_bce[head * tiles + i];
            of_hinge += at.tile_hinge[head * tiles + i];
        }
        bce += at.weights[head] * block_sum(of_bce);
        hinge += at.weights[head] * at.options.lambda_lovasz * block_sum(of_hinge) /
                 (2 * (double)at.inputs.images);
    }
    if (threadIdx.x == 0) {
        *at.parts = {bce + hinge + *at.global, bce, hinge, *at.global};
    }
}

// ---- memory: each array at its place behind `memory`, NULL to know the bytes

size_t lay_out(struct loss_work *at, char *memory) {
    const size_t images = at->inputs.images;
    const size_t segments = segments_of(at);
    const size_t tiles = segments * at->tiles;
    const size_t numbers = segments * at->inputs.pixels;
    size_t used = 0;
    const struct {
        void **at;
        size_t bytes;
    } arrays[] = {
        {(void **)&at->tile_bce, tiles * sizeof(double)},
        {(void **)&at->tile_hinge, tiles * sizeof(double)},
        {(void **)&at->per_lesion, sizeof(double)},
        {(void **)&at->per_empty, sizeof(double)},
        {(void **)&at->global, sizeof(double)},
        {(void **)&at->tile_lesions, images * at->tiles * sizeof(unsigned)},
        {(void **)&at->lesions, images * sizeof(unsigned)},
        {(void **)&at->tile_count, tiles * sizeof(unsigned)},
        {(void **)&at->tile_first, tiles * sizeof(unsigned)},
        {(void **)&at->violators, segments * sizeof(unsigned)},
        {(void **)&at->numbers, numbers * sizeof(uint64_t)},
        {(void **)&at->other, numbers * sizeof(uint64_t)},
        {&at->sort_room, at->sort_bytes},
    };
    for (const auto &array : arrays) {
        *array.at = memory + used;
        used += rounded(array.bytes);
    }
    return used;
}

// Bits that tell `count` things apart.
int bits_of(size_t count) {
    int bits = 0;
    while (count > (size_t)1 << bits) {
        bits++;
    }
    return bits;
}

struct loss_work work_of(struct backend *backend, const struct loss_inputs *inputs) {
    struct loss_work at = {};
    at.inputs = *inputs;
    at.tiles = (inputs->pixels + TILE - 1) / TILE;
    for (size_t head = 0; head < inputs->heads; head++) {
        at.weights[head] = head_weight(head);
    }
    at.pixel_bits = bits_of(inputs->pixels);
    at.segment_bits = bits_of(segments_of(&at));
    at.sort_bytes = cuda_sort_scratch(backend, segments_of(&at) * inputs->pixels);
    return at;
}

} // namespace

size_t cuda_loss_scratch(struct backend *backend, const struct loss_inputs *inputs) {
    if (inputs->images > 65535 || inputs->pixels > INT32_MAX / inputs->heads / inputs->images) {
        return SIZE_MAX; // more than 64 bits can number: no memory is like that
    }
    struct loss_work at = work_of(backend, inputs);
    return lay_out(&at, NULL);
}

void cuda_loss(struct backend *backend, const struct loss_inputs *inputs,
               const struct loss_options *options, double scale, struct loss_parts *parts,
               void *scratch) {
    struct loss_work at = work_of(backend, inputs);
    (void)lay_out(&at, (char *)scratch);
    at.options = *options;
    at.scale = scale;
    at.parts = parts;
    launch(backend, count_lesions, dim3((unsigned)at.tiles, (unsigned)inputs->images), THREADS, at);
    launch(backend, weigh_classes, 1, THREADS, at);
    launch(backend, balanced_bce, tile_blocks(&at), THREADS, at);
    cuda_lovasz(backend, &at);
    launch(backend, sum_losses, 1, THREADS, at);
}

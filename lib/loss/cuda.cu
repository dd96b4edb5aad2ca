// The loss on a CUDA device: lesion pixels are counted, gradients cleared; each term adds its own;
// one block adds up the sums that they leave.
#include "loss/cuda.h"

#define TERM_OF_CPU_AND_CUDA(name) &name##_loss_cuda
#define TERM_OF_CPU_ONLY(name) NULL
static const struct loss_cuda *const terms[LOSSES] = {
#define LOSS(name, devices) TERM_OF_##devices(name),
#include "loss/losses.def"
#undef LOSS
};

enum { CPU_ONLY, CPU_AND_CUDA };
const bool cuda_has_loss[LOSSES] = {
#define LOSS(name, devices) devices == CPU_AND_CUDA,
#include "loss/losses.def"
#undef LOSS
};

namespace {

struct counting {
    const uint8_t *masks;
    size_t images, pixels, tiles;
    unsigned *tile_lesion; // of each tile of each image
    unsigned *lesion;      // of each image
    double *lesions;       // of the batch
};

__global__ void count_tiles(const struct counting counting) {
    const uint8_t *mask = counting.masks + blockIdx.y * counting.pixels;
    const size_t first = (size_t)blockIdx.x * TILE;
    double count = 0;
    for (size_t i = first + threadIdx.x; i < first + TILE && i < counting.pixels; i += THREADS) {
        count += mask[i];
    }
    count = block_sum(count);
    if (threadIdx.x == 0) {
        counting.tile_lesion[blockIdx.y * counting.tiles + blockIdx.x] = (unsigned)count;
    }
}

// One block.
__global__ void count_images(const struct counting counting) {
    double lesions = 0;
    for (size_t image = 0; image < counting.images; image++) {
        double count = 0;
        for (size_t tile = threadIdx.x; tile < counting.tiles; tile += THREADS) {
            count += counting.tile_lesion[image * counting.tiles + tile];
        }
        count = block_sum(count);
        lesions += count;
        if (threadIdx.x == 0) {
            counting.lesion[image] = (unsigned)count;
        }
    }
    if (threadIdx.x == 0) {
        *counting.lesions = lesions;
    }
}

struct summing {
    const double *sums; // of each term `count`
    size_t count;
    struct loss_sums *answer;
};

// One block.
__global__ void sum_terms(const struct summing summing) {
    double total = 0;
    for (size_t term = 0; term < LOSSES; term++) {
        double sum = 0;
        for (size_t i = threadIdx.x; i < summing.count; i += THREADS) {
            sum += summing.sums[term * summing.count + i];
        }
        sum = block_sum(sum);
        total += sum;
        if (threadIdx.x == 0) {
            summing.answer->terms[term] = sum;
        }
    }
    if (threadIdx.x == 0) {
        summing.answer->total = total;
    }
}

// Scratch memory: the arrays one behind the other from `memory` on, NULL to know the bytes.
struct layout {
    double *sums, *lesions;
    unsigned *tile_lesion, *lesion;
    void *of_term;
    size_t sum_count; // of a term
    size_t bytes;
};

struct layout lay_out(const struct loss_inputs *inputs, char *memory, size_t term_bytes) {
    const size_t tiles = tiles_of(inputs);
    struct layout layout = {};
    layout.sum_count = (segments_of(inputs) + inputs->images) * tiles;
    const struct placed_array arrays[] = {
        {(void **)&layout.sums, LOSSES * layout.sum_count * sizeof(double)},
        {(void **)&layout.lesions, sizeof(double)},
        {(void **)&layout.tile_lesion, inputs->images * tiles * sizeof(unsigned)},
        {(void **)&layout.lesion, inputs->images * sizeof(unsigned)},
        {&layout.of_term, term_bytes},
    };
    layout.bytes = place_arrays(arrays, memory);
    return layout;
}

// What any of the terms needs.
size_t largest_term_bytes(struct backend *backend, const struct loss_inputs *inputs,
                          const struct loss_options *options) {
    size_t largest = 0;
    for (int i = 0; i < LOSSES; i++) {
        if (options->weights[i] > 0 && terms[i]->scratch_bytes != NULL) {
            const size_t bytes = terms[i]->scratch_bytes(backend, inputs);
            largest = bytes > largest ? bytes : largest;
        }
    }
    return largest;
}

void count_lesions(struct backend *backend, const struct loss_inputs *inputs,
                   const struct layout *layout) {
    const struct counting counting = {inputs->masks,    inputs->images,      inputs->pixels,
                                      tiles_of(inputs), layout->tile_lesion, layout->lesion,
                                      layout->lesions};
    launch(backend, count_tiles, dim3((unsigned)counting.tiles, (unsigned)inputs->images), THREADS,
           counting);
    launch(backend, count_images, 1, THREADS, counting);
}

void clear_gradients(struct backend *backend, const struct loss_inputs *inputs) {
    for (size_t head = 0; head < inputs->heads; head++) {
        backend->calls->clear(backend, inputs->gradients[head],
                              inputs->images * inputs->pixels * sizeof(float));
    }
    if (inputs->global != NULL) {
        backend->calls->clear(backend, inputs->global_gradient, inputs->images * sizeof(float));
    }
}

struct loss_work work_of(const struct loss_inputs *inputs, const struct loss_options *options,
                         int term, const struct layout *layout) {
    struct loss_work work = {};
    work.inputs = *inputs;
    work.tiles = tiles_of(inputs);
    work.lesion = layout->lesion;
    work.lesions = layout->lesions;
    work.sums = layout->sums + (size_t)term * layout->sum_count;
    for (size_t head = 0; head < inputs->heads; head++) {
        work.weights[head] = loss_weight(inputs, options, term, head);
    }
    work.weights[MAX_LOSS_HEADS] = loss_weight(inputs, options, term, inputs->heads);
    memcpy(work.values, options->values[term], sizeof work.values);
    if ((loss_terms[term]->heads & LOSS_AUXILIARY_HEADS) == 0) {
        work.inputs.heads = 1;
    }
    return work;
}

} // namespace

size_t cuda_loss_scratch(struct backend *backend, const struct loss_inputs *inputs,
                         const struct loss_options *options) {
    if (inputs->images > 65535 || inputs->pixels > INT32_MAX / inputs->heads / inputs->images) {
        return SIZE_MAX; // more than the sort's 64 bits can number: no memory is like that
    }
    return lay_out(inputs, NULL, largest_term_bytes(backend, inputs, options)).bytes;
}

void cuda_loss(struct backend *backend, const struct loss_inputs *inputs,
               const struct loss_options *options, double scale, struct loss_sums *sums,
               void *scratch) {
    const struct layout layout = lay_out(inputs, (char *)scratch, 0);
    const struct summing summing = {layout.sums, layout.sum_count, sums};
    backend->calls->clear(backend, layout.sums, LOSSES * layout.sum_count * sizeof(double));
    clear_gradients(backend, inputs);
    count_lesions(backend, inputs, &layout);
    for (int i = 0; i < LOSSES; i++) {
        if (options->weights[i] > 0) {
            struct loss_work work = work_of(inputs, options, i, &layout);
            work.scale = scale;
            terms[i]->add(backend, &work, layout.of_term);
        }
    }
    launch(backend, sum_terms, 1, THREADS, summing);
}

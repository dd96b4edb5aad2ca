// position_attention by CUDA. Where it can, by tensor cores without scores in memory
// (cuda_fused.cu). Otherwise in chunks of rows: the scores of a chunk against all pixels, of all
// images, stay in the device's second-level cache. Products by cuBLAS; a block for each row of the
// softmax. Formulas as on the CPU (cpu/): queries are keys, so backward walks rows only, too.
#include "ops/position_attention/cuda_fused.h"

#include "backend/cuda/block.h"
#include "ops/position_attention/formula.h"

namespace {

#ifndef POSITION_CHUNK                    // tests take small ones
#define POSITION_CHUNK ((size_t)32 << 20) // bytes
#endif

struct state {
    struct backend *backend;
    size_t images, pixels, keys, channels; // of one image; of q; of v
    size_t forward_rows, backward_rows;    // of a chunk
    bool fused;                            // no chunks
};

size_t rows_of_chunk(const struct state *state, size_t bytes) {
    const size_t rows = POSITION_CHUNK / (state->images * state->pixels * bytes) / 8 * 8;
    const size_t count = rows < 8 ? 8 : rows;
    return count < state->pixels ? count : state->pixels;
}

bool plan(struct kernel_plan *plan, struct error *error) {
    const struct shape q = plan_input_shape(plan, 0);
    const struct shape v = plan_input_shape(plan, 1);
    struct state state = {plan->backend, q.n, q.h * q.w, q.c, v.c, 0, 0, false};
    const size_t across = state.images * state.pixels;
    const bool train = graph_mode_of(plan->graph) == GRAPH_TRAIN;
    plan->saved = across * sizeof(float);
    state.fused = position_fuses(plan->backend, q.c, v.c);
    if (state.fused) {
        plan->scratch = train ? across * sizeof(float) : 0; // D
        return keep_state(plan, state, error);
    }
    state.forward_rows = rows_of_chunk(&state, sizeof(float) + 2);
    state.backward_rows = rows_of_chunk(&state, 3 * sizeof(float) + 4);
    // Forward scores and probabilities; backward three tiles of scores, two of results, and D.
    const size_t first = 2 * rounded(across * state.forward_rows * sizeof(float));
    const size_t second =
        5 * rounded(across * state.backward_rows * sizeof(float)) + rounded(across * sizeof(float));
    plan->scratch = train && second > first ? second : first;
    return keep_state(plan, state, error);
}

// One chunk: tiles are images x rows x pixels.
struct chunk {
    size_t pixels, first, rows;            // of one image; the chunk's first row, and rows
    float *scores;                         // s_ij
    float *row_products, *column_products; // dY_i . v_j, dY_j . v_i
    void *result, *transposed;             // P_ij or g_ij; P_ji: in the activations' precision
    float *logs, *d;                       // L and D of all pixels of all images
};

// ---- kernels

template <typename T>
__global__ void position_softmax(const struct chunk args) {
    const size_t image = blockIdx.y;
    const size_t row = (image * args.rows + blockIdx.x) * args.pixels;
    float maximum = -INFINITY;
    for (size_t j = threadIdx.x; j < args.pixels; j += THREADS) {
        maximum = args.scores[row + j] > maximum ? args.scores[row + j] : maximum;
    }
    maximum = block_greatest(maximum);
    double sum = 0;
    for (size_t j = threadIdx.x; j < args.pixels; j += THREADS) {
        sum += expf(args.scores[row + j] - maximum);
    }
    sum = block_sum(sum);
    const float share = (float)(1 / sum);
    for (size_t j = threadIdx.x; j < args.pixels; j += THREADS) {
        from_float(expf(args.scores[row + j] - maximum) * share, (T *)args.result + row + j);
    }
    if (threadIdx.x == 0) {
        args.logs[image * args.pixels + args.first + blockIdx.x] = maximum + (float)log(sum);
    }
}

template <typename T>
__global__ void position_gradients(const struct chunk args) {
    const size_t image = blockIdx.y * args.pixels;
    const size_t row = (blockIdx.y * args.rows + blockIdx.x) * args.pixels;
    const float own_log = args.logs[image + args.first + blockIdx.x];
    const float own_d = args.d[image + args.first + blockIdx.x];
    for (size_t j = threadIdx.x; j < args.pixels; j += THREADS) {
        const float score = args.scores[row + j];
        const float p = expf(score - own_log);
        const float transposed = expf(score - args.logs[image + j]);
        const float gradient = position_gradient(p, args.row_products[row + j], own_d, transposed,
                                                 args.column_products[row + j], args.d[image + j]);
        from_float(gradient, (T *)args.result + row + j);
        from_float(transposed, (T *)args.transposed + row + j);
    }
}

template <typename T>
struct outputs {
    const T *y, *dy;
    float *d;
    size_t channels;
};

// D of one pixel a block.
template <typename T>
__global__ void position_output_products(const outputs<T> args) {
    const size_t pixel = (size_t)blockIdx.x * args.channels;
    double sum = 0;
    for (size_t c = threadIdx.x; c < args.channels; c += THREADS) {
        sum += (double)to_float(args.y[pixel + c]) * to_float(args.dy[pixel + c]);
    }
    sum = block_sum(sum);
    if (threadIdx.x == 0) {
        args.d[blockIdx.x] = (float)sum;
    }
}

// ---- products

// Rows of a, from the chunk's first on, times all rows of b: a tile.
void score_product(const struct state *state, const struct chunk *args, const void *a,
                   const void *b, size_t width, float *tile) {
    const size_t plane = state->pixels * width;
    const size_t size = precision_size(state->backend->precision);
    const struct cuda_product product = {
        .rows = args->rows,
        .columns = state->pixels,
        .inner = width,
        .batch = state->images,
        .alpha = 1,
        .a = {(const char *)a + args->first * width * size, width, plane, false},
        .b = {b, width, plane, true},
        .c = {tile, state->pixels, args->rows * state->pixels, false},
        .precision = state->backend->precision,
        .float_result = true};
    cuda_gemm(state->backend, &product);
}

// The chunk's rows of `made` = a tile times b, added to what is there if asked.
void value_product(const struct state *state, const struct chunk *args, const void *tile,
                   const void *b, size_t width, bool add, void *result) {
    const size_t plane = state->pixels * width;
    const size_t size = precision_size(state->backend->precision);
    const struct cuda_product product = {
        .rows = args->rows,
        .columns = width,
        .inner = state->pixels,
        .batch = state->images,
        .alpha = 1,
        .beta = add ? 1.0F : 0.0F,
        .a = {tile, state->pixels, args->rows * state->pixels, false},
        .b = {b, width, plane, false},
        .c = {(char *)result + args->first * width * size, width, plane, false},
        .precision = state->backend->precision};
    cuda_gemm(state->backend, &product);
}

struct chunk chunk_of(const struct call *call, size_t first, size_t rows_of_all) {
    const struct state *state = (const struct state *)call->state;
    const size_t left = state->pixels - first;
    const size_t tile =
        rounded(state->images * state->pixels * rows_of_all * sizeof(float)) / sizeof(float);
    float *scratch = (float *)call->scratch;
    struct chunk args = {};
    args.pixels = state->pixels;
    args.first = first;
    args.rows = left < rows_of_all ? left : rows_of_all;
    args.scores = scratch;
    args.result = scratch + tile;
    args.transposed = scratch + 2 * tile;
    args.row_products = scratch + 3 * tile;
    args.column_products = scratch + 4 * tile;
    args.d = scratch + 5 * tile;
    args.logs = (float *)call->saved;
    return args;
}

struct position_arrays arrays_of(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    struct position_arrays args = {};
    args.images = state->images;
    args.pixels = state->pixels;
    args.q = (const bf16 *)call->in[0];
    args.v = (const bf16 *)call->in[1];
    args.dy = (const bf16 *)call->out_gradient;
    args.y = (bf16 *)call->out;
    args.logs = (float *)call->saved;
    args.d = (const float *)call->scratch;
    args.dq = (bf16 *)call->in_gradient[0];
    args.dv = (bf16 *)call->in_gradient[1];
    args.add_dq = call->add[0];
    args.add_dv = call->add[1];
    return args;
}

// D of all pixels, into `to`.
template <typename T>
void make_output_products(const struct call *call, float *to) {
    const struct state *state = (const struct state *)call->state;
    const outputs<T> products = {(const T *)call->out, (const T *)call->out_gradient, to,
                                 state->channels};
    launch(state->backend, position_output_products<T>,
           dim3((unsigned)(state->images * state->pixels)), THREADS, products);
}

void backward_fused(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    const struct position_arrays args = arrays_of(call);
    if (args.dq != NULL) {
        make_output_products<bf16>(call, (float *)call->scratch);
        position_fused_keys(state->backend, &args, state->keys);
    }
    if (args.dv != NULL) {
        position_fused_values(state->backend, &args, state->keys);
    }
}

template <typename T>
void forward_by_chunks(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    for (size_t first = 0; first < state->pixels; first += state->forward_rows) {
        const struct chunk args = chunk_of(call, first, state->forward_rows);
        score_product(state, &args, call->in[0], call->in[0], state->keys, args.scores);
        launch(state->backend, position_softmax<T>,
               dim3((unsigned)args.rows, (unsigned)state->images), THREADS, args);
        value_product(state, &args, args.result, call->in[1], state->channels, false, call->out);
    }
}

template <typename T>
void backward_by_chunks(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    const void *q = call->in[0];
    const void *v = call->in[1];
    const void *dy = call->out_gradient;
    make_output_products<T>(call, chunk_of(call, 0, state->backward_rows).d);
    for (size_t first = 0; first < state->pixels; first += state->backward_rows) {
        const struct chunk args = chunk_of(call, first, state->backward_rows);
        score_product(state, &args, q, q, state->keys, args.scores);
        score_product(state, &args, dy, v, state->channels, args.row_products);
        score_product(state, &args, v, dy, state->channels, args.column_products);
        launch(state->backend, position_gradients<T>,
               dim3((unsigned)args.rows, (unsigned)state->images), THREADS, args);
        if (call->in_gradient[0] != NULL) {
            value_product(state, &args, args.result, q, state->keys, call->add[0],
                          call->in_gradient[0]);
        }
        if (call->in_gradient[1] != NULL) {
            value_product(state, &args, args.transposed, dy, state->channels, call->add[1],
                          call->in_gradient[1]);
        }
    }
}

template <typename T>
void run_forward(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    if (state->fused) {
        const struct position_arrays args = arrays_of(call);
        position_fused_forward(state->backend, &args, state->keys);
    } else {
        forward_by_chunks<T>(call);
    }
}

template <typename T>
void run_backward(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    if (state->fused) {
        backward_fused(call);
    } else {
        backward_by_chunks<T>(call);
    }
}

CUDA_PASSES(state->backend->precision)

} // namespace

const struct kernel position_attention_cuda = {plan, forward, backward, free, NULL};

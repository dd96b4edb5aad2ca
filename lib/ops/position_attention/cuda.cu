// position_attention by CUDA. Where it can, by tensor cores without scores in memory
// (cuda_fused.cu). Otherwise in chunks of rows: the scores of a chunk against all pixels, of all
// images, stay in the device's second-level cache. Products by cuBLAS; a block for each row of the
// softmax. Formulas as on the CPU (cpu/): queries are keys, so backward walks rows only, too.
#include "ops/position_attention/cuda_fused.h"

#include "backend/cuda/block.h"

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
    const size_t some = rows < 8 ? 8 : rows;
    return some < state->pixels ? some : state->pixels;
}

bool plan(struct kernel_plan *plan, struct error *error) {
    const struct shape q = plan_input_shape(plan, 0);
    const struct shape v = plan_input_shape(plan, 1);
    struct state made = {plan->backend, q.n, q.h * q.w, q.c, v.c, 0, 0, false};
    const size_t across = made.images * made.pixels;
    const bool train = graph_mode_of(plan->graph) == GRAPH_TRAIN;
    plan->saved = across * sizeof(float);
    made.fused = position_fuses(plan->backend, q.c, v.c);
    if (made.fused) {
        plan->scratch = train ? across * sizeof(float) : 0; // D
        return keep_state(plan, made, error);
    }
    made.forward_rows = rows_of_chunk(&made, sizeof(float) + 2);
    made.backward_rows = rows_of_chunk(&made, 3 * sizeof(float) + 4);
    // Forward scores and probabilities; backward three tiles of scores, two of results, and D.
    const size_t first = 2 * rounded(across * made.forward_rows * sizeof(float));
    const size_t second =
        5 * rounded(across * made.backward_rows * sizeof(float)) + rounded(across * sizeof(float));
    plan->scratch = train && second > first ? second : first;
    return keep_state(plan, made, error);
}

// One chunk: tiles are images x rows x pixels.
struct chunk {
    size_t pixels, first, rows; // of one image; the chunk's first row, and rows
    float *scores;              // s_ij
    float *mine, *theirs;       // dY_i . v_j, dY_j . v_i
    void *made, *turned;        // P_ij or g_ij; P_ji: in the activations' precision
    float *logs, *d;            // L and D of all pixels of all images
};

// ---- kernels

template <typename T>
__global__ void position_softmax(const struct chunk at) {
    const size_t image = blockIdx.y;
    const size_t row = (image * at.rows + blockIdx.x) * at.pixels;
    float most = -INFINITY;
    for (size_t j = threadIdx.x; j < at.pixels; j += THREADS) {
        most = at.scores[row + j] > most ? at.scores[row + j] : most;
    }
    most = block_greatest(most);
    double sum = 0;
    for (size_t j = threadIdx.x; j < at.pixels; j += THREADS) {
        sum += expf(at.scores[row + j] - most);
    }
    sum = block_sum(sum);
    const float share = (float)(1 / sum);
    for (size_t j = threadIdx.x; j < at.pixels; j += THREADS) {
        from_float(expf(at.scores[row + j] - most) * share, (T *)at.made + row + j);
    }
    if (threadIdx.x == 0) {
        at.logs[image * at.pixels + at.first + blockIdx.x] = most + (float)log(sum);
    }
}

template <typename T>
__global__ void position_gradients(const struct chunk at) {
    const size_t image = blockIdx.y * at.pixels;
    const size_t row = (blockIdx.y * at.rows + blockIdx.x) * at.pixels;
    const float own_log = at.logs[image + at.first + blockIdx.x];
    const float own_d = at.d[image + at.first + blockIdx.x];
    for (size_t j = threadIdx.x; j < at.pixels; j += THREADS) {
        const float score = at.scores[row + j];
        const float p = expf(score - own_log);
        const float turned = expf(score - at.logs[image + j]);
        const float gradient =
            p * (at.mine[row + j] - own_d) + turned * (at.theirs[row + j] - at.d[image + j]);
        from_float(gradient, (T *)at.made + row + j);
        from_float(turned, (T *)at.turned + row + j);
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
__global__ void position_output_products(const outputs<T> at) {
    const size_t pixel = (size_t)blockIdx.x * at.channels;
    double sum = 0;
    for (size_t c = threadIdx.x; c < at.channels; c += THREADS) {
        sum += (double)to_float(at.y[pixel + c]) * to_float(at.dy[pixel + c]);
    }
    sum = block_sum(sum);
    if (threadIdx.x == 0) {
        at.d[blockIdx.x] = (float)sum;
    }
}

// ---- products

// Rows of a, from the chunk's first on, times all rows of b: a tile.
void score_product(const struct state *state, const struct chunk *at, const void *a, const void *b,
                   size_t width, float *tile) {
    const size_t plane = state->pixels * width;
    const size_t size = precision_size(state->backend->precision);
    const struct cuda_product product = {
        .rows = at->rows,
        .columns = state->pixels,
        .inner = width,
        .batch = state->images,
        .alpha = 1,
        .a = {(const char *)a + at->first * width * size, width, plane, false},
        .b = {b, width, plane, true},
        .c = {tile, state->pixels, at->rows * state->pixels, false},
        .precision = state->backend->precision,
        .float_result = true};
    cuda_gemm(state->backend, &product);
}

// The chunk's rows of `made` = a tile times b, added to what is there if asked.
void value_product(const struct state *state, const struct chunk *at, const void *tile,
                   const void *b, size_t width, bool add, void *made) {
    const size_t plane = state->pixels * width;
    const size_t size = precision_size(state->backend->precision);
    const struct cuda_product product = {
        .rows = at->rows,
        .columns = width,
        .inner = state->pixels,
        .batch = state->images,
        .alpha = 1,
        .beta = add ? 1.0F : 0.0F,
        .a = {tile, state->pixels, at->rows * state->pixels, false},
        .b = {b, width, plane, false},
        .c = {(char *)made + at->first * width * size, width, plane, false},
        .precision = state->backend->precision};
    cuda_gemm(state->backend, &product);
}

struct chunk chunk_of(const struct call *call, size_t first, size_t rows_of_all) {
    const struct state *state = (const struct state *)call->state;
    const size_t left = state->pixels - first;
    const size_t tile =
        rounded(state->images * state->pixels * rows_of_all * sizeof(float)) / sizeof(float);
    float *scratch = (float *)call->scratch;
    struct chunk at = {};
    at.pixels = state->pixels;
    at.first = first;
    at.rows = left < rows_of_all ? left : rows_of_all;
    at.scores = scratch;
    at.made = scratch + tile;
    at.turned = scratch + 2 * tile;
    at.mine = scratch + 3 * tile;
    at.theirs = scratch + 4 * tile;
    at.d = scratch + 5 * tile;
    at.logs = (float *)call->saved;
    return at;
}

struct position_arrays arrays_of(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    struct position_arrays at = {};
    at.images = state->images;
    at.pixels = state->pixels;
    at.q = (const bf16 *)call->in[0];
    at.v = (const bf16 *)call->in[1];
    at.dy = (const bf16 *)call->out_gradient;
    at.y = (bf16 *)call->out;
    at.logs = (float *)call->saved;
    at.d = (const float *)call->scratch;
    at.dq = (bf16 *)call->in_gradient[0];
    at.dv = (bf16 *)call->in_gradient[1];
    at.add_dq = call->add[0];
    at.add_dv = call->add[1];
    return at;
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
    const struct position_arrays at = arrays_of(call);
    if (at.dq != NULL) {
        make_output_products<bf16>(call, (float *)call->scratch);
        position_fused_keys(state->backend, &at, state->keys);
    }
    if (at.dv != NULL) {
        position_fused_values(state->backend, &at, state->keys);
    }
}

template <typename T>
void forward_by_chunks(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    for (size_t first = 0; first < state->pixels; first += state->forward_rows) {
        const struct chunk at = chunk_of(call, first, state->forward_rows);
        score_product(state, &at, call->in[0], call->in[0], state->keys, at.scores);
        launch(state->backend, position_softmax<T>,
               dim3((unsigned)at.rows, (unsigned)state->images), THREADS, at);
        value_product(state, &at, at.made, call->in[1], state->channels, false, call->out);
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
        const struct chunk at = chunk_of(call, first, state->backward_rows);
        score_product(state, &at, q, q, state->keys, at.scores);
        score_product(state, &at, dy, v, state->channels, at.mine);
        score_product(state, &at, v, dy, state->channels, at.theirs);
        launch(state->backend, position_gradients<T>,
               dim3((unsigned)at.rows, (unsigned)state->images), THREADS, at);
        if (call->in_gradient[0] != NULL) {
            value_product(state, &at, at.made, q, state->keys, call->add[0], call->in_gradient[0]);
        }
        if (call->in_gradient[1] != NULL) {
            value_product(state, &at, at.turned, dy, state->channels, call->add[1],
                          call->in_gradient[1]);
        }
    }
}

template <typename T>
void run_forward(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    if (state->fused) {
        const struct position_arrays at = arrays_of(call);
        position_fused_forward(state->backend, &at, state->keys);
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

// convolution by CUDA: cuDNN, on weights brought into its order when parameters change. In
// prediction a norm is folded into them, and bias, residual and ReLU join in the same pass.
#include "backend/cuda_rows.h"

extern "C" {
#include "ops/convolution/convolution.h"
#include "ops/kernels.h"
#include "ops/norm/norm.h"
}

namespace {

struct state {
    struct backend *backend;
    struct cuda_convolution *convolution;
    size_t rows, channels, in_channels, taps; // output's pixels and channels; kernel x kernel
    size_t weight_count;
    bool own_bias, norm, relu, residual, joined;
    void *weights, *bias; // on the device, in the backend's precision
    size_t room;          // of cuDNN
};

size_t rounded(size_t bytes) {
    return (bytes + 255) / 256 * 256;
}

void release(void *made) {
    struct state *state = (struct state *)made;
    cuda_convolution_release(state->convolution);
    state->backend->calls->release(state->backend, state->weights);
    state->backend->calls->release(state->backend, state->bias);
    free(state);
}

bool plan(struct kernel_plan *plan, struct error *error) {
    const struct convolution_attributes *layer =
        (const struct convolution_attributes *)plan->node->attributes;
    const struct shape in = input_shape(plan, 0);
    const struct shape out = output_shape(plan);
    const bool residual = plan->node->input_count > 1;
    const bool joined = layer->bias || layer->norm || layer->relu || residual;
    const struct cuda_convolution_shape shape = {
        .images = in.n,
        .height = in.h,
        .width = in.w,
        .channels = in.c,
        .out_height = out.h,
        .out_width = out.w,
        .out_channels = out.c,
        .kernel = layer->kernel,
        .stride = layer->stride,
        .pad = layer->pad,
        .joined = joined,
        .train = graph_mode_of(plan->graph) == GRAPH_TRAIN,
        .input_gradient = graph_value_at(plan->graph, plan->node->inputs[0])->needs_gradient};
    struct backend *backend = plan->backend;
    struct state *state = (struct state *)calloc(1, sizeof *state);
    if (state == NULL) {
        return fail(error, "no memory");
    }
    const size_t size = precision_size(backend->precision);
    const size_t taps = layer->kernel * layer->kernel;
    *state = {.backend = backend,
              .convolution = cuda_convolution_plan(backend, &shape, error),
              .rows = out.n * out.h * out.w,
              .channels = out.c,
              .in_channels = in.c,
              .taps = taps,
              .weight_count = out.c * taps * in.c,
              .own_bias = layer->bias,
              .norm = layer->norm,
              .relu = layer->relu,
              .residual = residual,
              .joined = joined};
    if (state->convolution == NULL) {
        release(state);
        return false;
    }
    state->weights = backend->calls->alloc(backend, state->weight_count * size);
    state->bias = backend->calls->alloc(backend, out.c * size);
    if (state->weights == NULL || state->bias == NULL) {
        release(state);
        return fail(error, "no memory on the GPU for weights");
    }
    state->room = rounded(cuda_convolution_scratch(state->convolution));
    plan->scratch = state->room;
    if (shape.train) { // the weights' gradient as cuDNN makes it, and sums for the bias's
        plan->scratch += rounded(state->weight_count * size);
        plan->scratch += layer->bias ? ROWS_BLOCKS * 2 * out.c * sizeof(double) : 0;
    }
    plan->state = state;
    return true;
}

// ---- weights: out x in x taps in parameters, out x taps x in for cuDNN

template <typename T>
struct weights {
    size_t count, channels, in_channels, taps;
    const float *from, *own_bias;
    const float *scale, *shift, *mean, *variance; // of the norm, NULL: none
    T *to, *bias;
    const T *made; // a gradient, and what it is added to
    float *gradient;
};

template <typename T>
__device__ inline size_t parameter_index(const weights<T> &at, size_t i) {
    const size_t c = i % at.in_channels;
    const size_t tap = i / at.in_channels % at.taps;
    const size_t out = i / at.in_channels / at.taps;
    return (out * at.in_channels + c) * at.taps + tap;
}

// w' = w * scale / sqrt(var + eps), b' = (b - mean) * scale / sqrt(var + eps) + shift.
template <typename T>
__global__ void convolution_prepare(const weights<T> at) {
    const size_t i = thread_number();
    if (i >= at.count) {
        return;
    }
    const size_t out = i / at.in_channels / at.taps;
    const double factor =
        at.scale != NULL ? at.scale[out] / sqrt(at.variance[out] + NORM_EPSILON) : 1;
    from_float((float)(at.from[parameter_index(at, i)] * factor), &at.to[i]);
    if (i % (at.in_channels * at.taps) == 0) {
        const double own = at.own_bias != NULL ? at.own_bias[out] : 0;
        from_float((float)(at.scale != NULL ? (own - at.mean[out]) * factor + at.shift[out] : own),
                   &at.bias[out]);
    }
}

template <typename T>
__global__ void convolution_add_gradient(const weights<T> at) {
    const size_t i = thread_number();
    if (i < at.count) {
        at.gradient[parameter_index(at, i)] += to_float(at.made[i]);
    }
}

template <typename T>
weights<T> weights_of(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    float *const *norm = call->parameter + 1 + state->own_bias;
    weights<T> at = {.count = state->weight_count,
                     .channels = state->channels,
                     .in_channels = state->in_channels,
                     .taps = state->taps,
                     .from = call->parameter[0],
                     .own_bias = state->own_bias ? call->parameter[1] : NULL};
    if (state->norm) {
        at.scale = norm[NORM_SCALE];
        at.shift = norm[NORM_SHIFT];
        at.mean = norm[NORM_MEAN];
        at.variance = norm[NORM_VARIANCE];
    }
    at.to = (T *)state->weights;
    at.bias = (T *)state->bias;
    return at;
}

template <typename T>
void prepare_as(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    launch(state->backend, convolution_prepare<T>, blocks_for(state->weight_count), THREADS,
           weights_of<T>(call));
}

// ---- the bias's gradient: sums over pixels

template <typename T>
struct bias_sums {
    rows_walk walk;
    const T *dy;
    double *partial;
    size_t blocks;
    float *gradient;
};

template <typename T, int N>
__global__ void convolution_bias_sums(const bias_sums<T> at) {
    const rows_place place = place_of_thread(at.walk, N);
    float sum[N] = {0};
    const float nothing[N] = {0};
    for (size_t row = place.first; row < place.end; row += place.step) {
        float dy[N];
        read_pack(at.dy + row * at.walk.channels + place.channel, dy);
        for (int i = 0; i < N; i++) {
            sum[i] += dy[i];
        }
    }
    write_partial_sums(at.walk, place, sum, nothing, at.partial);
}

template <typename T>
__global__ void convolution_bias_gradient(const bias_sums<T> at) {
    double sum;
    double nothing;
    sum_partials(at.partial, at.blocks, at.walk.channels, &sum, &nothing);
    const size_t c = (size_t)blockIdx.x * SUMS_CHANNELS + threadIdx.x;
    if (threadIdx.x < SUMS_CHANNELS && c < at.walk.channels) {
        at.gradient[c] += (float)sum;
    }
}

template <typename T, int N>
void add_bias_gradient(const struct call *call, double *partial) {
    const struct state *state = (const struct state *)call->state;
    bias_sums<T> at = {.walk = walk_rows(state->rows, state->channels, N, ROWS_BLOCKS, 4),
                       .dy = (const T *)call->out_gradient,
                       .partial = partial};
    const dim3 blocks = walk_blocks(at.walk, N);
    at.blocks = blocks.x;
    at.gradient = call->gradient[1];
    launch(state->backend, convolution_bias_sums<T, N>, blocks, walk_threads(at.walk), at);
    launch(state->backend, convolution_bias_gradient<T>, blocks_for(state->channels, SUMS_CHANNELS),
           THREADS, at);
}

// ---- passes

template <typename T>
void backward_as(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    char *scratch = (char *)call->scratch;
    char *made = scratch + state->room;
    if (call->gradient[0] != NULL) {
        cuda_convolution_weight_gradient(state->convolution, call->in[0], call->out_gradient, made,
                                         scratch);
        weights<T> at = weights_of<T>(call);
        at.made = (const T *)made;
        at.gradient = call->gradient[0];
        launch(state->backend, convolution_add_gradient<T>, blocks_for(state->weight_count),
               THREADS, at);
    }
    if (state->own_bias && call->gradient[1] != NULL) {
        double *partial = (double *)(made + rounded(state->weight_count * sizeof(T)));
        state->channels % pack_size<T> == 0 ? add_bias_gradient<T, pack_size<T>>(call, partial)
                                            : add_bias_gradient<T, 1>(call, partial);
    }
    if (call->in_gradient[0] != NULL) { // last: it may take the place of what is read above
        cuda_convolution_input_gradient(state->convolution, state->weights, call->out_gradient,
                                        call->in_gradient[0], call->add[0], scratch);
    }
}

void prepare(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    state->backend->precision == PRECISION_F32 ? prepare_as<float>(call) : prepare_as<bf16>(call);
}

void forward(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    const struct cuda_joined joined = {state->joined ? state->bias : NULL,
                                       state->residual ? call->in[1] : NULL, state->relu};
    cuda_convolution_forward(state->convolution, call->in[0], state->weights, &joined, call->out,
                             call->scratch);
}

void backward(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    state->backend->precision == PRECISION_F32 ? backward_as<float>(call) : backward_as<bf16>(call);
}

} // namespace

const struct kernel convolution_cuda = {plan, forward, backward, release, prepare};

// convolution by CUDA: cuDNN, on weights brought into its order when parameters change. In
// prediction a norm is folded into them, and bias, residual and ReLU join in the same pass.
//
// In bf16, a network's first layer, of three channels and stride 2, would leave tensor cores idle:
// they take channels by eights. So 2 x 2 pixels become the channels of one (space to depth), and
// the same sums a convolution of stride 1 with a window of half the size. Depthwise layers and
// those of a few pixels are not cuDNN's: depthwise.h, few_pixels.h, narrow.h.
#include "ops/convolution/cuda/bias_gradient.h"
#include "ops/convolution/cuda/depthwise.h"
#include "ops/convolution/cuda/few_pixels.h"
#include "ops/convolution/cuda/narrow.h"
#include "ops/cuda_operation.h"
#include "ops/norm/formula.h"

extern "C" {
#include "ops/convolution/convolution.h"
#include "ops/norm/norm.h"
}

namespace {

enum method { CUDNN, DEPTHWISE, FEW_PIXELS, NARROW };

struct state {
    struct backend *backend;
    enum method method;
    struct cuda_convolution *convolution; // cuDNN's, or NULL
    struct convolution_shape shape;
    struct convolution_shape inner; // what cuDNN is given
    bool by_fours;                  // the input's pixels, as channels of it
    size_t weight_count;            // as the kernels take them
    bool own_bias, norm;
    void *weights, *bias;    // on the device, in the backend's precision; of depthwise float32
    size_t workspace, input; // scratch bytes: of the convolution; of the input by fours behind it
};

// Rows above an output's row, in rows of two pixels.
size_t rows_above(const struct convolution_shape *shape) {
    return (shape->pad + 1) / 2;
}

bool goes_by_fours(const struct convolution_shape *shape, enum precision precision) {
    return precision == PRECISION_BF16 && shape->groups == 1 && shape->channels <= 4 &&
           shape->stride == 2 && shape->window > shape->pad && !shape->input_gradient;
}

// The borders lie in the input by fours.
struct convolution_shape shape_by_fours(const struct convolution_shape *shape) {
    struct convolution_shape inner = *shape;
    inner.channels = (4 * shape->channels + 7) / 8 * 8;
    inner.window = rows_above(shape) + (shape->window - 1 - shape->pad) / 2 + 1;
    inner.stride = 1;
    inner.pad = 0;
    inner.height = shape->out_height + inner.window - 1;
    inner.width = shape->out_width + inner.window - 1;
    return inner;
}

void release(void *memory) {
    struct state *state = (struct state *)memory;
    cuda_convolution_release(state->convolution);
    state->backend->calls->release(state->backend, state->weights);
    state->backend->calls->release(state->backend, state->bias);
    free(state);
}

// Scratch bytes of all that a pass needs.
size_t plan_scratch(struct state *state) {
    const struct convolution_shape *shape = &state->shape;
    const struct convolution_shape *inner = &state->inner;
    const size_t size = precision_size(state->backend->precision);
    if (state->convolution != NULL) {
        state->workspace = rounded(cuda_convolution_scratch(state->convolution));
    } else if (state->method == DEPTHWISE && shape->train) {
        state->workspace = rounded(cuda_depthwise_scratch(state->backend, shape));
    }
    state->input =
        state->by_fours
            ? rounded(inner->images * inner->height * inner->width * inner->channels * size)
            : 0;
    size_t scratch = state->workspace + state->input;
    if (shape->train && state->method != FEW_PIXELS) {
        scratch += rounded(state->weight_count * size); // the weights' gradient as cuDNN makes it
        scratch += state->own_bias ? cuda_bias_scratch(shape->out_channels) : 0;
    }
    return scratch;
}

enum method method_of(const struct backend *backend, const struct convolution_shape *shape) {
    return cuda_depthwise_takes(shape)         ? DEPTHWISE
           : cuda_few_pixels_takes(shape)      ? FEW_PIXELS
           : cuda_narrow_takes(backend, shape) ? NARROW
                                               : CUDNN;
}

// Narrow layers' weights' gradients are cuDNN's.
bool asks_cudnn(enum method method, const struct convolution_shape *shape) {
    return method == CUDNN || (method == NARROW && shape->train);
}

const char *method_name(const struct state *state) {
    switch (state->method) {
    case DEPTHWISE: return "depthwise";
    case FEW_PIXELS: return "few-pixels";
    case NARROW: return "narrow";
    default: return state->shape.groups > 1 ? "cudnn-grouped" : "cudnn";
    }
}

bool plan(struct kernel_plan *plan, struct error *error) {
    const struct convolution_attributes *layer =
        (const struct convolution_attributes *)plan->node->attributes;
    const struct convolution_shape shape = convolution_shape_of(plan->graph, plan->node);
    struct backend *backend = plan->backend;
    struct state *state = (struct state *)calloc(1, sizeof *state);
    if (state == NULL) {
        return fail(error, "no memory");
    }
    const bool by_fours = goes_by_fours(&shape, backend->precision);
    const enum method method = method_of(backend, &shape);
    const bool cudnn = asks_cudnn(method, &shape);
    const struct convolution_shape inner = by_fours ? shape_by_fours(&shape) : shape;
    *state = {.backend = backend,
              .method = method,
              .convolution = cudnn ? cuda_convolution_plan(backend, &inner, error) : NULL,
              .shape = shape,
              .inner = inner,
              .by_fours = by_fours,
              .weight_count = inner.out_channels * inner.window * inner.window *
                              (inner.channels / inner.groups),
              .own_bias = layer->bias,
              .norm = layer->norm};
    if (cudnn && state->convolution == NULL) {
        release(state);
        return false;
    }
    const size_t size = method == DEPTHWISE ? sizeof(float) : precision_size(backend->precision);
    state->weights = backend->calls->alloc(backend, state->weight_count * size);
    state->bias = backend->calls->alloc(backend, shape.out_channels * size);
    if (state->weights == NULL || state->bias == NULL) {
        release(state);
        return fail(error, "no memory on the GPU for weights");
    }
    plan->scratch = plan_scratch(state);
    plan->forward_method = method_name(state);
    plan->backward_method = plan->forward_method;
    plan->state = state;
    return true;
}

// ---- weights: out x in x taps in parameters, out x taps x in for cuDNN, taps x channels depthwise

#define NONE SIZE_MAX

template <typename T>
struct weights {
    size_t count;
    size_t channels, window, pad, above; // of the layer, channels of one group
    size_t inner_channels, inner_window; // of cuDNN's convolution
    bool by_fours, depthwise;
    const float *from, *own_bias;
    const float *scale, *shift, *mean, *variance; // of the norm, NULL: none
    T *to, *bias;
    const T *weight_gradient; // a gradient, and what it is added to
    float *gradient;
};

// Which parameter weight i of cuDNN's is; NONE: a 0 beside the window.
template <typename T>
__device__ inline size_t parameter_index(const weights<T> &args, size_t i) {
    size_t c = i % args.inner_channels;
    size_t x = i / args.inner_channels % args.inner_window;
    size_t y = i / args.inner_channels / args.inner_window % args.inner_window;
    const size_t out = i / args.inner_channels / args.inner_window / args.inner_window;
    if (args.by_fours) {
        const size_t which = c / args.channels;
        c %= args.channels;
        y = 2 * y + which / 2 + args.pad - 2 * args.above; // beyond the window if it is below 0
        x = 2 * x + which % 2 + args.pad - 2 * args.above;
        if (which >= 4 || y >= args.window || x >= args.window) {
            return NONE;
        }
    }
    return ((out * args.channels + c) * args.window + y) * args.window + x;
}

// The weights and biases, with the norm folded into them if there is one. Threads take the weights
// in cuDNN's order.
template <typename T>
__global__ void convolution_prepare(const weights<T> args) {
    const size_t i = thread_number();
    if (i >= args.count) {
        return;
    }
    const size_t of_out = args.inner_channels * args.inner_window * args.inner_window;
    const size_t out = i / of_out;
    const size_t from = parameter_index(args, i);
    const size_t to = args.depthwise ? i % of_out * (args.count / of_out) + out : i;
    const double factor =
        args.scale != NULL ? norm_folded_factor(args.scale[out], args.variance[out]) : 1;
    from_float(from == NONE ? 0 : (float)(args.from[from] * factor), &args.to[to]);
    if (i % of_out == 0) {
        const double own = args.own_bias != NULL ? args.own_bias[out] : 0;
        from_float(args.scale != NULL
                       ? norm_folded_bias(own, args.mean[out], factor, args.shift[out])
                       : (float)own,
                   &args.bias[out]);
    }
}

template <typename T>
__global__ void convolution_add_gradient(const weights<T> args) {
    const size_t i = thread_number();
    const size_t to = i < args.count ? parameter_index(args, i) : NONE;
    if (to != NONE) {
        args.gradient[to] += to_float(args.weight_gradient[i]);
    }
}

template <typename T>
weights<T> weights_of(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    float *const *norm = call->parameter + 1 + state->own_bias;
    weights<T> args = {.count = state->weight_count,
                       .channels = state->shape.channels / state->shape.groups,
                       .window = state->shape.window,
                       .pad = state->shape.pad,
                       .above = rows_above(&state->shape),
                       .inner_channels = state->inner.channels / state->inner.groups,
                       .inner_window = state->inner.window,
                       .by_fours = state->by_fours,
                       .depthwise = state->method == DEPTHWISE,
                       .from = call->parameter[0],
                       .own_bias = state->own_bias ? call->parameter[1] : NULL};
    if (state->norm) {
        args.scale = norm[NORM_SCALE];
        args.shift = norm[NORM_SHIFT];
        args.mean = norm[NORM_MEAN];
        args.variance = norm[NORM_VARIANCE];
    }
    args.to = (T *)state->weights;
    args.bias = (T *)state->bias;
    return args;
}

template <typename T>
void prepare_as(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    launch(state->backend, convolution_prepare<T>, blocks_for(state->weight_count), THREADS,
           weights_of<T>(call));
}

// ---- the input by fours: pixel (y, x) has those of (2 y, 2 x) to (2 y + 1, 2 x + 1), counted from
// as many rows and columns above the image as the window reaches

struct fours {
    struct convolution_shape shape, inner;
    size_t above;
    const bf16 *from;
    bf16 *to;
};

__global__ void convolution_by_fours(const fours args) {
    const size_t i = thread_number();
    const size_t c = i % args.inner.channels;
    const size_t x = i / args.inner.channels % args.inner.width;
    const size_t y = i / args.inner.channels / args.inner.width % args.inner.height;
    const size_t image = i / args.inner.channels / args.inner.width / args.inner.height;
    if (image >= args.inner.images) {
        return;
    }
    const size_t which = c / args.shape.channels;
    const size_t from_y = 2 * y + which / 2 - 2 * args.above; // beyond the image if it is below 0
    const size_t from_x = 2 * x + which % 2 - 2 * args.above;
    const bool inside = which < 4 && from_y < args.shape.height && from_x < args.shape.width;
    args.to[i] =
        inside ? args.from[((image * args.shape.height + from_y) * args.shape.width + from_x) *
                               args.shape.channels +
                           c % args.shape.channels]
               : bf16{0};
}

// The input as cuDNN is given it.
const void *input_of(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    if (!state->by_fours) {
        return call->in[0];
    }
    const struct convolution_shape *inner = &state->inner;
    const fours args = {state->shape, *inner, rows_above(&state->shape), (const bf16 *)call->in[0],
                        (bf16 *)((char *)call->scratch + state->workspace)};
    launch(state->backend, convolution_by_fours,
           blocks_for(inner->images * inner->height * inner->width * inner->channels), THREADS,
           args);
    return args.to;
}

// ---- passes

template <typename T>
void add_weight_gradient(const struct call *call, void *weight_gradient) {
    const struct state *state = (const struct state *)call->state;
    cuda_convolution_weight_gradient(state->convolution, input_of(call), call->out_gradient,
                                     weight_gradient, call->scratch);
    weights<T> args = weights_of<T>(call);
    args.weight_gradient = (const T *)weight_gradient;
    args.gradient = call->gradient[0];
    launch(state->backend, convolution_add_gradient<T>, blocks_for(state->weight_count), THREADS,
           args);
}

void prepare(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    BY_PRECISION(state->method == DEPTHWISE ? PRECISION_F32 : state->backend->precision, prepare_as,
                 call);
}

void forward(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    const struct convolution_shape *shape = &state->shape;
    const void *residual = shape->sum ? call->in[1] : NULL;
    if (state->method == DEPTHWISE) {
        const struct depthwise_joined joined = {(const float *)state->bias, residual, shape->relu};
        cuda_depthwise_forward(state->backend, shape, call->in[0], (const float *)state->weights,
                               &joined, call->out);
        return;
    }
    const struct cuda_joined joined = {cuda_convolution_joins(shape) ? state->bias : NULL, residual,
                                       shape->relu};
    if (state->method == FEW_PIXELS) {
        cuda_few_pixels_forward(state->backend, shape, call->in[0], state->weights, &joined,
                                call->out);
    } else if (state->method == NARROW) {
        cuda_narrow_forward(state->backend, shape, call->in[0], state->weights, &joined, call->out);
    } else {
        cuda_convolution_forward(state->convolution, input_of(call), state->weights, &joined,
                                 call->out, call->scratch);
    }
}

void parameter_gradients(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    const struct convolution_shape *shape = &state->shape;
    float *own_bias = state->own_bias ? call->gradient[1] : NULL;
    if (state->method == FEW_PIXELS) {
        if (call->gradient[0] != NULL || own_bias != NULL) {
            cuda_few_pixels_parameter_gradients(state->backend, shape, call->in[0],
                                                call->out_gradient, call->gradient[0], own_bias);
        }
        return;
    }
    const enum precision precision = state->backend->precision;
    char *weight_gradient = (char *)call->scratch + state->workspace + state->input;
    char *partial = weight_gradient + rounded(state->weight_count * precision_size(precision));
    if (call->gradient[0] != NULL && state->method == DEPTHWISE) {
        cuda_depthwise_weight_gradient(state->backend, shape, call->in[0], call->out_gradient,
                                       call->gradient[0], call->scratch);
    } else if (call->gradient[0] != NULL) {
        BY_PRECISION(precision, add_weight_gradient, call, weight_gradient);
    }
    if (own_bias != NULL) {
        cuda_bias_gradient(state->backend, call->out_gradient,
                           shape->images * shape->out_height * shape->out_width,
                           shape->out_channels, own_bias, partial);
    }
}

void backward(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    void *result = call->in_gradient[0];
    parameter_gradients(call);
    if (result == NULL) {
        return;
    }
    // Last: it may take the place of what is read above.
    if (state->method == DEPTHWISE) {
        cuda_depthwise_input_gradient(state->backend, &state->shape, (const float *)state->weights,
                                      call->out_gradient, result, call->add[0]);
    } else if (state->method == FEW_PIXELS) {
        cuda_few_pixels_input_gradient(state->backend, &state->shape, state->weights,
                                       call->out_gradient, result, call->add[0]);
    } else if (state->method == NARROW) {
        cuda_narrow_input_gradient(state->backend, &state->shape, state->weights,
                                   call->out_gradient, result, call->add[0]);
    } else {
        cuda_convolution_input_gradient(state->convolution, state->weights, call->out_gradient,
                                        result, call->add[0], call->scratch);
    }
}

} // namespace

const struct kernel convolution_cuda = {plan, forward, backward, release, prepare};

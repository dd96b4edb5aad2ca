// Convolutions by cuDNN's plain functions: images x height x width x channels, sums in float32, and
// only algorithms that give the same bytes every time.
#include "backend/cuda/engine.h"

#include <cudnn.h>

#include <stdio.h>

#define MOST_ALGORITHMS 16
#define MOST_WORKSPACE ((size_t)1 << 30)

struct cuda_convolution {
    struct backend *backend;
    cudnnHandle_t handle;
    cudnnTensorDescriptor_t input, output, bias;
    cudnnFilterDescriptor_t weights;
    cudnnConvolutionDescriptor_t layer;
    cudnnActivationDescriptor_t relu, as_is;
    cudnnConvolutionFwdAlgo_t forward;
    cudnnConvolutionBwdDataAlgo_t input_gradient;
    cudnnConvolutionBwdFilterAlgo_t weight_gradient;
    size_t scratch;
    cudnnStatus_t status; // of the plan
};

bool cuda_dnn_open(struct cuda_engine *engine, struct error *error) {
    cudnnHandle_t handle = NULL;
    cudnnStatus_t status = cudnnCreate(&handle);
    engine->dnn = handle;
    if (status == CUDNN_STATUS_SUCCESS) {
        status = cudnnSetStream(handle, engine->stream);
    }
    return status == CUDNN_STATUS_SUCCESS ||
           fail(error, "cuDNN cannot be used: %s", cudnnGetErrorString(status));
}

void cuda_dnn_close(struct cuda_engine *engine) {
    if (engine->dnn != NULL) {
        (void)cudnnDestroy((cudnnHandle_t)engine->dnn);
    }
}

static void note(const struct cuda_convolution *convolution, cudnnStatus_t status) {
    if (status != CUDNN_STATUS_SUCCESS) {
        cuda_fault(convolution->backend, cudnnGetErrorString(status));
    }
}

template <typename D>
static void destroy(const struct cuda_convolution *convolution, D descriptor,
                    cudnnStatus_t (*how)(D)) {
    if (descriptor != NULL) {
        note(convolution, how(descriptor));
    }
}

void cuda_convolution_release(struct cuda_convolution *convolution) {
    if (convolution == NULL) {
        return;
    }
    destroy(convolution, convolution->input, cudnnDestroyTensorDescriptor);
    destroy(convolution, convolution->output, cudnnDestroyTensorDescriptor);
    destroy(convolution, convolution->bias, cudnnDestroyTensorDescriptor);
    destroy(convolution, convolution->weights, cudnnDestroyFilterDescriptor);
    destroy(convolution, convolution->layer, cudnnDestroyConvolutionDescriptor);
    destroy(convolution, convolution->relu, cudnnDestroyActivationDescriptor);
    destroy(convolution, convolution->as_is, cudnnDestroyActivationDescriptor);
    free(convolution);
}

// ---- descriptions. What fails first is told by `status`.

static bool good(struct cuda_convolution *made, cudnnStatus_t status) {
    made->status = status;
    return status == CUDNN_STATUS_SUCCESS;
}

static bool describe_tensor(struct cuda_convolution *made, cudnnTensorDescriptor_t *tensor,
                            cudnnDataType_t type, size_t n, size_t h, size_t w, size_t c) {
    return good(made, cudnnCreateTensorDescriptor(tensor)) &&
           good(made, cudnnSetTensor4dDescriptor(*tensor, CUDNN_TENSOR_NHWC, type, (int)n, (int)c,
                                                 (int)h, (int)w));
}

static bool describe_activation(struct cuda_convolution *made,
                                cudnnActivationDescriptor_t *activation,
                                cudnnActivationMode_t mode) {
    return good(made, cudnnCreateActivationDescriptor(activation)) &&
           good(made, cudnnSetActivationDescriptor(*activation, mode, CUDNN_PROPAGATE_NAN, 0));
}

static bool describe_tensors(struct cuda_convolution *made, const struct convolution_shape *shape,
                             cudnnDataType_t type) {
    const int window = (int)shape->window;
    return describe_tensor(made, &made->input, type, shape->images, shape->height, shape->width,
                           shape->channels) &&
           describe_tensor(made, &made->output, type, shape->images, shape->out_height,
                           shape->out_width, shape->out_channels) &&
           describe_tensor(made, &made->bias, type, 1, 1, 1, shape->out_channels) &&
           good(made, cudnnCreateFilterDescriptor(&made->weights)) &&
           good(made, cudnnSetFilter4dDescriptor(made->weights, type, CUDNN_TENSOR_NHWC,
                                                 (int)shape->out_channels, (int)shape->channels,
                                                 window, window));
}

// float32 is float32, not TF32.
static bool describe_layer(struct cuda_convolution *made, const struct convolution_shape *shape,
                           bool bf16) {
    const int pad = (int)shape->pad;
    const int stride = (int)shape->stride;
    return good(made, cudnnCreateConvolutionDescriptor(&made->layer)) &&
           good(made, cudnnSetConvolution2dDescriptor(made->layer, pad, pad, stride, stride, 1, 1,
                                                      CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT)) &&
           good(made, cudnnSetConvolutionMathType(made->layer,
                                                  bf16 ? CUDNN_TENSOR_OP_MATH : CUDNN_FMA_MATH)) &&
           describe_activation(made, &made->relu, CUDNN_ACTIVATION_RELU) &&
           describe_activation(made, &made->as_is, CUDNN_ACTIVATION_IDENTITY);
}

// ---- algorithms: cuDNN's own order, without measuring, which would choose another one each time

static void need_scratch(struct cuda_convolution *made, size_t bytes) {
    made->scratch = bytes > made->scratch ? bytes : made->scratch;
}

// Takes the first one that gives the same bytes every time.
template <typename P, typename A>
static bool choose(struct cuda_convolution *made, const P *found, int count, A *algorithm) {
    for (int i = 0; i < count; i++) {
        if (found[i].status == CUDNN_STATUS_SUCCESS &&
            found[i].determinism == CUDNN_DETERMINISTIC && found[i].memory <= MOST_WORKSPACE) {
            *algorithm = found[i].algo;
            need_scratch(made, found[i].memory);
            return true;
        }
    }
    return good(made, CUDNN_STATUS_NOT_SUPPORTED);
}

static bool choose_forward(struct cuda_convolution *made) {
    cudnnConvolutionFwdAlgoPerf_t found[MOST_ALGORITHMS];
    int count = 0;
    return good(made, cudnnGetConvolutionForwardAlgorithm_v7(
                          made->handle, made->input, made->weights, made->layer, made->output,
                          MOST_ALGORITHMS, &count, found)) &&
           choose(made, found, count, &made->forward);
}

// Products as they are written, which all activations go with.
static bool choose_plain_forward(struct cuda_convolution *made) {
    size_t room = 0;
    made->forward = CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM;
    const bool chosen = good(made, cudnnGetConvolutionForwardWorkspaceSize(
                                       made->handle, made->input, made->weights, made->layer,
                                       made->output, made->forward, &room));
    need_scratch(made, room);
    return chosen;
}

static bool choose_input_gradient(struct cuda_convolution *made) {
    cudnnConvolutionBwdDataAlgoPerf_t found[MOST_ALGORITHMS];
    int count = 0;
    return good(made, cudnnGetConvolutionBackwardDataAlgorithm_v7(
                          made->handle, made->weights, made->output, made->layer, made->input,
                          MOST_ALGORITHMS, &count, found)) &&
           choose(made, found, count, &made->input_gradient);
}

static bool choose_weight_gradient(struct cuda_convolution *made) {
    cudnnConvolutionBwdFilterAlgoPerf_t found[MOST_ALGORITHMS];
    int count = 0;
    return good(made, cudnnGetConvolutionBackwardFilterAlgorithm_v7(
                          made->handle, made->input, made->output, made->layer, made->weights,
                          MOST_ALGORITHMS, &count, found)) &&
           choose(made, found, count, &made->weight_gradient);
}

// Training in float32 takes plain products, too: errors of Winograd's method and of transforms
// forward are what losses and gradients are then made of.
static bool choose_all(struct cuda_convolution *made, const struct convolution_shape *shape,
                       bool bf16) {
    const bool plain = cuda_convolution_joins(shape) || (shape->train && !bf16);
    return (plain ? choose_plain_forward(made) : choose_forward(made)) &&
           (!shape->train || choose_weight_gradient(made)) &&
           (!shape->train || !shape->input_gradient || choose_input_gradient(made));
}

struct cuda_convolution *cuda_convolution_plan(struct backend *backend,
                                               const struct convolution_shape *shape,
                                               struct error *error) {
    const bool bf16 = backend->precision == PRECISION_BF16;
    struct cuda_convolution *made = (struct cuda_convolution *)calloc(1, sizeof *made);
    if (made == NULL) {
        (void)fail(error, "no memory");
        return NULL;
    }
    made->backend = backend;
    made->handle = (cudnnHandle_t)((struct cuda_engine *)backend->engine)->dnn;
    if (!describe_tensors(made, shape, bf16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT) ||
        !describe_layer(made, shape, bf16) || !choose_all(made, shape, bf16)) {
        (void)fail(error, "cuDNN has no such convolution: %s", cudnnGetErrorString(made->status));
        cuda_convolution_release(made);
        return NULL;
    }
    return made;
}

size_t cuda_convolution_scratch(const struct cuda_convolution *convolution) {
    return convolution->scratch;
}

// ---- passes

void cuda_convolution_forward(struct cuda_convolution *convolution, const void *input,
                              const void *weights, const struct cuda_joined *joined, void *output,
                              void *scratch) {
    const float one = 1;
    const float none = 0;
    if (joined->bias == NULL) {
        note(convolution,
             cudnnConvolutionForward(convolution->handle, &one, convolution->input, input,
                                     convolution->weights, weights, convolution->layer,
                                     convolution->forward, scratch, convolution->scratch, &none,
                                     convolution->output, output));
        return;
    }
    const bool residual = joined->residual != NULL;
    note(convolution,
         cudnnConvolutionBiasActivationForward(
             convolution->handle, &one, convolution->input, input, convolution->weights, weights,
             convolution->layer, convolution->forward, scratch, convolution->scratch,
             residual ? &one : &none, convolution->output, residual ? joined->residual : output,
             convolution->bias, joined->bias, joined->relu ? convolution->relu : convolution->as_is,
             convolution->output, output));
}

void cuda_convolution_input_gradient(struct cuda_convolution *convolution, const void *weights,
                                     const void *output_gradient, void *input_gradient, bool add,
                                     void *scratch) {
    const float one = 1;
    const float before = add ? 1 : 0;
    note(convolution,
         cudnnConvolutionBackwardData(convolution->handle, &one, convolution->weights, weights,
                                      convolution->output, output_gradient, convolution->layer,
                                      convolution->input_gradient, scratch, convolution->scratch,
                                      &before, convolution->input, input_gradient));
}

void cuda_convolution_weight_gradient(struct cuda_convolution *convolution, const void *input,
                                      const void *output_gradient, void *weight_gradient,
                                      void *scratch) {
    const float one = 1;
    const float none = 0;
    note(convolution,
         cudnnConvolutionBackwardFilter(convolution->handle, &one, convolution->input, input,
                                        convolution->output, output_gradient, convolution->layer,
                                        convolution->weight_gradient, scratch, convolution->scratch,
                                        &none, convolution->weights, weight_gradient));
}

// Convolutions by cuDNN's plain functions: images x height x width x channels, sums in float32, and
// only algorithms that give the same bytes every time.
#include "backend/cuda/engine.h"

#include <cudnn.h>

#include <stdio.h>

#define MAX_ALGORITHMS 16
#define MAX_WORKSPACE ((size_t)1 << 30)

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

static bool good(struct cuda_convolution *convolution, cudnnStatus_t status) {
    convolution->status = status;
    return status == CUDNN_STATUS_SUCCESS;
}

static bool describe_tensor(struct cuda_convolution *convolution, cudnnTensorDescriptor_t *tensor,
                            cudnnDataType_t type, size_t n, size_t h, size_t w, size_t c) {
    return good(convolution, cudnnCreateTensorDescriptor(tensor)) &&
           good(convolution, cudnnSetTensor4dDescriptor(*tensor, CUDNN_TENSOR_NHWC, type, (int)n,
                                                        (int)c, (int)h, (int)w));
}

static bool describe_activation(struct cuda_convolution *convolution,
                                cudnnActivationDescriptor_t *activation,
                                cudnnActivationMode_t mode) {
    return good(convolution, cudnnCreateActivationDescriptor(activation)) &&
           good(convolution,
                cudnnSetActivationDescriptor(*activation, mode, CUDNN_PROPAGATE_NAN, 0));
}

static bool describe_tensors(struct cuda_convolution *convolution,
                             const struct convolution_shape *shape, cudnnDataType_t type) {
    const int window = (int)shape->window;
    return describe_tensor(convolution, &convolution->input, type, shape->images, shape->height,
                           shape->width, shape->channels) &&
           describe_tensor(convolution, &convolution->output, type, shape->images,
                           shape->out_height, shape->out_width, shape->out_channels) &&
           describe_tensor(convolution, &convolution->bias, type, 1, 1, 1, shape->out_channels) &&
           good(convolution, cudnnCreateFilterDescriptor(&convolution->weights)) &&
           good(convolution,
                cudnnSetFilter4dDescriptor(convolution->weights, type, CUDNN_TENSOR_NHWC,
                                           (int)shape->out_channels,
                                           (int)(shape->channels / shape->groups), window, window));
}

// float32 is float32, not TF32.
static bool describe_layer(struct cuda_convolution *convolution,
                           const struct convolution_shape *shape, bool bf16) {
    const int pad = (int)shape->pad;
    const int stride = (int)shape->stride;
    return good(convolution, cudnnCreateConvolutionDescriptor(&convolution->layer)) &&
           good(convolution,
                cudnnSetConvolution2dDescriptor(convolution->layer, pad, pad, stride, stride, 1, 1,
                                                CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT)) &&
           good(convolution,
                cudnnSetConvolutionGroupCount(convolution->layer, (int)shape->groups)) &&
           good(convolution,
                cudnnSetConvolutionMathType(convolution->layer,
                                            bf16 ? CUDNN_TENSOR_OP_MATH : CUDNN_FMA_MATH)) &&
           describe_activation(convolution, &convolution->relu, CUDNN_ACTIVATION_RELU) &&
           describe_activation(convolution, &convolution->as_is, CUDNN_ACTIVATION_IDENTITY);
}

// ---- algorithms: cuDNN's own order, without measuring, which would choose another one each time

static void need_scratch(struct cuda_convolution *convolution, size_t bytes) {
    convolution->scratch = bytes > convolution->scratch ? bytes : convolution->scratch;
}

// Takes the first one that gives the same bytes every time.
template <typename P, typename A>
static bool choose(struct cuda_convolution *convolution, const P *found, int count, A *algorithm) {
    for (int i = 0; i < count; i++) {
        if (found[i].status == CUDNN_STATUS_SUCCESS &&
            found[i].determinism == CUDNN_DETERMINISTIC && found[i].memory <= MAX_WORKSPACE) {
            *algorithm = found[i].algo;
            need_scratch(convolution, found[i].memory);
            return true;
        }
    }
    return good(convolution, CUDNN_STATUS_NOT_SUPPORTED);
}

static bool choose_forward(struct cuda_convolution *convolution) {
    cudnnConvolutionFwdAlgoPerf_t found[MAX_ALGORITHMS];
    int count = 0;
    return good(convolution,
                cudnnGetConvolutionForwardAlgorithm_v7(
                    convolution->handle, convolution->input, convolution->weights,
                    convolution->layer, convolution->output, MAX_ALGORITHMS, &count, found)) &&
           choose(convolution, found, count, &convolution->forward);
}

// Products as they are written, which all activations go with.
static bool choose_plain_forward(struct cuda_convolution *convolution) {
    size_t workspace = 0;
    convolution->forward = CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM;
    const bool chosen =
        good(convolution,
             cudnnGetConvolutionForwardWorkspaceSize(
                 convolution->handle, convolution->input, convolution->weights, convolution->layer,
                 convolution->output, convolution->forward, &workspace));
    need_scratch(convolution, workspace);
    return chosen;
}

static bool choose_input_gradient(struct cuda_convolution *convolution) {
    cudnnConvolutionBwdDataAlgoPerf_t found[MAX_ALGORITHMS];
    int count = 0;
    return good(convolution,
                cudnnGetConvolutionBackwardDataAlgorithm_v7(
                    convolution->handle, convolution->weights, convolution->output,
                    convolution->layer, convolution->input, MAX_ALGORITHMS, &count, found)) &&
           choose(convolution, found, count, &convolution->input_gradient);
}

static bool choose_weight_gradient(struct cuda_convolution *convolution) {
    cudnnConvolutionBwdFilterAlgoPerf_t found[MAX_ALGORITHMS];
    int count = 0;
    return good(convolution,
                cudnnGetConvolutionBackwardFilterAlgorithm_v7(
                    convolution->handle, convolution->input, convolution->output,
                    convolution->layer, convolution->weights, MAX_ALGORITHMS, &count, found)) &&
           choose(convolution, found, count, &convolution->weight_gradient);
}

// Training in float32 takes plain products, too: errors of Winograd's method and of transforms
// forward are what losses and gradients are then made of.
static bool choose_all(struct cuda_convolution *convolution, const struct convolution_shape *shape,
                       bool bf16) {
    const bool plain = cuda_convolution_joins(shape) || (shape->train && !bf16);
    return (plain ? choose_plain_forward(convolution) : choose_forward(convolution)) &&
           (!shape->train || choose_weight_gradient(convolution)) &&
           (!shape->train || !shape->input_gradient || choose_input_gradient(convolution));
}

struct cuda_convolution *cuda_convolution_plan(struct backend *backend,
                                               const struct convolution_shape *shape,
                                               struct error *error) {
    const bool bf16 = backend->precision == PRECISION_BF16;
    struct cuda_convolution *convolution =
        (struct cuda_convolution *)calloc(1, sizeof *convolution);
    if (convolution == NULL) {
        (void)fail(error, "no memory");
        return NULL;
    }
    convolution->backend = backend;
    convolution->handle = (cudnnHandle_t)((struct cuda_engine *)backend->engine)->dnn;
    if (!describe_tensors(convolution, shape, bf16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT) ||
        !describe_layer(convolution, shape, bf16) || !choose_all(convolution, shape, bf16)) {
        (void)fail(error, "cuDNN has no such convolution: %s",
                   cudnnGetErrorString(convolution->status));
        cuda_convolution_release(convolution);
        return NULL;
    }
    return convolution;
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

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

void cuda_convolution_release(struct cuda_convolution *convolution) {
    if (convolution == NULL) {
        return;
    }
    if (convolution->input != NULL) {
        note(convolution, cudnnDestroyTensorDescriptor(convolution->input));
    }
    if (convolution->output != NULL) {
        note(convolution, cudnnDestroyTensorDescriptor(convolution->output));
    }
    if (convolution->bias != NULL) {
        note(convolution, cudnnDestroyTensorDescriptor(convolution->bias));
    }
    if (convolution->weights != NULL) {
        note(convolution, cudnnDestroyFilterDescriptor(convolution->weights));
    }
    if (convolution->layer != NULL) {
        note(convolution, cudnnDestroyConvolutionDescriptor(convolution->layer));
    }
    if (convolution->relu != NULL) {
        note(convolution, cudnnDestroyActivationDescriptor(convolution->relu));
    }
    if (convolution->as_is != NULL) {
        note(convolution, cudnnDestroyActivationDescriptor(convolution->as_is));
    }
    free(convolution);
}

// ---- descriptions

static cudnnStatus_t describe_tensor(cudnnTensorDescriptor_t *made, cudnnDataType_t type, size_t n,
                                     size_t h, size_t w, size_t c) {
    const cudnnStatus_t status = cudnnCreateTensorDescriptor(made);
    return status != CUDNN_STATUS_SUCCESS
               ? status
               : cudnnSetTensor4dDescriptor(*made, CUDNN_TENSOR_NHWC, type, (int)n, (int)c, (int)h,
                                            (int)w);
}

static cudnnStatus_t describe_activation(cudnnActivationDescriptor_t *made,
                                         cudnnActivationMode_t mode) {
    const cudnnStatus_t status = cudnnCreateActivationDescriptor(made);
    return status != CUDNN_STATUS_SUCCESS
               ? status
               : cudnnSetActivationDescriptor(*made, mode, CUDNN_PROPAGATE_NAN, 0);
}

static cudnnStatus_t describe(struct cuda_convolution *made,
                              const struct cuda_convolution_shape *shape,
                              enum precision precision) {
    const bool bf16 = precision == PRECISION_BF16;
    const cudnnDataType_t type = bf16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT;
    const int pad = (int)shape->pad;
    const int stride = (int)shape->stride;
    const int kernel = (int)shape->kernel;
    cudnnStatus_t status = describe_tensor(&made->input, type, shape->images, shape->height,
                                           shape->width, shape->channels);
    if (status == CUDNN_STATUS_SUCCESS) {
        status = describe_tensor(&made->output, type, shape->images, shape->out_height,
                                 shape->out_width, shape->out_channels);
    }
    if (status == CUDNN_STATUS_SUCCESS) {
        status = describe_tensor(&made->bias, type, 1, 1, 1, shape->out_channels);
    }
    if (status == CUDNN_STATUS_SUCCESS) {
        status = cudnnCreateFilterDescriptor(&made->weights);
    }
    if (status == CUDNN_STATUS_SUCCESS) {
        status = cudnnSetFilter4dDescriptor(made->weights, type, CUDNN_TENSOR_NHWC,
                                            (int)shape->out_channels, (int)shape->channels, kernel,
                                            kernel);
    }
    if (status == CUDNN_STATUS_SUCCESS) {
        status = cudnnCreateConvolutionDescriptor(&made->layer);
    }
    if (status == CUDNN_STATUS_SUCCESS) {
        status = cudnnSetConvolution2dDescriptor(made->layer, pad, pad, stride, stride, 1, 1,
                                                 CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT);
    }
    if (status == CUDNN_STATUS_SUCCESS) { // float32 is float32, not TF32
        status =
            cudnnSetConvolutionMathType(made->layer, bf16 ? CUDNN_TENSOR_OP_MATH : CUDNN_FMA_MATH);
    }
    if (status == CUDNN_STATUS_SUCCESS) {
        status = describe_activation(&made->relu, CUDNN_ACTIVATION_RELU);
    }
    if (status == CUDNN_STATUS_SUCCESS) {
        status = describe_activation(&made->as_is, CUDNN_ACTIVATION_IDENTITY);
    }
    return status;
}

// ---- algorithms: cuDNN's own order, without measuring, which would choose another one each time

#define FIRST_GOOD(found, count, chosen, room)                                                     \
    for (int i = 0; i < (count); i++) {                                                            \
        if ((found)[i].status == CUDNN_STATUS_SUCCESS &&                                           \
            (found)[i].determinism == CUDNN_DETERMINISTIC &&                                       \
            (found)[i].memory <= MOST_WORKSPACE) {                                                 \
            (chosen) = (found)[i].algo;                                                            \
            (room) = (found)[i].memory > (room) ? (found)[i].memory : (room);                      \
            return CUDNN_STATUS_SUCCESS;                                                           \
        }                                                                                          \
    }                                                                                              \
    return CUDNN_STATUS_NOT_SUPPORTED

static cudnnStatus_t choose_forward(struct cuda_convolution *made, bool fused) {
    cudnnConvolutionFwdAlgoPerf_t found[MOST_ALGORITHMS];
    int count = 0;
    if (fused) { // the one that all activations go with
        size_t room = 0;
        made->forward = CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM;
        const cudnnStatus_t status = cudnnGetConvolutionForwardWorkspaceSize(
            made->handle, made->input, made->weights, made->layer, made->output, made->forward,
            &room);
        made->scratch = room > made->scratch ? room : made->scratch;
        return status;
    }
    const cudnnStatus_t status = cudnnGetConvolutionForwardAlgorithm_v7(
        made->handle, made->input, made->weights, made->layer, made->output, MOST_ALGORITHMS,
        &count, found);
    if (status != CUDNN_STATUS_SUCCESS) {
        return status;
    }
    FIRST_GOOD(found, count, made->forward, made->scratch);
}

static cudnnStatus_t choose_input_gradient(struct cuda_convolution *made) {
    cudnnConvolutionBwdDataAlgoPerf_t found[MOST_ALGORITHMS];
    int count = 0;
    const cudnnStatus_t status = cudnnGetConvolutionBackwardDataAlgorithm_v7(
        made->handle, made->weights, made->output, made->layer, made->input, MOST_ALGORITHMS,
        &count, found);
    if (status != CUDNN_STATUS_SUCCESS) {
        return status;
    }
    FIRST_GOOD(found, count, made->input_gradient, made->scratch);
}

static cudnnStatus_t choose_weight_gradient(struct cuda_convolution *made) {
    cudnnConvolutionBwdFilterAlgoPerf_t found[MOST_ALGORITHMS];
    int count = 0;
    const cudnnStatus_t status = cudnnGetConvolutionBackwardFilterAlgorithm_v7(
        made->handle, made->input, made->output, made->layer, made->weights, MOST_ALGORITHMS,
        &count, found);
    if (status != CUDNN_STATUS_SUCCESS) {
        return status;
    }
    FIRST_GOOD(found, count, made->weight_gradient, made->scratch);
}

struct cuda_convolution *cuda_convolution_plan(struct backend *backend,
                                               const struct cuda_convolution_shape *shape,
                                               struct error *error) {
    struct cuda_convolution *made = (struct cuda_convolution *)calloc(1, sizeof *made);
    if (made == NULL) {
        (void)fail(error, "no memory");
        return NULL;
    }
    made->backend = backend;
    made->handle = (cudnnHandle_t)((struct cuda_engine *)backend->engine)->dnn;
    cudnnStatus_t status = describe(made, shape, backend->precision);
    if (status == CUDNN_STATUS_SUCCESS) {
        status = choose_forward(made, shape->joined);
    }
    if (status == CUDNN_STATUS_SUCCESS && shape->train) {
        status = choose_weight_gradient(made);
    }
    if (status == CUDNN_STATUS_SUCCESS && shape->train && shape->input_gradient) {
        status = choose_input_gradient(made);
    }
    if (status != CUDNN_STATUS_SUCCESS) {
        cuda_convolution_release(made);
        (void)fail(error, "cuDNN has no such convolution: %s", cudnnGetErrorString(status));
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

// A stand-in for cuDNN: what the backend calls of it, in plain loops.
#ifndef FAKE_CUDNN_H
#define FAKE_CUDNN_H

#include <cuda_runtime.h>

enum cudnnStatus_t { CUDNN_STATUS_SUCCESS, CUDNN_STATUS_BAD_PARAM, CUDNN_STATUS_NOT_SUPPORTED };
enum cudnnDataType_t { CUDNN_DATA_FLOAT, CUDNN_DATA_BFLOAT16 };
enum cudnnTensorFormat_t { CUDNN_TENSOR_NHWC };
enum cudnnConvolutionMode_t { CUDNN_CROSS_CORRELATION };
enum cudnnMathType_t { CUDNN_TENSOR_OP_MATH, CUDNN_FMA_MATH };
enum cudnnActivationMode_t { CUDNN_ACTIVATION_RELU, CUDNN_ACTIVATION_IDENTITY };
enum cudnnNanPropagation_t { CUDNN_PROPAGATE_NAN };
enum cudnnDeterminism_t { CUDNN_NON_DETERMINISTIC, CUDNN_DETERMINISTIC };
enum cudnnConvolutionFwdAlgo_t {
    CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM,
    CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM
};
enum cudnnConvolutionBwdDataAlgo_t {
    CUDNN_CONVOLUTION_BWD_DATA_ALGO_0,
    CUDNN_CONVOLUTION_BWD_DATA_ALGO_1
};
enum cudnnConvolutionBwdFilterAlgo_t {
    CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0,
    CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1
};

template <typename A>
struct fake_found {
    A algo;
    cudnnStatus_t status;
    float time;
    size_t memory;
    cudnnDeterminism_t determinism;
    cudnnMathType_t mathType;
};
typedef fake_found<cudnnConvolutionFwdAlgo_t> cudnnConvolutionFwdAlgoPerf_t;
typedef fake_found<cudnnConvolutionBwdDataAlgo_t> cudnnConvolutionBwdDataAlgoPerf_t;
typedef fake_found<cudnnConvolutionBwdFilterAlgo_t> cudnnConvolutionBwdFilterAlgoPerf_t;

typedef struct fake_cudnn *cudnnHandle_t;
typedef struct fake_tensor *cudnnTensorDescriptor_t;
typedef struct fake_tensor *cudnnFilterDescriptor_t;
typedef struct fake_layer *cudnnConvolutionDescriptor_t;
typedef struct fake_activation *cudnnActivationDescriptor_t;

const char *cudnnGetErrorString(cudnnStatus_t status);
cudnnStatus_t cudnnCreate(cudnnHandle_t *handle);
cudnnStatus_t cudnnDestroy(cudnnHandle_t handle);
cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream);
cudnnStatus_t cudnnCreateTensorDescriptor(cudnnTensorDescriptor_t *created);
cudnnStatus_t cudnnDestroyTensorDescriptor(cudnnTensorDescriptor_t tensor);
cudnnStatus_t cudnnSetTensor4dDescriptor(cudnnTensorDescriptor_t tensor, cudnnTensorFormat_t format,
                                         cudnnDataType_t type, int n, int c, int h, int w);
cudnnStatus_t cudnnCreateFilterDescriptor(cudnnFilterDescriptor_t *created);
cudnnStatus_t cudnnDestroyFilterDescriptor(cudnnFilterDescriptor_t filter);
cudnnStatus_t cudnnSetFilter4dDescriptor(cudnnFilterDescriptor_t filter, cudnnDataType_t type,
                                         cudnnTensorFormat_t format, int k, int c, int h, int w);
cudnnStatus_t cudnnCreateConvolutionDescriptor(cudnnConvolutionDescriptor_t *created);
cudnnStatus_t cudnnDestroyConvolutionDescriptor(cudnnConvolutionDescriptor_t layer);
cudnnStatus_t cudnnSetConvolution2dDescriptor(cudnnConvolutionDescriptor_t layer, int pad_h,
                                              int pad_w, int stride_h, int stride_w, int dilation_h,
                                              int dilation_w, cudnnConvolutionMode_t mode,
                                              cudnnDataType_t sums);
cudnnStatus_t cudnnSetConvolutionGroupCount(cudnnConvolutionDescriptor_t layer, int groups);
cudnnStatus_t cudnnSetConvolutionMathType(cudnnConvolutionDescriptor_t layer, cudnnMathType_t type);
cudnnStatus_t cudnnCreateActivationDescriptor(cudnnActivationDescriptor_t *created);
cudnnStatus_t cudnnDestroyActivationDescriptor(cudnnActivationDescriptor_t activation);
cudnnStatus_t cudnnSetActivationDescriptor(cudnnActivationDescriptor_t activation,
                                           cudnnActivationMode_t mode, cudnnNanPropagation_t nan,
                                           double coefficient);
cudnnStatus_t cudnnGetConvolutionForwardWorkspaceSize(
    cudnnHandle_t handle, cudnnTensorDescriptor_t x, cudnnFilterDescriptor_t w,
    cudnnConvolutionDescriptor_t layer, cudnnTensorDescriptor_t y,
    cudnnConvolutionFwdAlgo_t algorithm, size_t *bytes);
cudnnStatus_t cudnnGetConvolutionForwardAlgorithm_v7(
    cudnnHandle_t handle, cudnnTensorDescriptor_t x, cudnnFilterDescriptor_t w,
    cudnnConvolutionDescriptor_t layer, cudnnTensorDescriptor_t y, int max_count, int *count,
    cudnnConvolutionFwdAlgoPerf_t *found);
cudnnStatus_t cudnnGetConvolutionBackwardDataAlgorithm_v7(
    cudnnHandle_t handle, cudnnFilterDescriptor_t w, cudnnTensorDescriptor_t dy,
    cudnnConvolutionDescriptor_t layer, cudnnTensorDescriptor_t dx, int max_count, int *count,
    cudnnConvolutionBwdDataAlgoPerf_t *found);
cudnnStatus_t cudnnGetConvolutionBackwardFilterAlgorithm_v7(
    cudnnHandle_t handle, cudnnTensorDescriptor_t x, cudnnTensorDescriptor_t dy,
    cudnnConvolutionDescriptor_t layer, cudnnFilterDescriptor_t dw, int max_count, int *count,
    cudnnConvolutionBwdFilterAlgoPerf_t *found);
cudnnStatus_t cudnnConvolutionForward(cudnnHandle_t handle, const void *alpha,
                                      cudnnTensorDescriptor_t of_x, const void *x,
                                      cudnnFilterDescriptor_t of_w, const void *w,
                                      cudnnConvolutionDescriptor_t layer,
                                      cudnnConvolutionFwdAlgo_t algorithm, void *scratch,
                                      size_t bytes, const void *beta, cudnnTensorDescriptor_t of_y,
                                      void *y);
cudnnStatus_t cudnnConvolutionBiasActivationForward(
    cudnnHandle_t handle, const void *alpha1, cudnnTensorDescriptor_t of_x, const void *x,
    cudnnFilterDescriptor_t of_w, const void *w, cudnnConvolutionDescriptor_t layer,
    cudnnConvolutionFwdAlgo_t algorithm, void *scratch, size_t bytes, const void *alpha2,
    cudnnTensorDescriptor_t of_z, const void *z, cudnnTensorDescriptor_t of_bias, const void *bias,
    cudnnActivationDescriptor_t activation, cudnnTensorDescriptor_t of_y, void *y);
cudnnStatus_t cudnnConvolutionBackwardData(cudnnHandle_t handle, const void *alpha,
                                           cudnnFilterDescriptor_t of_w, const void *w,
                                           cudnnTensorDescriptor_t of_dy, const void *dy,
                                           cudnnConvolutionDescriptor_t layer,
                                           cudnnConvolutionBwdDataAlgo_t algorithm, void *scratch,
                                           size_t bytes, const void *beta,
                                           cudnnTensorDescriptor_t of_dx, void *dx);
cudnnStatus_t cudnnConvolutionBackwardFilter(cudnnHandle_t handle, const void *alpha,
                                             cudnnTensorDescriptor_t of_x, const void *x,
                                             cudnnTensorDescriptor_t of_dy, const void *dy,
                                             cudnnConvolutionDescriptor_t layer,
                                             cudnnConvolutionBwdFilterAlgo_t algorithm,
                                             void *scratch, size_t bytes, const void *beta,
                                             cudnnFilterDescriptor_t of_dw, void *dw);

#endif

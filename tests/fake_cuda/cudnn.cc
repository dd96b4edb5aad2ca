// The stand-in for cuDNN. Scratch memory is filled with NaNs: nobody else may use it.
#include "backend/bf16.h"
#include "product.h"
#include "queue.h"

#include <cudnn.h>

#include <algorithm>
#include <cstring>
#include <vector>

struct fake_cudnn {
    cudaStream_t stream;
};
struct fake_tensor { // a filter: n is its number
    cudnnDataType_t type;
    int n, h, w, c;
};
struct fake_layer {
    int pad, stride, groups;
};
struct fake_activation {
    cudnnActivationMode_t mode;
};

namespace {

constexpr size_t scratch_bytes = 4096;

size_t count_of(const fake_tensor &tensor) {
    return (size_t)tensor.n * tensor.h * tensor.w * tensor.c;
}

std::vector<float> floats(bool bf16, const void *from, size_t count) {
    std::vector<float> created(count);
    for (size_t i = 0; i < count; i++) {
        created[i] = bf16 ? bf16_to(((const uint16_t *)from)[i]) : ((const float *)from)[i];
    }
    return created;
}

void store(bool bf16, const std::vector<float> &from, void *to) {
    for (size_t i = 0; i < from.size(); i++) {
        if (bf16) {
            ((uint16_t *)to)[i] = bf16_from(from[i]);
        } else {
            ((float *)to)[i] = from[i];
        }
    }
}

bool is_bf16(const fake_tensor &tensor) {
    return tensor.type == CUDNN_DATA_BFLOAT16;
}

// What the three passes share: for each tap and row of image n's output, `work` with where the
// input's and the output's channels start for the first pixel whose tap is inside the image, the
// tap's number, and the number of such pixels.
template <typename W>
void each_run(const fake_tensor &x, const fake_tensor &w, const fake_layer &layer,
              const fake_tensor &y, int n, W work) {
    for (int tap = 0; tap < w.h * w.w; tap++) {
        const int down = tap / w.w - layer.pad;
        const int along = tap % w.w - layer.pad;
        const int first = along < 0 ? (layer.stride - 1 - along) / layer.stride : 0;
        const int end = x.w > along ? std::min(y.w, (x.w - 1 - along) / layer.stride + 1) : 0;
        for (int oh = 0; oh < y.h && first < end; oh++) {
            const int ih = oh * layer.stride + down;
            const int iw = first * layer.stride + along;
            if (ih >= 0 && ih < x.h) {
                work((((size_t)n * x.h + ih) * x.w + iw) * x.c,
                     (((size_t)n * y.h + oh) * y.w + first) * y.c, tap, end - first);
            }
        }
    }
}

// Weights by tap, input channel, output channel: sums then run along the output channels.
std::vector<float> by_tap(const fake_tensor &w, const std::vector<float> &weights) {
    std::vector<float> created(weights.size());
    const int taps = w.h * w.w;
    for (int k = 0; k < w.n; k++) {
        for (int i = 0; i < taps; i++) {
            for (int c = 0; c < w.c; c++) {
                created[((size_t)i * w.c + c) * w.n + k] =
                    weights[((size_t)k * taps + i) * w.c + c];
            }
        }
    }
    return created;
}

std::vector<float> convolve(const fake_tensor &of_x, const void *x, const fake_tensor &of_w,
                            const void *w, const fake_layer &layer, const fake_tensor &of_y) {
    const std::vector<float> in = floats(is_bf16(of_x), x, count_of(of_x));
    const std::vector<float> weights = by_tap(of_w, floats(is_bf16(of_w), w, count_of(of_w)));
    const int own = of_w.n / layer.groups; // output channels of a group
    std::vector<float> out(count_of(of_y));
#pragma omp parallel for
    for (int n = 0; n < of_x.n; n++) {
        each_run(of_x, of_w, layer, of_y, n, [&](size_t from, size_t to, int tap, int pixels) {
            for (int g = 0; g < layer.groups; g++) {
                add_product({&out[to + g * own], &in[from + g * of_w.c],
                             &weights[(size_t)tap * of_w.c * of_w.n + g * own], (size_t)of_y.c,
                             (size_t)layer.stride * of_x.c, 1, (size_t)of_w.n, pixels, of_w.c,
                             own});
            }
        });
    }
    return out;
}

template <typename A>
void offer(int *count, fake_found<A> *found, A uncertain, A certain) {
    found[0] = {uncertain, CUDNN_STATUS_SUCCESS, 1, 0, CUDNN_NON_DETERMINISTIC, CUDNN_FMA_MATH};
    found[1] = {certain,       CUDNN_STATUS_SUCCESS, 2,
                scratch_bytes, CUDNN_DETERMINISTIC,  CUDNN_FMA_MATH};
    *count = 2;
}

// Whether a pass may run, and what becomes of its scratch memory.
bool fits(const fake_tensor &x, const fake_tensor &w, const fake_layer &layer, const fake_tensor &y,
          bool algorithm, void *scratch, size_t bytes, cudaStream_t stream) {
    fake_queue(stream, [=] { memset(scratch, 0xFF, scratch_bytes); });
    return algorithm && bytes >= scratch_bytes && x.n == y.n && w.c * layer.groups == x.c &&
           w.n % layer.groups == 0 && w.n == y.c &&
           y.h == (x.h + 2 * layer.pad - w.h) / layer.stride + 1 &&
           y.w == (x.w + 2 * layer.pad - w.w) / layer.stride + 1;
}

} // namespace

// ---- cuDNN

const char *cudnnGetErrorString(cudnnStatus_t status) {
    return status == CUDNN_STATUS_SUCCESS     ? "CUDNN_STATUS_SUCCESS"
           : status == CUDNN_STATUS_BAD_PARAM ? "CUDNN_STATUS_BAD_PARAM"
                                              : "CUDNN_STATUS_NOT_SUPPORTED";
}
cudnnStatus_t cudnnCreate(cudnnHandle_t *handle) {
    *handle = new fake_cudnn{nullptr};
    return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnDestroy(cudnnHandle_t handle) {
    delete handle;
    return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream) {
    handle->stream = stream;
    return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnCreateTensorDescriptor(cudnnTensorDescriptor_t *created) {
    *created = new fake_tensor{};
    return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnDestroyTensorDescriptor(cudnnTensorDescriptor_t tensor) {
    delete tensor;
    return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnSetTensor4dDescriptor(cudnnTensorDescriptor_t tensor, cudnnTensorFormat_t,
                                         cudnnDataType_t type, int n, int c, int h, int w) {
    *tensor = {type, n, h, w, c};
    return n > 0 && c > 0 && h > 0 && w > 0 ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_BAD_PARAM;
}
cudnnStatus_t cudnnCreateFilterDescriptor(cudnnFilterDescriptor_t *created) {
    return cudnnCreateTensorDescriptor(created);
}
cudnnStatus_t cudnnDestroyFilterDescriptor(cudnnFilterDescriptor_t filter) {
    return cudnnDestroyTensorDescriptor(filter);
}
cudnnStatus_t cudnnSetFilter4dDescriptor(cudnnFilterDescriptor_t filter, cudnnDataType_t type,
                                         cudnnTensorFormat_t format, int k, int c, int h, int w) {
    return cudnnSetTensor4dDescriptor(filter, format, type, k, c, h, w);
}
cudnnStatus_t cudnnCreateConvolutionDescriptor(cudnnConvolutionDescriptor_t *created) {
    *created = new fake_layer{};
    return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnDestroyConvolutionDescriptor(cudnnConvolutionDescriptor_t layer) {
    delete layer;
    return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnSetConvolution2dDescriptor(cudnnConvolutionDescriptor_t layer, int pad_h, int,
                                              int stride_h, int, int, int, cudnnConvolutionMode_t,
                                              cudnnDataType_t) {
    *layer = {pad_h, stride_h, 1};
    return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnSetConvolutionGroupCount(cudnnConvolutionDescriptor_t layer, int groups) {
    layer->groups = groups;
    return groups > 0 ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_BAD_PARAM;
}
cudnnStatus_t cudnnSetConvolutionMathType(cudnnConvolutionDescriptor_t, cudnnMathType_t) {
    return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnCreateActivationDescriptor(cudnnActivationDescriptor_t *created) {
    *created = new fake_activation{};
    return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnDestroyActivationDescriptor(cudnnActivationDescriptor_t activation) {
    delete activation;
    return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnSetActivationDescriptor(cudnnActivationDescriptor_t activation,
                                           cudnnActivationMode_t mode, cudnnNanPropagation_t,
                                           double) {
    activation->mode = mode;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnGetConvolutionForwardWorkspaceSize(cudnnHandle_t, cudnnTensorDescriptor_t,
                                                      cudnnFilterDescriptor_t,
                                                      cudnnConvolutionDescriptor_t,
                                                      cudnnTensorDescriptor_t,
                                                      cudnnConvolutionFwdAlgo_t, size_t *bytes) {
    *bytes = scratch_bytes;
    return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnGetConvolutionForwardAlgorithm_v7(cudnnHandle_t, cudnnTensorDescriptor_t,
                                                     cudnnFilterDescriptor_t,
                                                     cudnnConvolutionDescriptor_t,
                                                     cudnnTensorDescriptor_t, int, int *count,
                                                     cudnnConvolutionFwdAlgoPerf_t *found) {
    offer(count, found, CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM,
          CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM);
    return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnGetConvolutionBackwardDataAlgorithm_v7(
    cudnnHandle_t, cudnnFilterDescriptor_t, cudnnTensorDescriptor_t, cudnnConvolutionDescriptor_t,
    cudnnTensorDescriptor_t, int, int *count, cudnnConvolutionBwdDataAlgoPerf_t *found) {
    offer(count, found, CUDNN_CONVOLUTION_BWD_DATA_ALGO_0, CUDNN_CONVOLUTION_BWD_DATA_ALGO_1);
    return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnGetConvolutionBackwardFilterAlgorithm_v7(
    cudnnHandle_t, cudnnTensorDescriptor_t, cudnnTensorDescriptor_t, cudnnConvolutionDescriptor_t,
    cudnnFilterDescriptor_t, int, int *count, cudnnConvolutionBwdFilterAlgoPerf_t *found) {
    offer(count, found, CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0, CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1);
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnConvolutionForward(cudnnHandle_t handle, const void *,
                                      cudnnTensorDescriptor_t of_x, const void *x,
                                      cudnnFilterDescriptor_t of_w, const void *w,
                                      cudnnConvolutionDescriptor_t layer,
                                      cudnnConvolutionFwdAlgo_t algorithm, void *scratch,
                                      size_t bytes, const void *, cudnnTensorDescriptor_t of_y,
                                      void *y) {
    if (!fits(*of_x, *of_w, *layer, *of_y,
              algorithm == CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM, scratch, bytes,
              handle->stream)) {
        return CUDNN_STATUS_BAD_PARAM;
    }
    fake_queue(handle->stream, [=, x_ = *of_x, w_ = *of_w, layer_ = *layer, y_ = *of_y] {
        store(is_bf16(y_), convolve(x_, x, w_, w, layer_, y_), y);
    });
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnConvolutionBiasActivationForward(
    cudnnHandle_t handle, const void *, cudnnTensorDescriptor_t of_x, const void *x,
    cudnnFilterDescriptor_t of_w, const void *w, cudnnConvolutionDescriptor_t layer,
    cudnnConvolutionFwdAlgo_t algorithm, void *scratch, size_t bytes, const void *alpha2,
    cudnnTensorDescriptor_t, const void *z, cudnnTensorDescriptor_t of_bias, const void *bias,
    cudnnActivationDescriptor_t activation, cudnnTensorDescriptor_t of_y, void *y) {
    const bool residual = *(const float *)alpha2 != 0;
    const bool relu = activation->mode == CUDNN_ACTIVATION_RELU;
    if (of_bias->c != of_y->c ||
        !fits(*of_x, *of_w, *layer, *of_y,
              algorithm == CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM, scratch, bytes,
              handle->stream)) {
        return CUDNN_STATUS_BAD_PARAM;
    }
    fake_queue(handle->stream, [=, x_ = *of_x, w_ = *of_w, layer_ = *layer, y_ = *of_y] {
        std::vector<float> out = convolve(x_, x, w_, w, layer_, y_);
        const std::vector<float> shift = floats(is_bf16(y_), bias, (size_t)y_.c);
        const std::vector<float> more =
            residual ? floats(is_bf16(y_), z, out.size()) : std::vector<float>(out.size());
        for (size_t i = 0; i < out.size(); i++) {
            out[i] += shift[i % (size_t)y_.c] + more[i];
            out[i] = relu && out[i] < 0 ? 0 : out[i];
        }
        store(is_bf16(y_), out, y);
    });
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnConvolutionBackwardData(cudnnHandle_t handle, const void *,
                                           cudnnFilterDescriptor_t of_w, const void *w,
                                           cudnnTensorDescriptor_t of_dy, const void *dy,
                                           cudnnConvolutionDescriptor_t layer,
                                           cudnnConvolutionBwdDataAlgo_t algorithm, void *scratch,
                                           size_t bytes, const void *beta,
                                           cudnnTensorDescriptor_t of_dx, void *dx) {
    const float before = *(const float *)beta;
    if (!fits(*of_dx, *of_w, *layer, *of_dy, algorithm == CUDNN_CONVOLUTION_BWD_DATA_ALGO_1,
              scratch, bytes, handle->stream)) {
        return CUDNN_STATUS_BAD_PARAM;
    }
    fake_queue(handle->stream, [=, x_ = *of_dx, w_ = *of_w, layer_ = *layer, y_ = *of_dy] {
        const std::vector<float> weights = floats(is_bf16(w_), w, count_of(w_));
        const std::vector<float> from = floats(is_bf16(y_), dy, count_of(y_));
        std::vector<float> created =
            before != 0 ? floats(is_bf16(x_), dx, count_of(x_)) : std::vector<float>(count_of(x_));
#pragma omp parallel for
        for (int n = 0; n < x_.n; n++) {
            each_run(x_, w_, layer_, y_, n, [&](size_t in, size_t out, int tap, int pixels) {
                const int own = w_.n / layer_.groups; // output channels of a group
                const size_t filter = (size_t)w_.h * w_.w * w_.c;
                for (int g = 0; g < layer_.groups; g++) {
                    add_product({&created[in + g * w_.c], &from[out + g * own],
                                 &weights[g * own * filter + tap * w_.c],
                                 (size_t)layer_.stride * x_.c, (size_t)y_.c, 1, filter, pixels, own,
                                 w_.c});
                }
            });
        }
        store(is_bf16(x_), created, dx);
    });
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnConvolutionBackwardFilter(cudnnHandle_t handle, const void *,
                                             cudnnTensorDescriptor_t of_x, const void *x,
                                             cudnnTensorDescriptor_t of_dy, const void *dy,
                                             cudnnConvolutionDescriptor_t layer,
                                             cudnnConvolutionBwdFilterAlgo_t algorithm,
                                             void *scratch, size_t bytes, const void *,
                                             cudnnFilterDescriptor_t of_dw, void *dw) {
    if (!fits(*of_x, *of_dw, *layer, *of_dy, algorithm == CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1,
              scratch, bytes, handle->stream)) {
        return CUDNN_STATUS_BAD_PARAM;
    }
    fake_queue(handle->stream, [=, x_ = *of_x, w_ = *of_dw, layer_ = *layer, y_ = *of_dy] {
        const std::vector<float> in = floats(is_bf16(x_), x, count_of(x_));
        const std::vector<float> from = floats(is_bf16(y_), dy, count_of(y_));
        std::vector<float> created(count_of(w_));
        const int own = w_.n / layer_.groups; // output channels of a group
        const size_t filter = (size_t)w_.h * w_.w * w_.c;
#pragma omp parallel for collapse(2)
        for (int g = 0; g < layer_.groups; g++) {
            for (int first = 0; first < own; first += 4) {
                const int k = g * own + first;
                for (int n = 0; n < x_.n; n++) {
                    each_run(x_, w_, layer_, y_, n,
                             [&](size_t at, size_t out, int tap, int pixels) {
                                 add_product({&created[k * filter + tap * w_.c], &from[out + k],
                                              &in[at + g * w_.c], filter, 1, (size_t)y_.c,
                                              (size_t)layer_.stride * x_.c,
                                              std::min(4, own - first), pixels, w_.c});
                             });
                }
            }
        }
        store(is_bf16(w_), created, dw);
    });
    return CUDNN_STATUS_SUCCESS;
}

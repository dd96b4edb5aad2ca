// A stand-in for CUDA's runtime on the host, so that the CUDA backend is compiled by the host's
// compiler and its kernels run in a loop over blocks and threads. Work is done when it is queued,
// or recorded while a stream is being captured. What a device forbids is an error here, too:
// launches of impossible sizes, waiting or allocating while a stream is captured. Fresh memory
// holds NaNs.
#ifndef FAKE_CUDA_RUNTIME_H
#define FAKE_CUDA_RUNTIME_H

#include <stddef.h>
#include <stdint.h>

#define __global__
#define __device__
#define __host__
#define __shared__ static thread_local
#define __launch_bounds__(...)
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __forceinline__ inline

struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned along = 1, unsigned down = 1, unsigned deep = 1)
        : x(along), y(down), z(deep) {}
};

// index.c
#define FAKE_INDEX __attribute__((visibility("default"), tls_model("initial-exec")))
extern __thread dim3 threadIdx FAKE_INDEX, blockIdx FAKE_INDEX, blockDim FAKE_INDEX,
    gridDim FAKE_INDEX;

void __syncthreads();

// Lanes of a warp hand numbers to each other; all of them must call it.
uint32_t fake_shuffle(uint32_t bits, unsigned from);
template <typename T>
T __shfl_xor_sync(unsigned, T value, unsigned lanes) {
    static_assert(sizeof(T) == 4);
    uint32_t bits;
    __builtin_memcpy(&bits, &value, 4);
    bits = fake_shuffle(bits, (threadIdx.x & 31) ^ lanes);
    __builtin_memcpy(&value, &bits, 4);
    return value;
}

// Lanes of a warp lend each other memory: what all 32 lend, until all have called fake_handed.
const void *const *fake_hand(const void *own);
void fake_handed();

inline int atomicAdd(int *address, int more) {
    return __atomic_fetch_add(address, more, __ATOMIC_RELAXED);
}
inline unsigned long long atomicMin(unsigned long long *address, unsigned long long other) {
    unsigned long long seen = __atomic_load_n(address, __ATOMIC_RELAXED);
    while (other < seen && !__atomic_compare_exchange_n(address, &seen, other, false,
                                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
    return seen;
}

enum cudaError_t {
    cudaSuccess,
    cudaErrorMemoryAllocation,
    cudaErrorInvalidValue,
    cudaErrorInvalidConfiguration,
    cudaErrorStreamCaptureUnsupported,
    cudaErrorNoDevice,
    cudaErrorNotReady,
};

enum cudaMemcpyKind { cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost, cudaMemcpyDeviceToDevice };
enum cudaStreamCaptureMode { cudaStreamCaptureModeThreadLocal };
enum { cudaStreamNonBlocking, cudaEventDisableTiming };
enum cudaDataType_t { CUDA_R_32F, CUDA_R_16BF };

typedef struct fake_graph *cudaGraph_t;
typedef struct fake_graph *cudaGraphExec_t;
typedef struct fake_event *cudaEvent_t;

// What another library does on a stream is done bit by bit: `under_way` goes on with it, and tells
// whether more is left. What is queued behind it waits for its end.
struct fake_stream {
    fake_graph *captured;
    bool (*under_way)(void *context); // NULL: nothing
    void *context;
};
typedef struct fake_stream *cudaStream_t;

struct cudaDeviceProp {
    struct {
        char bytes[16];
    } uuid;
};

const char *cudaGetErrorString(cudaError_t status);
cudaError_t cudaGetLastError();
cudaError_t cudaGetDeviceCount(int *count);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaGetDevice(int *device);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp *properties, int device);
enum cudaDeviceAttr { cudaDevAttrComputeCapabilityMajor };
cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr attribute, int device);
cudaError_t cudaMemGetInfo(size_t *left, size_t *all);
cudaError_t cudaMalloc(void **memory, size_t bytes);
cudaError_t cudaFree(void *memory);
cudaError_t cudaMallocHost(void **memory, size_t bytes);
cudaError_t cudaFreeHost(void *memory);
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream);
cudaError_t cudaMemsetAsync(void *memory, int byte, size_t bytes, cudaStream_t stream);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaStreamQuery(cudaStream_t stream);
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags);
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode);
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph);
cudaError_t cudaGraphInstantiate(cudaGraphExec_t *created, cudaGraph_t graph,
                                 unsigned long long flags);
cudaError_t cudaGraphDestroy(cudaGraph_t graph);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph);
cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t stream);
cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream);
cudaError_t cudaEventSynchronize(cudaEvent_t event);
cudaError_t cudaEventDestroy(cudaEvent_t event);

// A kernel to be launched: `run` calls it, at `kernel`, with a copy of its argument. Each kernel's
// own code here is compiled hundreds of times, so there is little of it.
struct fake_kernel {
    const void *kernel;
    void (*run)(const void *kernel, const void *argument);
    const void *argument;
    size_t bytes; // of the argument
};
cudaError_t fake_launch(const fake_kernel &kernel, dim3 blocks, dim3 threads, cudaStream_t stream);

template <typename A>
void fake_run(const void *kernel, const void *argument) {
    ((void (*)(A))kernel)(*(const A *)argument);
}

template <typename A>
cudaError_t cudaLaunchKernel(void (*kernel)(A), dim3 blocks, dim3 threads, void **arguments, size_t,
                             cudaStream_t stream) {
    return fake_launch({(const void *)kernel, fake_run<A>, arguments[0], sizeof(A)}, blocks,
                       threads, stream);
}

#endif

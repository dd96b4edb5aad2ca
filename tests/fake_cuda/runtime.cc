// The stand-in for CUDA's runtime.
#include "blocks.h"
#include "queue.h"

#include <cstdlib>
#include <cstring>
#include <unistd.h>
#include <vector>

struct fake_graph {
    std::vector<std::function<void()>> work;
};
struct fake_event {
    int unused;
};

// ---- work

// Whether work of another library is left.
static bool advance(cudaStream_t stream) {
    if (stream->under_way != nullptr && !stream->under_way(stream->context)) {
        stream->under_way = nullptr;
    }
    return stream->under_way != nullptr;
}

static void finish(cudaStream_t stream) {
    while (advance(stream)) {
        usleep(50);
    }
}

void fake_queue(cudaStream_t stream, std::function<void()> work) {
    if (stream->captured != nullptr) {
        stream->captured->work.push_back(std::move(work));
    } else {
        finish(stream);
        work();
    }
}

cudaError_t fake_launch(const fake_kernel &kernel, dim3 blocks, dim3 threads, cudaStream_t stream) {
    if (threads.x == 0 || threads.x > most_threads || threads.y != 1 || threads.z != 1 ||
        blocks.x == 0 || blocks.x > 0x7FFFFFFFu || blocks.y == 0 || blocks.y > 65535 ||
        blocks.z == 0 || blocks.z > 65535) {
        return cudaErrorInvalidConfiguration;
    }
    const char *argument = (const char *)kernel.argument;
    const std::vector<char> copy(argument, argument + kernel.bytes);
    fake_queue(stream, [=, kernel_ = kernel] {
        fake_kernel own = kernel_;
        own.argument = copy.data();
        fake_run_blocks(own, blocks, threads);
    });
    return cudaSuccess;
}

// ---- memory

static size_t used;
static bool capturing;

static size_t all_memory() {
    const char *given = getenv("FAKE_CUDA_MEMORY"); // bytes
    return given != nullptr ? strtoull(given, nullptr, 10) : (size_t)1 << 40;
}

cudaError_t cudaMemGetInfo(size_t *left, size_t *all) {
    *all = all_memory();
    *left = *all > used ? *all - used : 0;
    return cudaSuccess;
}

static constexpr size_t head_bytes = 256; // holds the size

cudaError_t cudaMalloc(void **memory, size_t bytes) {
    if (capturing) {
        return cudaErrorStreamCaptureUnsupported;
    }
    const size_t whole = (bytes + 255) / 256 * 256 + head_bytes;
    char *got = used + bytes > all_memory() ? nullptr : (char *)aligned_alloc(256, whole);
    if (got == nullptr) {
        return cudaErrorMemoryAllocation;
    }
    memset(got, 0xFF, whole);
    memcpy(got, &bytes, sizeof bytes);
    used += bytes;
    *memory = got + head_bytes;
    return cudaSuccess;
}

cudaError_t cudaFree(void *memory) {
    if (capturing) {
        return cudaErrorStreamCaptureUnsupported;
    }
    if (memory != nullptr) {
        size_t bytes;
        memcpy(&bytes, (char *)memory - head_bytes, sizeof bytes);
        used -= bytes;
        free((char *)memory - head_bytes);
    }
    return cudaSuccess;
}

cudaError_t cudaMallocHost(void **memory, size_t bytes) {
    *memory = malloc(bytes);
    return *memory == nullptr ? cudaErrorMemoryAllocation : cudaSuccess;
}

cudaError_t cudaFreeHost(void *memory) {
    free(memory);
    return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
    if (stream->captured != nullptr && kind != cudaMemcpyDeviceToDevice) {
        return cudaErrorStreamCaptureUnsupported; // the host's memory will be another's by then
    }
    fake_queue(stream, [=] { memmove(to, from, bytes); });
    return cudaSuccess;
}

cudaError_t cudaMemsetAsync(void *memory, int byte, size_t bytes, cudaStream_t stream) {
    fake_queue(stream, [=] { memset(memory, byte, bytes); });
    return cudaSuccess;
}

// ---- streams, graphs, events

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned) {
    *stream = new fake_stream{nullptr, nullptr, nullptr};
    return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
    delete stream;
    return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
    if (stream->captured != nullptr) {
        return cudaErrorStreamCaptureUnsupported;
    }
    finish(stream);
    return cudaSuccess;
}

cudaError_t cudaStreamQuery(cudaStream_t stream) {
    if (stream->captured != nullptr) {
        return cudaErrorStreamCaptureUnsupported;
    }
    return advance(stream) ? cudaErrorNotReady : cudaSuccess;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t, cudaEvent_t event, unsigned) {
    return event == nullptr ? cudaErrorInvalidValue : cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
    if (stream->captured != nullptr) {
        return cudaErrorInvalidValue;
    }
    stream->captured = new fake_graph();
    capturing = true;
    return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph) {
    *graph = stream->captured;
    stream->captured = nullptr;
    capturing = false;
    return *graph == nullptr ? cudaErrorInvalidValue : cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *created, cudaGraph_t graph, unsigned long long) {
    *created = new fake_graph(*graph);
    return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
    delete graph;
    return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph) {
    delete graph;
    return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t stream) {
    for (const std::function<void()> &work : graph->work) {
        fake_queue(stream, work);
    }
    return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned) {
    *event = new fake_event();
    return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t, cudaStream_t) {
    return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t) {
    return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
    delete event;
    return cudaSuccess;
}

// ---- the device

static int device_of_process;

cudaError_t cudaGetDeviceCount(int *count) {
    const char *given = getenv("FAKE_CUDA_DEVICES");
    *count = given != nullptr ? atoi(given) : 1;
    return *count > 0 ? cudaSuccess : cudaErrorNoDevice;
}

cudaError_t cudaSetDevice(int device) {
    device_of_process = device;
    return cudaSuccess;
}

cudaError_t cudaGetDevice(int *device) {
    *device = device_of_process;
    return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp *properties, int device) {
    *properties = {};
    properties->uuid.bytes[0] = (char)device;
    return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr, int) {
    *value = 9; // the major number
    return cudaSuccess;
}

cudaError_t cudaGetLastError() {
    return cudaSuccess;
}

const char *cudaGetErrorString(cudaError_t status) {
    switch (status) {
    case cudaSuccess: return "no error";
    case cudaErrorMemoryAllocation: return "out of memory";
    case cudaErrorInvalidValue: return "invalid argument";
    case cudaErrorInvalidConfiguration: return "invalid configuration argument";
    case cudaErrorStreamCaptureUnsupported:
        return "operation not permitted when stream is capturing";
    case cudaErrorNoDevice: return "no CUDA-capable device is detected";
    case cudaErrorNotReady: return "device not ready";
    }
    return "unknown error";
}

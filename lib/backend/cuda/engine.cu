// The CUDA backend: a device's memory, its stream, recordings of work as graphs.
#include "backend/cuda/engine.h"

struct recording {
    bool warm; // has run once: libraries have loaded what they need
    cudaGraphExec_t graph;
};

static struct cuda_engine *engine_of(struct backend *backend) {
    return (struct cuda_engine *)backend->engine;
}

cudaStream_t cuda_stream(struct backend *backend) {
    return engine_of(backend)->stream;
}

bool cuda_has_tensor_cores(const struct backend *backend) {
    return ((const struct cuda_engine *)backend->engine)->capability >= 8;
}

void cuda_fault(struct backend *backend, const char *what) {
    struct cuda_engine *engine = engine_of(backend);
    if (!engine->failed) {
        engine->failed = true;
        (void)fail(&engine->error, "%s: %s", backend->doing != NULL ? backend->doing : "device",
                   what);
    }
}

void cuda_note(struct backend *backend, cudaError_t status) {
    if (status != cudaSuccess) {
        cuda_fault(backend, cudaGetErrorString(status));
    }
}

// ---- memory

static void *cuda_alloc(struct backend *backend, size_t bytes) {
    void *memory = NULL;
    const size_t size = bytes > 0 ? bytes : 1;
    if (cudaMalloc(&memory, size) != cudaSuccess) {
        (void)cudaGetLastError(); // it is told by the answer
        return NULL;
    }
    // Waited for, since what is sent there may go beside the stream.
    cuda_note(backend, cudaMemsetAsync(memory, 0, size, cuda_stream(backend)));
    cuda_note(backend, cudaStreamSynchronize(cuda_stream(backend)));
    return memory;
}

static void cuda_release(struct backend *backend, void *memory) {
    if (memory != NULL) {
        cuda_note(backend, cudaFree(memory)); // waits for what uses it
    }
}

static size_t cuda_free_bytes(struct backend *backend) {
    size_t left = 0;
    size_t all = 0;
    cuda_note(backend, cudaMemGetInfo(&left, &all));
    return left;
}

static void *cuda_host_alloc(struct backend *backend, size_t bytes) {
    void *memory = NULL;
    const size_t size = bytes > 0 ? bytes : 1;
    (void)backend;
    if (cudaMallocHost(&memory, size) != cudaSuccess) {
        (void)cudaGetLastError(); // it is told by the answer
        return NULL;
    }
    return memset(memory, 0, size);
}

static void cuda_host_release(struct backend *backend, void *memory) {
    if (memory != NULL) {
        cuda_note(backend, cudaFreeHost(memory));
    }
}

static void cuda_put(struct backend *backend, void *to, const void *from, size_t bytes) {
    cuda_note(backend,
              cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, cuda_stream(backend)));
}

static void cuda_get(struct backend *backend, void *to, const void *from, size_t bytes) {
    cuda_note(backend,
              cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, cuda_stream(backend)));
    cuda_note(backend, cudaStreamSynchronize(cuda_stream(backend)));
}

static void cuda_copy(struct backend *backend, void *to, const void *from, size_t bytes) {
    struct cuda_engine *engine = engine_of(backend);
    cuda_note(backend, cudaStreamWaitEvent(engine->stream, engine->sent, 0));
    cuda_note(backend, cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, engine->stream));
    cuda_note(backend, cudaEventRecord(engine->copied, engine->stream));
}

static void cuda_clear(struct backend *backend, void *memory, size_t bytes) {
    cuda_note(backend, cudaMemsetAsync(memory, 0, bytes, cuda_stream(backend)));
}

// The caller's memory may change when this returns, and copies from it would wait for the stream;
// so it is copied to pinned memory first, and sent from there beside the stream's work.
static void cuda_send(struct backend *backend, void *to, const void *from, size_t bytes) {
    struct cuda_engine *engine = engine_of(backend);
    struct cuda_pinned *pinned = &engine->pinned[engine->sends++ % MAX_SENDS];
    cuda_note(backend, cudaEventSynchronize(pinned->gone));
    if (pinned->bytes < bytes) {
        cuda_note(backend, cudaFreeHost(pinned->memory));
        pinned->memory = NULL;
        pinned->bytes = 0;
        const cudaError_t status = cudaMallocHost(&pinned->memory, bytes);
        cuda_note(backend, status);
        if (status != cudaSuccess) {
            return;
        }
        pinned->bytes = bytes;
    }
    memcpy(pinned->memory, from, bytes);
    // What was sent there before must have been copied on.
    cuda_note(backend, cudaStreamWaitEvent(engine->side, engine->copied, 0));
    cuda_note(backend,
              cudaMemcpyAsync(to, pinned->memory, bytes, cudaMemcpyHostToDevice, engine->side));
    cuda_note(backend, cudaEventRecord(pinned->gone, engine->side));
    cuda_note(backend, cudaEventRecord(engine->sent, engine->side));
}

// ---- recordings

static void record(struct backend *backend, struct recording *recording,
                   void (*queue)(void *context), void *context) {
    cudaGraph_t graph = NULL;
    cuda_note(backend,
              cudaStreamBeginCapture(cuda_stream(backend), cudaStreamCaptureModeThreadLocal));
    queue(context);
    const cudaError_t status = cudaStreamEndCapture(cuda_stream(backend), &graph);
    cuda_note(backend, status);
    if (status == cudaSuccess) {
        cuda_note(backend, cudaGraphInstantiate(&recording->graph, graph, 0));
        cuda_note(backend, cudaGraphDestroy(graph));
    }
}

static void cuda_repeat(struct backend *backend, struct recording **kept,
                        void (*queue)(void *context), void *context) {
    if (backend->profile != NULL || kept == NULL) {
        queue(context);
        return;
    }
    if (*kept == NULL) {
        *kept = (struct recording *)calloc(1, sizeof **kept);
    }
    struct recording *recording = *kept;
    if (recording == NULL || !recording->warm) {
        queue(context);
        if (recording != NULL) {
            recording->warm = true;
        }
        return;
    }
    if (recording->graph == NULL) {
        record(backend, recording, queue, context);
    }
    if (recording->graph != NULL) {
        backend->doing = "recorded work";
        cuda_note(backend, cudaGraphLaunch(recording->graph, cuda_stream(backend)));
    }
}

static void cuda_forget(struct backend *backend, struct recording *recording) {
    if (recording != NULL && recording->graph != NULL) {
        cuda_note(backend, cudaStreamSynchronize(cuda_stream(backend)));
        cuda_note(backend, cudaGraphExecDestroy(recording->graph));
    }
    free(recording);
}

// ---- the device

static bool cuda_wait(struct backend *backend, struct error *error) {
    struct cuda_engine *engine = engine_of(backend);
    cuda_note(backend, cudaStreamSynchronize(engine->stream));
    return !engine->failed || fail(error, "%s", engine->error.text);
}

static void cuda_close(struct backend *backend) {
    struct cuda_engine *engine = engine_of(backend);
    if (engine->stream != NULL) {
        (void)cudaStreamSynchronize(engine->stream);
    }
    cuda_dnn_close(engine);
    cuda_blas_close(engine);
    for (int i = 0; i < MAX_SENDS; i++) {
        (void)cudaFreeHost(engine->pinned[i].memory);
        if (engine->pinned[i].gone != NULL) {
            (void)cudaEventDestroy(engine->pinned[i].gone);
        }
    }
    if (engine->sent != NULL) {
        (void)cudaEventDestroy(engine->sent);
    }
    if (engine->copied != NULL) {
        (void)cudaEventDestroy(engine->copied);
    }
    if (engine->side != NULL) {
        (void)cudaStreamDestroy(engine->side);
    }
    if (engine->stream != NULL) {
        (void)cudaStreamDestroy(engine->stream);
    }
    free(engine);
    free(backend);
}

static const struct backend_calls cuda_calls = {.alloc = cuda_alloc,
                                                .release = cuda_release,
                                                .free_bytes = cuda_free_bytes,
                                                .host_alloc = cuda_host_alloc,
                                                .host_release = cuda_host_release,
                                                .put = cuda_put,
                                                .get = cuda_get,
                                                .copy = cuda_copy,
                                                .clear = cuda_clear,
                                                .discard = NULL,
                                                .send = cuda_send,
                                                .repeat = cuda_repeat,
                                                .forget = cuda_forget,
                                                .wait = cuda_wait,
                                                .close = cuda_close};

static bool open_engine(struct cuda_engine *engine, int device, struct error *error) {
    int count = 0;
    cudaError_t status = cudaGetDeviceCount(&count);
    if (status != cudaSuccess || count == 0) {
        return fail(error, "there is no NVIDIA GPU here that can be used (%s)",
                    status != cudaSuccess ? cudaGetErrorString(status) : "none found");
    }
    if (device < 0 || device >= count) {
        return fail(error, "there is no GPU number %d here; there are %d", device, count);
    }
    status = cudaSetDevice(device);
    if (status == cudaSuccess) {
        status =
            cudaDeviceGetAttribute(&engine->capability, cudaDevAttrComputeCapabilityMajor, device);
    }
    if (status == cudaSuccess) {
        status = cudaStreamCreateWithFlags(&engine->stream, cudaStreamNonBlocking);
    }
    if (status == cudaSuccess) {
        status = cudaStreamCreateWithFlags(&engine->side, cudaStreamNonBlocking);
    }
    if (status == cudaSuccess) {
        status = cudaEventCreateWithFlags(&engine->sent, cudaEventDisableTiming);
    }
    if (status == cudaSuccess) {
        status = cudaEventCreateWithFlags(&engine->copied, cudaEventDisableTiming);
    }
    for (int i = 0; status == cudaSuccess && i < MAX_SENDS; i++) {
        status = cudaEventCreateWithFlags(&engine->pinned[i].gone, cudaEventDisableTiming);
    }
    if (status != cudaSuccess) {
        return fail(error, "GPU %d: %s", device, cudaGetErrorString(status));
    }
    return cuda_dnn_open(engine, error) && cuda_blas_open(engine, error);
}

struct backend *cuda_open(int device, enum precision precision, const struct kernel *const *kernels,
                          const struct training_calls *training, struct error *error) {
    struct backend *backend = (struct backend *)calloc(1, sizeof *backend);
    struct cuda_engine *engine = (struct cuda_engine *)calloc(1, sizeof *engine);
    if (backend == NULL || engine == NULL) {
        free(backend);
        free(engine);
        (void)fail(error, "no memory for the CUDA backend");
        return NULL;
    }
    backend->precision = precision;
    backend->threads = 1;
    backend->calls = &cuda_calls;
    backend->kernels = kernels;
    backend->training = training;
    backend->communicators = &cuda_communicators;
    backend->engine = engine;
    if (!open_engine(engine, device, error)) {
        cuda_close(backend);
        return NULL;
    }
    return backend;
}

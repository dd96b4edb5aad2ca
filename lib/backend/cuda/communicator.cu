// Communicators of GPUs: NCCL, loaded when they are asked for. They do not block: each call only
// begins, since one that waited for a rank which has ended would wait for ever.
#include "backend/cuda/nccl.h"

#include "backend/cuda/engine.h"

extern "C" {
#include "backend/communicator.h"
}
#include "core/module.h"

#include <stdio.h>

static_assert(sizeof(ncclUniqueId) == sizeof(struct communicator_name));

struct communicator {
    struct backend *backend;
    ncclComm_t comm;
    bool failed;
    struct error error; // the first failure
};

static struct nccl nccl;

// ---- loading

// In the order of struct nccl.
static const char *const functions[] = {
    "ncclGetVersion",        "ncclGetUniqueId", "ncclCommInitRankConfig",
    "ncclCommGetAsyncError", "ncclCommAbort",   "ncclGetErrorString",
    "ncclBroadcast",         "ncclSend",        "ncclRecv"};
static_assert(sizeof nccl == sizeof functions);

static bool load(struct error *error) {
    const char *given = getenv("PLEURA_NCCL");
    struct nccl found;
    if (nccl.GetVersion != NULL) {
        return true;
    }
    if (given != NULL && *given == '\0') {
        return fail(error, "PLEURA_NCCL forbids NCCL");
    }
    if (!module_load_library(given != NULL ? given : "libnccl.so.2", functions,
                             sizeof functions / sizeof *functions, &found, error)) {
        return fail_within(error, "NCCL");
    }
    // An environment that asks for blocking calls counts more than what a communicator asks for.
    if (setenv("NCCL_COMM_BLOCKING", "0", 1) != 0) {
        return fail(error, "no memory");
    }
    nccl = found;
    return true;
}

static const char *kind(struct error *error) {
    static char text[32];
    int version = 0;
    if (!load(error)) {
        return NULL;
    }
    (void)nccl.GetVersion(&version);
    (void)snprintf(text, sizeof text, "NCCL %d.%d.%d", version / 10000, version / 100 % 100,
                   version % 100);
    return text;
}

// ---- opening

static bool device_of(struct backend *backend, struct communicator_device *device,
                      struct error *error) {
    int index = 0;
    cudaDeviceProp properties;
    (void)backend;
    cudaError_t status = cudaGetDevice(&index);
    if (status == cudaSuccess) {
        status = cudaGetDeviceProperties(&properties, index);
    }
    if (status != cudaSuccess) {
        return fail(error, "%s", cudaGetErrorString(status));
    }
    static_assert(sizeof properties.uuid == sizeof *device);
    memcpy(device, &properties.uuid, sizeof *device);
    return true;
}

static bool name_new(struct communicator_name *name, struct error *error) {
    ncclUniqueId id;
    const ncclResult_t result = nccl.GetUniqueId(&id);
    memcpy(name, &id, sizeof *name);
    return result == ncclSuccess || fail(error, "NCCL: %s", nccl.GetErrorString(result));
}

static void note(struct communicator *communicator, ncclResult_t result) {
    if (result != ncclSuccess && result != ncclInProgress && !communicator->failed) {
        communicator->failed = true;
        (void)fail(&communicator->error, "NCCL: %s", nccl.GetErrorString(result));
    }
}

static void communicator_close(struct communicator *communicator) {
    if (communicator->comm != NULL) {
        (void)nccl.CommAbort(communicator->comm);
    }
    free(communicator);
}

static struct communicator *communicator_open(struct backend *backend,
                                              const struct communicator_name *name, size_t rank,
                                              size_t count, struct error *error) {
    ncclUniqueId id;
    ncclConfig_t config = {sizeof config, NCCL_CONFIG_MAGIC, NCCL_CONFIG_VERSION, 0};
    struct communicator *communicator = (struct communicator *)calloc(1, sizeof *communicator);
    if (communicator == NULL) {
        (void)fail(error, "no memory");
        return NULL;
    }
    communicator->backend = backend;
    memcpy(&id, name, sizeof id);
    note(communicator,
         nccl.CommInitRankConfig(&communicator->comm, (int)count, id, (int)rank, &config));
    if (communicator->failed) {
        *error = communicator->error;
        communicator_close(communicator);
        return NULL;
    }
    return communicator;
}

// ---- numbers

static void begin_broadcast(struct communicator *communicator, float *numbers, size_t count) {
    note(communicator, nccl.Broadcast(numbers, numbers, count, ncclFloat32, 0, communicator->comm,
                                      cuda_stream(communicator->backend)));
}

static void begin_send(struct communicator *communicator, size_t other, const float *numbers,
                       size_t count) {
    note(communicator, nccl.Send(numbers, count, ncclFloat32, (int)other, communicator->comm,
                                 cuda_stream(communicator->backend)));
}

static void begin_receive(struct communicator *communicator, size_t other, float *numbers,
                          size_t count) {
    note(communicator, nccl.Recv(numbers, count, ncclFloat32, (int)other, communicator->comm,
                                 cuda_stream(communicator->backend)));
}

// What was begun is queued on the stream once NCCL has nothing in progress, and done when the
// stream is at its end.
static enum communicator_state state_of(struct communicator *communicator, struct error *error) {
    ncclResult_t result = ncclSuccess;
    cudaError_t status = cudaSuccess;
    if (!communicator->failed) {
        note(communicator, nccl.CommGetAsyncError(communicator->comm, &result));
        note(communicator, result);
    }
    if (!communicator->failed && result == ncclSuccess) {
        status = cudaStreamQuery(cuda_stream(communicator->backend));
    }
    if (status != cudaSuccess && status != cudaErrorNotReady) {
        communicator->failed = true;
        (void)fail(&communicator->error, "%s", cudaGetErrorString(status));
    }
    if (communicator->failed) {
        *error = communicator->error;
        return COMMUNICATOR_FAILED;
    }
    return result == ncclInProgress || status == cudaErrorNotReady ? COMMUNICATOR_BUSY
                                                                   : COMMUNICATOR_IDLE;
}

const struct communicator_calls cuda_communicators = {.kind = kind,
                                                      .device = device_of,
                                                      .name = name_new,
                                                      .open = communicator_open,
                                                      .broadcast = begin_broadcast,
                                                      .send = begin_send,
                                                      .receive = begin_receive,
                                                      .state = state_of,
                                                      .close = communicator_close};

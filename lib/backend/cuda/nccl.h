// What the CUDA backend uses of NCCL, declared here, so that NCCL is not needed to build: names and
// values are those of NVIDIA's nccl.h, as they have been since version 2.14.
#ifndef PLEURA_BACKEND_CUDA_NCCL_H
#define PLEURA_BACKEND_CUDA_NCCL_H

#include "backend/cuda/cuda.h"

typedef struct ncclComm *ncclComm_t;

typedef struct {
    char internal[128];
} ncclUniqueId;

enum ncclResult_t {
    ncclSuccess = 0,
    ncclUnhandledCudaError = 1,
    ncclSystemError = 2,
    ncclInternalError = 3,
    ncclInvalidArgument = 4,
    ncclInvalidUsage = 5,
    ncclRemoteError = 6,
    ncclInProgress = 7
};

enum ncclDataType_t { ncclFloat32 = 7 };

// Version 2.14's part of ncclConfig_t, which later versions take by its size.
struct ncclConfig_t {
    size_t size;
    unsigned magic;
    unsigned version;
    int blocking;
};

#define NCCL_CONFIG_MAGIC 0xCAFEBEEFu
#define NCCL_CONFIG_VERSION 21400u

// The functions, by the part of their names behind "nccl".
struct nccl {
    ncclResult_t (*GetVersion)(int *version);
    ncclResult_t (*GetUniqueId)(ncclUniqueId *id);
    ncclResult_t (*CommInitRankConfig)(ncclComm_t *comm, int count, ncclUniqueId id, int rank,
                                       ncclConfig_t *config);
    ncclResult_t (*CommGetAsyncError)(ncclComm_t comm, ncclResult_t *result);
    ncclResult_t (*CommAbort)(ncclComm_t comm);
    const char *(*GetErrorString)(ncclResult_t result);
    ncclResult_t (*Broadcast)(const void *from, void *to, size_t count, ncclDataType_t type,
                              int root, ncclComm_t comm, cudaStream_t stream);
    ncclResult_t (*Send)(const void *from, size_t count, ncclDataType_t type, int other,
                         ncclComm_t comm, cudaStream_t stream);
    ncclResult_t (*Recv)(void *to, size_t count, ncclDataType_t type, int other, ncclComm_t comm,
                         cudaStream_t stream);
};

#endif

// The stand-in for NCCL, a shared object of its own: communicators whose calls do not block, over
// Unix sockets between rank 0 and each other rank. An operation is queued on its stream when the
// communicator's state is asked for, and not before; numbers move when the stream's is. Like NCCL
// between processes of one machine it does not notice that another rank has ended: what waits for
// it waits for ever.
//
// In the environment: FAKE_NCCL_REFUSES=RANK: this rank's communicator fails as it begins.
// FAKE_NCCL_DIES=RANK:N: in the middle of its N-th operation, from 1 on, this rank is killed.
// FAKE_NCCL_NOTICES: that another rank has ended is an error, as it can be over a network.
#include "backend/cuda/nccl.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <vector>

#define EXPORTED extern "C" __attribute__((visibility("default")))

// What one socket is to move.
struct transfer {
    int socket;
    bool out;
    char *at;
    size_t left;
};

struct ncclComm {
    int rank, count;
    sockaddr_un address;
    int operations;           // begun
    ncclResult_t result;      // in progress, or failed
    std::vector<int> sockets; // by the other's rank
    std::vector<transfer> transfers;
    cudaStream_t stream; // that they are queued on
};

static int listening = -1; // of the process that has made the name

static bool is_rank(const char *variable, int rank, int *number) {
    const char *given = getenv(variable);
    int of = -1;
    *number = 0;
    return given != nullptr && sscanf(given, "%d:%d", &of, number) >= 1 && of == rank;
}

// ---- transfers

// Moves what the sockets take or have. Whether more is left.
static bool go_on(void *context) {
    ncclComm *comm = (ncclComm *)context;
    bool left = false;
    int fatal = 0;
    const bool dies = is_rank("FAKE_NCCL_DIES", comm->rank, &fatal) && comm->operations == fatal;
    for (transfer &part : comm->transfers) {
        while (part.left > 0) {
            const size_t bytes = part.left < 65536 ? part.left : 65536;
            const ssize_t moved =
                part.out ? send(part.socket, part.at, bytes, MSG_DONTWAIT | MSG_NOSIGNAL)
                         : recv(part.socket, part.at, bytes, MSG_DONTWAIT);
            if (moved <= 0) {
                const bool ended = moved == 0 || (errno != EAGAIN && errno != EINTR);
                if (ended && getenv("FAKE_NCCL_NOTICES") != nullptr) {
                    comm->result = ncclRemoteError;
                }
                break;
            }
            part.at += moved;
            part.left -= (size_t)moved;
            if (dies) {
                (void)raise(SIGKILL);
            }
        }
        left = left || part.left > 0;
    }
    return left;
}

static ncclResult_t move(ncclComm *comm, std::vector<transfer> transfers, cudaStream_t stream) {
    if (comm->result != ncclSuccess || stream->captured != nullptr ||
        stream->under_way != nullptr) {
        return ncclInvalidUsage;
    }
    comm->operations++;
    comm->transfers = std::move(transfers);
    comm->stream = stream;
    return comm->result = ncclInProgress;
}

EXPORTED ncclResult_t ncclBroadcast(const void *from, void *to, size_t count, ncclDataType_t type,
                                    int root, ncclComm_t comm, cudaStream_t stream) {
    std::vector<transfer> transfers;
    if (from != to || root != 0 || type != ncclFloat32) {
        return ncclInvalidArgument;
    }
    for (const int socket : comm->sockets) {
        if (socket >= 0) {
            transfers.push_back({socket, comm->rank == 0, (char *)to, count * sizeof(float)});
        }
    }
    return move(comm, transfers, stream);
}

static ncclResult_t exchange(void *numbers, bool out, size_t count, ncclDataType_t type, int other,
                             ncclComm_t comm, cudaStream_t stream) {
    if (other < 0 || other >= comm->count || comm->sockets[(size_t)other] < 0 ||
        type != ncclFloat32) {
        return ncclInvalidArgument;
    }
    return move(comm, {{comm->sockets[(size_t)other], out, (char *)numbers, count * sizeof(float)}},
                stream);
}

EXPORTED ncclResult_t ncclSend(const void *from, size_t count, ncclDataType_t type, int other,
                               ncclComm_t comm, cudaStream_t stream) {
    return exchange((void *)from, true, count, type, other, comm, stream);
}

EXPORTED ncclResult_t ncclRecv(void *to, size_t count, ncclDataType_t type, int other,
                               ncclComm_t comm, cudaStream_t stream) {
    return exchange(to, false, count, type, other, comm, stream);
}

// ---- beginning

EXPORTED ncclResult_t ncclGetVersion(int *version) {
    *version = 22803;
    return ncclSuccess;
}

EXPORTED ncclResult_t ncclGetUniqueId(ncclUniqueId *id) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    // In no folder: the name goes with the socket.
    (void)snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "fake-nccl-%d", getpid());
    static_assert(sizeof address <= sizeof *id);
    memset(id, 0, sizeof *id);
    memcpy(id, &address, sizeof address);
    listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return bind(listening, (const sockaddr *)&address, sizeof address) == 0 &&
                   listen(listening, 64) == 0
               ? ncclSuccess
               : ncclSystemError;
}

EXPORTED ncclResult_t ncclCommInitRankConfig(ncclComm_t *comm, int count, ncclUniqueId id, int rank,
                                             ncclConfig_t *config) {
    const char *blocking = getenv("NCCL_COMM_BLOCKING");
    if (config->magic != NCCL_CONFIG_MAGIC || config->size != sizeof *config ||
        config->blocking != 0 || blocking == nullptr || strcmp(blocking, "0") != 0) {
        return ncclInvalidArgument; // what blocks is not stood in for
    }
    *comm = new ncclComm{};
    (*comm)->rank = rank;
    (*comm)->count = count;
    (*comm)->sockets.assign((size_t)count, -1);
    memcpy(&(*comm)->address, &id, sizeof(*comm)->address);
    return (*comm)->result = ncclInProgress;
}

// Rank 0 takes who comes, and lets them begin when all are there.
static void gather(ncclComm *comm) {
    int other = 0;
    int here = 1;
    for (int one; (one = accept(listening, nullptr, nullptr)) >= 0;) {
        (void)recv(one, &other, sizeof other, MSG_WAITALL);
        comm->sockets[(size_t)other] = one;
    }
    for (const int socket : comm->sockets) {
        here += socket >= 0;
    }
    if (here == comm->count) {
        for (const int socket : comm->sockets) {
            (void)send(socket, &comm->count, sizeof comm->count, MSG_NOSIGNAL);
        }
        comm->result = ncclSuccess;
    }
}

static void begin(ncclComm *comm) {
    int ignored = 0;
    if (is_rank("FAKE_NCCL_REFUSES", comm->rank, &ignored)) {
        comm->result = ncclSystemError;
        return;
    }
    if (comm->rank == 0) {
        gather(comm);
        return;
    }
    if (comm->sockets[0] < 0) {
        comm->sockets[0] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(comm->sockets[0], (const sockaddr *)&comm->address, sizeof comm->address) !=
                0 ||
            send(comm->sockets[0], &comm->rank, sizeof comm->rank, MSG_NOSIGNAL) < 0) {
            comm->result = ncclSystemError;
        }
        return;
    }
    if (recv(comm->sockets[0], &ignored, sizeof ignored, MSG_DONTWAIT) > 0) {
        comm->result = ncclSuccess;
    }
}

EXPORTED ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t *result) {
    *result = comm->result;
    if (comm->result == ncclInProgress && comm->stream == nullptr) {
        begin(comm);
    } else if (comm->result == ncclInProgress) {
        comm->stream->context = comm;
        comm->stream->under_way = go_on;
        comm->result = ncclSuccess;
    }
    return ncclSuccess;
}

EXPORTED ncclResult_t ncclCommAbort(ncclComm_t comm) {
    if (comm->stream != nullptr && comm->stream->context == comm) {
        comm->stream->under_way = nullptr;
    }
    for (const int socket : comm->sockets) {
        if (socket >= 0) {
            (void)close(socket);
        }
    }
    delete comm;
    return ncclSuccess;
}

EXPORTED const char *ncclGetErrorString(ncclResult_t result) {
    switch (result) {
    case ncclSystemError: return "unhandled system error";
    case ncclInvalidArgument: return "invalid argument";
    case ncclInvalidUsage: return "invalid usage";
    case ncclRemoteError: return "remote process exited or there was a network error";
    default: return "internal error";
    }
}

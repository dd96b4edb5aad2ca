// Communicators: numbers that go straight between the memories of devices of several processes, the
// communicator's ranks, each of which has a device of its own.
#ifndef PLEURA_BACKEND_COMMUNICATOR_H
#define PLEURA_BACKEND_COMMUNICATOR_H

#include "backend/backend.h"

struct communicator;

// What rank 0 makes, and the others need to find it.
struct communicator_name {
    unsigned char bytes[128];
};

// Which device a process works on: the same bytes for one device in all processes.
struct communicator_device {
    unsigned char bytes[16];
};

enum communicator_state {
    COMMUNICATOR_IDLE,   // all that was begun is done
    COMMUNICATOR_BUSY,   // not yet: it may wait for another rank
    COMMUNICATOR_FAILED, // and of no more use
};

// Nothing here waits for another rank: what is begun is done when `state` says so, and nothing else
// is to be begun, or queued for the device, before. A rank that has ended need not show in it.
struct communicator_calls {
    // What it is, with its version; NULL with *error where it is not to be had on this machine.
    const char *(*kind)(struct error *error);
    bool (*device)(struct backend *backend, struct communicator_device *device,
                   struct error *error);
    bool (*name)(struct communicator_name *name, struct error *error);
    // Begins a communicator of `count` ranks, of which this one is `rank`. NULL with *error.
    struct communicator *(*open)(struct backend *backend, const struct communicator_name *name,
                                 size_t rank, size_t count, struct error *error);
    // Of numbers in the device's memory: from rank 0 to all, which all ranks must call; and from a
    // rank to another, of which one calls `send` and the other `receive`.
    void (*broadcast)(struct communicator *communicator, float *numbers, size_t count);
    void (*send)(struct communicator *communicator, size_t other, const float *numbers,
                 size_t count);
    void (*receive)(struct communicator *communicator, size_t other, float *numbers, size_t count);
    enum communicator_state (*state)(struct communicator *communicator, struct error *error);
    void (*close)(struct communicator *communicator); // also gives up what is under way
};

#endif

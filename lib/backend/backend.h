// A device that networks run on: memory on it, and which kernels belong to it. Nothing here knows
// networks.
#ifndef PLEURA_BACKEND_BACKEND_H
#define PLEURA_BACKEND_BACKEND_H

#include "core/error.h"

#include <stddef.h>
#include <stdint.h>

// How activations are stored; weights, statistics, softmax and losses are float32 in both.
enum precision { PRECISION_F32, PRECISION_BF16 };

struct backend;

// Work for a device, queued the same way each time: what `queue(context)` calls.
struct recording;

// What a device can do besides running kernels. Addresses are the device's own; calls are done in
// their order, and may be under way when they return.
struct backend_calls {
    void *(*alloc)(struct backend *backend, size_t bytes); // 64-byte aligned zeros; NULL: no memory
    void (*release)(struct backend *backend, void *memory);
    size_t (*free_bytes)(struct backend *backend); // bytes that alloc has left; 0: not known
    // The host's memory, zeros, that copies to and from the device go fastest with; NULL: no
    // memory. What is put from there must stay as it is until the put is done.
    void *(*host_alloc)(struct backend *backend, size_t bytes);
    void (*host_release)(struct backend *backend, void *memory);
    void (*put)(struct backend *backend, void *to, const void *from, size_t bytes);
    void (*get)(struct backend *backend, void *to, const void *from, size_t bytes); // waits
    void (*copy)(struct backend *backend, void *to, const void *from, size_t bytes);
    void (*clear)(struct backend *backend, void *memory, size_t bytes);
    // What is there is wanted no more: its memory may serve others until it is written again. NULL:
    // the device cannot.
    void (*discard)(struct backend *backend, void *memory, size_t bytes);
    // Puts out of order: beside what is under way, before what is queued next.
    void (*send)(struct backend *backend, void *to, const void *from, size_t bytes);
    // Does queue(context), or what it queued before. *recording starts as NULL and ends with
    // forget; NULL for `recording`: what is queued is not kept. The CPU's threads take denormal
    // numbers for 0 in it.
    void (*repeat)(struct backend *backend, struct recording **recording,
                   void (*queue)(void *context), void *context);
    void (*forget)(struct backend *backend, struct recording *recording);
    // Waits for all that is queued; false with *error where any of it has failed, from then on.
    bool (*wait)(struct backend *backend, struct error *error);
    void (*close)(struct backend *backend);
};

// A convolution's passes, in numbers.
struct convolution_shape {
    size_t images, height, width, channels; // of the input
    size_t out_height, out_width, out_channels;
    size_t window, stride, pad;
    size_t groups; // of channels: outputs see the inputs of their own group only; depthwise:
                   // as many as there are channels
    bool bias;     // forward: + bias,
    bool sum;      // + what comes from elsewhere,
    bool relu;     // then ReLU
    bool repeated; // prediction: each 2 x 2 pixels of the input, from even ones on, are the same
    bool train;
    bool input_gradient; // backward is asked for the input's
};

struct kernel;
struct profile;
struct training_calls;
struct communicator_calls;

struct backend {
    enum precision precision;
    int threads;
    const char *doing; // the layer whose kernel is called, for messages
    const struct backend_calls *calls;
    const struct kernel *const *kernels;   // by operation; NULL: the CPU's, which operations name
    const struct training_calls *training; // losses and the optimiser; NULL: the CPU's
    const struct communicator_calls *communicators; // NULL: the device has none
    struct profile *profile; // where times go; NULL: nobody asks. While there is one
                             // every kernel is waited for and nothing is recorded
    void *engine;            // the device's own
};

// To be called first in main. Threads that wait for each other should soon sleep: beside other
// programs on the same processors spinning costs ten times the work; and large memory should be
// given back when it is freed. libgomp and the C library read OMP_WAIT_POLICY, GOMP_SPINCOUNT and
// GLIBC_TUNABLES when they are loaded, so where the user has not set them the program sets them and
// starts itself anew.
void backend_prepare(char **argv);

// Opens a device: "auto", "cpu", "cuda" or "cuda:N" (GPU number N). NULL with *error where there is
// none or it cannot do that precision. 0 threads: as many as the machine lets this process have.
CHECKED struct backend *backend_open(const char *device, enum precision precision, int threads,
                                     struct error *error);
void backend_close(struct backend *backend);

// What a device of two processes must have in common for both to make the same bytes: that it is a
// GPU, or what kernels are chosen by on this processor.
struct backend_kind {
    char text[48];
};
struct backend_kind backend_kind_of(const char *device);

// "f32" or "bf16"; false for another name.
CHECKED bool precision_named(const char *name, enum precision *precision);

// Bytes of a number.
size_t precision_size(enum precision precision);

#endif

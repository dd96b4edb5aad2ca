// normalise_input by CUDA: a thread makes a pixel, a block looks gray values up in a table of its
// own.
#include "ops/cuda_operation.h"

extern "C" {
#include "ops/normalise_input/normalise_input.h"
}

namespace {

struct state {
    struct backend *backend;
    size_t pixels;
    bool gray;
    enum precision precision;
};

bool plan(struct kernel_plan *plan, struct error *error) {
    const struct shape shape = plan_input_shape(plan, 0);
    return keep_state<state>(plan,
                             {plan->backend, shape.n * shape.h * shape.w, shape.c == 1,
                              plan_precision(plan, plan->node->output)},
                             error);
}

template <typename T>
struct pixels {
    const void *in;
    T *out;
    size_t count;
    bool gray;
};

template <typename T>
__global__ void normalise_input_forward(const pixels<T> args) {
    __shared__ float table[256][3];
    for (unsigned i = threadIdx.x; args.gray && i < 256; i += blockDim.x) {
        for (int c = 0; c < 3; c++) {
            table[i][c] = normalise_gray((int)i, c);
        }
    }
    __syncthreads();
    const size_t step = (size_t)gridDim.x * blockDim.x;
    for (size_t i = thread_number(); i < args.count; i += step) {
        for (int c = 0; c < 3; c++) {
            const float value = args.gray ? table[((const uint8_t *)args.in)[i]][c]
                                          : ((const float *)args.in)[3 * i + c];
            from_float(value, &args.out[3 * i + c]);
        }
    }
}

template <typename T>
void run_forward(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    const pixels<T> args = {call->in[0], (T *)call->out, state->pixels, state->gray};
    launch(state->backend, normalise_input_forward<T>, blocks_for(state->pixels, 16 * THREADS),
           THREADS, args);
}

CUDA_PASS(forward, state->precision)

} // namespace

const struct kernel normalise_input_cuda = {plan, forward, NULL, free, NULL};

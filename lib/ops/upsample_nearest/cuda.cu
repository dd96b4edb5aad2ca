// upsample_nearest by CUDA: a thread makes a pack of one pixel; backward it sums up four.
#include "ops/cuda_pixels.h"

namespace {

struct state {
    struct backend *backend;
    struct shape in, out;
};

bool plan(struct kernel_plan *plan, struct error *error) {
    return keep_state<state>(
        plan, {plan->backend, plan_input_shape(plan, 0), plan_output_shape(plan)}, error);
}

template <typename T>
struct maps {
    struct shape in, out;
    const T *from; // the input, or the output's gradient
    T *result;
    bool add;
};

template <typename T, int N>
__global__ void upsample_nearest_forward(const maps<T> args) {
    const pixel position = pixel_of_thread(args.out, N);
    if (position.image >= args.out.n) {
        return;
    }
    float numbers[N];
    read_pack(args.from + index_at(args.in, position, position.y / 2, position.x / 2), numbers);
    write_pack(numbers, args.result + index_at(args.out, position, position.y, position.x));
}

template <typename T, int N>
__global__ void upsample_nearest_backward(const maps<T> args) {
    const pixel position = pixel_of_thread(args.in, N);
    if (position.image >= args.in.n) {
        return;
    }
    const size_t to = index_at(args.in, position, position.y, position.x);
    float sum[N] = {0};
    if (args.add) {
        read_pack(args.result + to, sum);
    }
    for (size_t k = 0; k < 4; k++) {
        float dy[N];
        read_pack(args.from +
                      index_at(args.out, position, 2 * position.y + k / 2, 2 * position.x + k % 2),
                  dy);
        for (int i = 0; i < N; i++) {
            sum[i] += dy[i];
        }
    }
    write_pack(sum, args.result + to);
}

template <typename T, int N>
void run_forward(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    const maps<T> args = {state->in, state->out, (const T *)call->in[0], (T *)call->out, false};
    launch(state->backend, upsample_nearest_forward<T, N>, blocks_for(shape_count(state->out) / N),
           THREADS, args);
}

template <typename T, int N>
void run_backward(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    const maps<T> args = {state->in, state->out, (const T *)call->out_gradient,
                          (T *)call->in_gradient[0], call->add[0]};
    launch(state->backend, upsample_nearest_backward<T, N>, blocks_for(shape_count(state->in) / N),
           THREADS, args);
}

CUDA_PASSES_BY_PACK(state->backend->precision, state->in.c)

} // namespace

const struct kernel upsample_nearest_cuda = {plan, forward, backward, free, NULL};

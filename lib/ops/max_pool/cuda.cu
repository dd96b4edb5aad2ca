// max_pool by CUDA: a thread makes a pack of one pixel. Saved: which of the nine each maximum came
// from, so that backward can gather.
#include "ops/cuda_pixels.h"

namespace {

struct state {
    struct backend *backend;
    struct shape in, out;
};

bool plan(struct kernel_plan *plan, struct error *error) {
    plan->saved = shape_count(plan_output_shape(plan));
    return keep_state<state>(
        plan, {plan->backend, plan_input_shape(plan, 0), plan_output_shape(plan)}, error);
}

template <typename T>
struct maps {
    struct shape in, out;
    const T *x, *dy;
    T *result;
    uint8_t *from;
    bool add;
};

template <typename T, int N>
__global__ void max_pool_forward(const maps<T> args) {
    const pixel place = pixel_of_thread(args.out, N);
    if (place.image >= args.out.n) {
        return;
    }
    float maximum[N];
    pack<uint8_t, N> from;
    for (int i = 0; i < N; i++) {
        maximum[i] = -INFINITY;
        from.values[i] = 0;
    }
    for (size_t k = 0; k < 9; k++) { // unsigned arithmetic wraps above the image, too
        const size_t y = 2 * place.y + k / 3 - 1;
        const size_t x = 2 * place.x + k % 3 - 1;
        if (y < args.in.h && x < args.in.w) {
            float here[N];
            read_pack(args.x + index_at(args.in, place, y, x), here);
            for (int i = 0; i < N; i++) {
                from.values[i] = here[i] > maximum[i] ? (uint8_t)k : from.values[i];
                maximum[i] = here[i] > maximum[i] ? here[i] : maximum[i];
            }
        }
    }
    const size_t to = index_at(args.out, place, place.y, place.x);
    write_pack(maximum, args.result + to);
    *(pack<uint8_t, N> *)(args.from + to) = from;
}

template <typename T, int N>
__global__ void max_pool_backward(const maps<T> args) {
    const pixel place = pixel_of_thread(args.in, N);
    if (place.image >= args.in.n) {
        return;
    }
    const size_t to = index_at(args.in, place, place.y, place.x);
    float sum[N] = {0};
    if (args.add) {
        read_pack(args.result + to, sum);
    }
    for (size_t oy = place.y / 2; oy <= (place.y + 1) / 2; oy++) { // the windows over the pixel
        for (size_t ox = place.x / 2; ox <= (place.x + 1) / 2; ox++) {
            if (oy >= args.out.h || ox >= args.out.w) {
                continue;
            }
            const size_t here = index_at(args.out, place, oy, ox);
            const uint8_t index = (uint8_t)((place.y + 1 - 2 * oy) * 3 + (place.x + 1 - 2 * ox));
            const pack<uint8_t, N> from = *(const pack<uint8_t, N> *)(args.from + here);
            float dy[N];
            read_pack(args.dy + here, dy);
            for (int i = 0; i < N; i++) {
                sum[i] += from.values[i] == index ? dy[i] : 0;
            }
        }
    }
    write_pack(sum, args.result + to);
}

template <typename T, int N>
void run_forward(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    const maps<T> args = {state->in, state->out,     (const T *)call->in[0],
                          NULL,      (T *)call->out, (uint8_t *)call->saved,
                          false};
    launch(state->backend, max_pool_forward<T, N>, blocks_for(shape_count(state->out) / N), THREADS,
           args);
}

template <typename T, int N>
void run_backward(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    const maps<T> args = {state->in,
                          state->out,
                          NULL,
                          (const T *)call->out_gradient,
                          (T *)call->in_gradient[0],
                          (uint8_t *)call->saved,
                          call->add[0]};
    launch(state->backend, max_pool_backward<T, N>, blocks_for(shape_count(state->in) / N), THREADS,
           args);
}

CUDA_PASSES_BY_PACK(state->backend->precision, state->in.c)

} // namespace

const struct kernel max_pool_cuda = {plan, forward, backward, free, NULL};

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
    T *made;
    uint8_t *from;
    bool add;
};

template <typename T, int N>
__global__ void max_pool_forward(const maps<T> at) {
    const pixel place = pixel_of_thread(at.out, N);
    if (place.image >= at.out.n) {
        return;
    }
    float most[N];
    pack<uint8_t, N> from;
    for (int i = 0; i < N; i++) {
        most[i] = -INFINITY;
        from.at[i] = 0;
    }
    for (size_t k = 0; k < 9; k++) { // unsigned arithmetic wraps above the image, too
        const size_t y = 2 * place.y + k / 3 - 1;
        const size_t x = 2 * place.x + k % 3 - 1;
        if (y < at.in.h && x < at.in.w) {
            float here[N];
            read_pack(at.x + index_at(at.in, place, y, x), here);
            for (int i = 0; i < N; i++) {
                from.at[i] = here[i] > most[i] ? (uint8_t)k : from.at[i];
                most[i] = here[i] > most[i] ? here[i] : most[i];
            }
        }
    }
    const size_t to = index_at(at.out, place, place.y, place.x);
    write_pack(most, at.made + to);
    *(pack<uint8_t, N> *)(at.from + to) = from;
}

template <typename T, int N>
__global__ void max_pool_backward(const maps<T> at) {
    const pixel place = pixel_of_thread(at.in, N);
    if (place.image >= at.in.n) {
        return;
    }
    const size_t to = index_at(at.in, place, place.y, place.x);
    float sum[N] = {0};
    if (at.add) {
        read_pack(at.made + to, sum);
    }
    for (size_t oy = place.y / 2; oy <= (place.y + 1) / 2; oy++) { // the windows over the pixel
        for (size_t ox = place.x / 2; ox <= (place.x + 1) / 2; ox++) {
            if (oy >= at.out.h || ox >= at.out.w) {
                continue;
            }
            const size_t here = index_at(at.out, place, oy, ox);
            const uint8_t number = (uint8_t)((place.y + 1 - 2 * oy) * 3 + (place.x + 1 - 2 * ox));
            const pack<uint8_t, N> from = *(const pack<uint8_t, N> *)(at.from + here);
            float dy[N];
            read_pack(at.dy + here, dy);
            for (int i = 0; i < N; i++) {
                sum[i] += from.at[i] == number ? dy[i] : 0;
            }
        }
    }
    write_pack(sum, at.made + to);
}

template <typename T, int N>
void run_forward(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    const maps<T> at = {state->in, state->out,     (const T *)call->in[0],
                        NULL,      (T *)call->out, (uint8_t *)call->saved,
                        false};
    launch(state->backend, max_pool_forward<T, N>, blocks_for(shape_count(state->out) / N), THREADS,
           at);
}

template <typename T, int N>
void run_backward(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    const maps<T> at = {state->in,
                        state->out,
                        NULL,
                        (const T *)call->out_gradient,
                        (T *)call->in_gradient[0],
                        (uint8_t *)call->saved,
                        call->add[0]};
    launch(state->backend, max_pool_backward<T, N>, blocks_for(shape_count(state->in) / N), THREADS,
           at);
}

CUDA_PASSES_BY_PACK(state->backend->precision, state->in.c)

} // namespace

const struct kernel max_pool_cuda = {plan, forward, backward, free, NULL};

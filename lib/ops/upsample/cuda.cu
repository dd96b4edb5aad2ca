// upsample by CUDA: a thread makes a pack of one pixel. Forward it mixes four pixels, backward it
// gathers from the outputs that took of it, by tables of both axes. Where these are many, it
// gathers along rows first and then along columns.
#include "ops/cuda_pixels.h"

extern "C" {
#include "nn/bilinear/weights.h"
}

namespace {

// An axis on the device, in 32-bit numbers.
struct table {
    const uint32_t *low, *high;      // of each output
    const float *share;              // of the upper one
    const uint32_t *first, *outputs; // of each input: its part of the list
    const float *weights;
};

struct state {
    struct backend *backend;
    struct shape in, out;
    enum precision precision;
    struct table down, along;
    void *memory[2];
    bool by_axes; // backward, one axis after the other
};

#define MANY 4 // outputs an input along each axis, from which on this is faster

void release(void *made) {
    struct state *state = (struct state *)made;
    state->backend->calls->release(state->backend, state->memory[0]);
    state->backend->calls->release(state->backend, state->memory[1]);
    free(state);
}

// Brings an axis to the device; the address of its memory there, or NULL.
void *send_axis(struct backend *backend, const struct bilinear_weights *axis, struct table *table) {
    const size_t listed = axis->first[axis->in];
    const size_t count = 3 * axis->out + axis->in + 1 + 2 * listed;
    uint32_t *numbers = (uint32_t *)malloc(count * sizeof *numbers);
    uint32_t *made = numbers == NULL
                         ? NULL
                         : (uint32_t *)backend->calls->alloc(backend, count * sizeof *numbers);
    if (made == NULL) {
        free(numbers);
        return NULL;
    }
    uint32_t *at = numbers;
    for (size_t o = 0; o < axis->out; o++) {
        at[o] = (uint32_t)axis->low[o];
        at[axis->out + o] = (uint32_t)bilinear_weights_upper(axis, o);
    }
    memcpy(at + 2 * axis->out, axis->share, axis->out * sizeof(float));
    at += 3 * axis->out;
    for (size_t i = 0; i <= axis->in; i++) {
        at[i] = (uint32_t)axis->first[i];
    }
    at += axis->in + 1;
    for (size_t k = 0; k < listed; k++) {
        at[k] = (uint32_t)axis->outputs[k];
    }
    memcpy(at + listed, axis->weights, listed * sizeof(float));
    backend->calls->put(backend, made, numbers, count * sizeof *numbers);
    free(numbers);
    const uint32_t *first = made + 3 * axis->out;
    *table = {made,  made + axis->out,     (const float *)(made + 2 * axis->out),
              first, first + axis->in + 1, (const float *)(first + axis->in + 1 + listed)};
    return made;
}

bool plan(struct kernel_plan *plan, struct error *error) {
    const struct shape in = plan_input_shape(plan, 0);
    const struct shape out = plan_output_shape(plan);
    struct bilinear_weights down = {};
    struct bilinear_weights along = {};
    struct state *state = (struct state *)calloc(1, sizeof *state);
    if (state == NULL) {
        return fail(error, "no memory");
    }
    state->backend = plan->backend;
    state->in = in;
    state->out = out;
    state->precision = plan_precision(plan, plan->node->output);
    const bool made = bilinear_weights_make(&down, in.h, out.h, error) &&
                      bilinear_weights_make(&along, in.w, out.w, error);
    if (made) {
        state->memory[0] = send_axis(plan->backend, &down, &state->down);
        state->memory[1] = send_axis(plan->backend, &along, &state->along);
    }
    bilinear_weights_free(&down);
    bilinear_weights_free(&along);
    state->by_axes = out.h >= MANY * in.h && out.w >= MANY * in.w;
    if (state->by_axes && graph_mode_of(plan->graph) == GRAPH_TRAIN) {
        plan->scratch = in.n * out.h * in.w * in.c * sizeof(float);
    }
    if (!made || state->memory[0] == NULL || state->memory[1] == NULL) {
        release(state);
        return made ? fail(error, "no memory for the tables of an up-sampling") : false;
    }
    plan->state = state;
    return true;
}

template <typename T>
struct maps {
    struct shape in, out;
    struct table down, along;
    const T *from; // the input, or the output's gradient
    T *made;
    bool add;
};

template <typename T, int N>
__global__ void upsample_forward(const maps<T> at) {
    const pixel place = pixel_of_thread(at.out, N);
    if (place.image >= at.out.n) {
        return;
    }
    const size_t rows[2] = {at.down.low[place.y], at.down.high[place.y]};
    const float along = at.along.share[place.x];
    const float down = at.down.share[place.y];
    float mixed[2][N];
    for (int k = 0; k < 2; k++) {
        float left[N];
        read_pack(at.from + index_at(at.in, place, rows[k], at.along.low[place.x]), left);
        read_pack(at.from + index_at(at.in, place, rows[k], at.along.high[place.x]), mixed[k]);
        for (int i = 0; i < N; i++) {
            mixed[k][i] = (1 - along) * left[i] + along * mixed[k][i];
        }
    }
    for (int i = 0; i < N; i++) {
        mixed[0][i] = (1 - down) * mixed[0][i] + down * mixed[1][i];
    }
    write_pack(mixed[0], at.made + index_at(at.out, place, place.y, place.x));
}

template <typename T, int N>
__global__ void upsample_backward(const maps<T> at) {
    const pixel place = pixel_of_thread(at.in, N);
    if (place.image >= at.in.n) {
        return;
    }
    const size_t to = index_at(at.in, place, place.y, place.x);
    float sum[N] = {0};
    if (at.add) {
        read_pack(at.made + to, sum);
    }
    for (uint32_t j = at.down.first[place.y]; j < at.down.first[place.y + 1]; j++) {
        const T *row = at.from + index_at(at.out, place, at.down.outputs[j], 0);
        for (uint32_t k = at.along.first[place.x]; k < at.along.first[place.x + 1]; k++) {
            const float weight = at.down.weights[j] * at.along.weights[k];
            float dy[N];
            read_pack(row + (size_t)at.along.outputs[k] * at.out.c, dy);
            for (int i = 0; i < N; i++) {
                sum[i] += weight * dy[i];
            }
        }
    }
    write_pack(sum, at.made + to);
}

// Sums along rows: images x rows of the output x columns of the input.
template <typename T>
struct halfway {
    maps<T> all;
    struct shape shape;
    float *sums;
};

template <typename T, int N>
__global__ void upsample_backward_along(const halfway<T> at) {
    const pixel place = pixel_of_thread(at.shape, N);
    if (place.image >= at.shape.n) {
        return;
    }
    const struct table &along = at.all.along;
    const T *row = at.all.from + index_at(at.all.out, place, place.y, 0);
    float sum[N] = {0};
    for (uint32_t k = along.first[place.x]; k < along.first[place.x + 1]; k++) {
        float dy[N];
        read_pack(row + (size_t)along.outputs[k] * at.shape.c, dy);
        for (int i = 0; i < N; i++) {
            sum[i] += along.weights[k] * dy[i];
        }
    }
    write_pack(sum, at.sums + index_at(at.shape, place, place.y, place.x));
}

template <typename T, int N>
__global__ void upsample_backward_down(const halfway<T> at) {
    const pixel place = pixel_of_thread(at.all.in, N);
    if (place.image >= at.all.in.n) {
        return;
    }
    const struct table &down = at.all.down;
    T *to = at.all.made + index_at(at.all.in, place, place.y, place.x);
    float sum[N] = {0};
    if (at.all.add) {
        read_pack(to, sum);
    }
    for (uint32_t j = down.first[place.y]; j < down.first[place.y + 1]; j++) {
        float of_row[N];
        read_pack(at.sums + index_at(at.shape, place, down.outputs[j], place.x), of_row);
        for (int i = 0; i < N; i++) {
            sum[i] += down.weights[j] * of_row[i];
        }
    }
    write_pack(sum, to);
}

template <typename T, int N>
void run_forward(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    const maps<T> at = {
        state->in,      state->out, state->down, state->along, (const T *)call->in[0],
        (T *)call->out, false};
    launch(state->backend, upsample_forward<T, N>, blocks_for(shape_count(state->out) / N), THREADS,
           at);
}

template <typename T, int N>
void run_backward(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    const maps<T> at = {state->in,
                        state->out,
                        state->down,
                        state->along,
                        (const T *)call->out_gradient,
                        (T *)call->in_gradient[0],
                        call->add[0]};
    if (state->by_axes) {
        const halfway<T> sums = {
            at, {state->in.n, state->out.h, state->in.w, state->in.c}, (float *)call->scratch};
        launch(state->backend, upsample_backward_along<T, N>,
               blocks_for(shape_count(sums.shape) / N), THREADS, sums);
        launch(state->backend, upsample_backward_down<T, N>, blocks_for(shape_count(state->in) / N),
               THREADS, sums);
        return;
    }
    launch(state->backend, upsample_backward<T, N>, blocks_for(shape_count(state->in) / N), THREADS,
           at);
}

CUDA_PASSES_BY_PACK(state->precision, state->in.c)

} // namespace

const struct kernel upsample_cuda = {plan, forward, backward, release, NULL};

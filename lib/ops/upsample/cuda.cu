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

void release(void *memory) {
    struct state *state = (struct state *)memory;
    state->backend->calls->release(state->backend, state->memory[0]);
    state->backend->calls->release(state->backend, state->memory[1]);
    free(state);
}

// Brings an axis to the device; the address of its memory there, or NULL.
void *send_axis(struct backend *backend, const struct bilinear_weights *axis, struct table *table) {
    const size_t listed = axis->first[axis->in];
    const size_t count = 3 * axis->out + axis->in + 1 + 2 * listed;
    uint32_t *numbers = (uint32_t *)malloc(count * sizeof *numbers);
    uint32_t *memory = numbers == NULL
                           ? NULL
                           : (uint32_t *)backend->calls->alloc(backend, count * sizeof *numbers);
    if (memory == NULL) {
        free(numbers);
        return NULL;
    }
    uint32_t *entry = numbers;
    for (size_t o = 0; o < axis->out; o++) {
        entry[o] = (uint32_t)axis->low[o];
        entry[axis->out + o] = (uint32_t)bilinear_weights_upper(axis, o);
    }
    memcpy(entry + 2 * axis->out, axis->share, axis->out * sizeof(float));
    entry += 3 * axis->out;
    for (size_t i = 0; i <= axis->in; i++) {
        entry[i] = (uint32_t)axis->first[i];
    }
    entry += axis->in + 1;
    for (size_t k = 0; k < listed; k++) {
        entry[k] = (uint32_t)axis->outputs[k];
    }
    memcpy(entry + listed, axis->weights, listed * sizeof(float));
    backend->calls->put(backend, memory, numbers, count * sizeof *numbers);
    free(numbers);
    const uint32_t *first = memory + 3 * axis->out;
    *table = {memory, memory + axis->out,   (const float *)(memory + 2 * axis->out),
              first,  first + axis->in + 1, (const float *)(first + axis->in + 1 + listed)};
    return memory;
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
    const bool weighed = bilinear_weights_make(&down, in.h, out.h, error) &&
                         bilinear_weights_make(&along, in.w, out.w, error);
    if (weighed) {
        state->memory[0] = send_axis(plan->backend, &down, &state->down);
        state->memory[1] = send_axis(plan->backend, &along, &state->along);
    }
    bilinear_weights_free(&down);
    bilinear_weights_free(&along);
    state->by_axes = out.h >= MANY * in.h && out.w >= MANY * in.w;
    if (state->by_axes && graph_mode_of(plan->graph) == GRAPH_TRAIN) {
        plan->scratch = in.n * out.h * in.w * in.c * sizeof(float);
    }
    if (!weighed || state->memory[0] == NULL || state->memory[1] == NULL) {
        release(state);
        return weighed ? fail(error, "no memory for the tables of an up-sampling") : false;
    }
    plan->state = state;
    return true;
}

template <typename T>
struct maps {
    struct shape in, out;
    struct table down, along;
    const T *from; // the input, or the output's gradient
    T *result;
    bool add;
};

template <typename T, int N>
__global__ void upsample_forward(const maps<T> args) {
    const pixel position = pixel_of_thread(args.out, N);
    if (position.image >= args.out.n) {
        return;
    }
    const size_t rows[2] = {args.down.low[position.y], args.down.high[position.y]};
    const float along = args.along.share[position.x];
    const float down = args.down.share[position.y];
    float mixed[2][N];
    for (int k = 0; k < 2; k++) {
        float left[N];
        read_pack(args.from + index_at(args.in, position, rows[k], args.along.low[position.x]),
                  left);
        read_pack(args.from + index_at(args.in, position, rows[k], args.along.high[position.x]),
                  mixed[k]);
        for (int i = 0; i < N; i++) {
            mixed[k][i] = (1 - along) * left[i] + along * mixed[k][i];
        }
    }
    for (int i = 0; i < N; i++) {
        mixed[0][i] = (1 - down) * mixed[0][i] + down * mixed[1][i];
    }
    write_pack(mixed[0], args.result + index_at(args.out, position, position.y, position.x));
}

template <typename T, int N>
__global__ void upsample_backward(const maps<T> args) {
    const pixel position = pixel_of_thread(args.in, N);
    if (position.image >= args.in.n) {
        return;
    }
    const size_t to = index_at(args.in, position, position.y, position.x);
    float sum[N] = {0};
    if (args.add) {
        read_pack(args.result + to, sum);
    }
    for (uint32_t j = args.down.first[position.y]; j < args.down.first[position.y + 1]; j++) {
        const T *row = args.from + index_at(args.out, position, args.down.outputs[j], 0);
        for (uint32_t k = args.along.first[position.x]; k < args.along.first[position.x + 1]; k++) {
            const float weight = args.down.weights[j] * args.along.weights[k];
            float dy[N];
            read_pack(row + (size_t)args.along.outputs[k] * args.out.c, dy);
            for (int i = 0; i < N; i++) {
                sum[i] += weight * dy[i];
            }
        }
    }
    write_pack(sum, args.result + to);
}

// Sums along rows: images x rows of the output x columns of the input.
template <typename T>
struct halfway {
    maps<T> all;
    struct shape shape;
    float *sums;
};

template <typename T, int N>
__global__ void upsample_backward_along(const halfway<T> args) {
    const pixel position = pixel_of_thread(args.shape, N);
    if (position.image >= args.shape.n) {
        return;
    }
    const struct table &along = args.all.along;
    const T *row = args.all.from + index_at(args.all.out, position, position.y, 0);
    float sum[N] = {0};
    for (uint32_t k = along.first[position.x]; k < along.first[position.x + 1]; k++) {
        float dy[N];
        read_pack(row + (size_t)along.outputs[k] * args.shape.c, dy);
        for (int i = 0; i < N; i++) {
            sum[i] += along.weights[k] * dy[i];
        }
    }
    write_pack(sum, args.sums + index_at(args.shape, position, position.y, position.x));
}

template <typename T, int N>
__global__ void upsample_backward_down(const halfway<T> args) {
    const pixel position = pixel_of_thread(args.all.in, N);
    if (position.image >= args.all.in.n) {
        return;
    }
    const struct table &down = args.all.down;
    T *to = args.all.result + index_at(args.all.in, position, position.y, position.x);
    float sum[N] = {0};
    if (args.all.add) {
        read_pack(to, sum);
    }
    for (uint32_t j = down.first[position.y]; j < down.first[position.y + 1]; j++) {
        float of_row[N];
        read_pack(args.sums + index_at(args.shape, position, down.outputs[j], position.x), of_row);
        for (int i = 0; i < N; i++) {
            sum[i] += down.weights[j] * of_row[i];
        }
    }
    write_pack(sum, to);
}

template <typename T, int N>
void run_forward(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    const maps<T> args = {
        state->in,      state->out, state->down, state->along, (const T *)call->in[0],
        (T *)call->out, false};
    launch(state->backend, upsample_forward<T, N>, blocks_for(shape_count(state->out) / N), THREADS,
           args);
}

template <typename T, int N>
void run_backward(const struct call *call) {
    const struct state *state = (const struct state *)call->state;
    const maps<T> args = {state->in,
                          state->out,
                          state->down,
                          state->along,
                          (const T *)call->out_gradient,
                          (T *)call->in_gradient[0],
                          call->add[0]};
    if (state->by_axes) {
        const halfway<T> sums = {
            args, {state->in.n, state->out.h, state->in.w, state->in.c}, (float *)call->scratch};
        launch(state->backend, upsample_backward_along<T, N>,
               blocks_for(shape_count(sums.shape) / N), THREADS, sums);
        launch(state->backend, upsample_backward_down<T, N>, blocks_for(shape_count(state->in) / N),
               THREADS, sums);
        return;
    }
    launch(state->backend, upsample_backward<T, N>, blocks_for(shape_count(state->in) / N), THREADS,
           args);
}

CUDA_PASSES_BY_PACK(state->precision, state->in.c)

} // namespace

const struct kernel upsample_cuda = {plan, forward, backward, release, NULL};

// pyramid_pool by CUDA. Pooling and interpolation are linear along each axis, with matrices (cells
// x pixels) a grid: one launch gathers the cells of all grids, a block each; the next makes each
// pixel of all cells. Backward is the same with the matrices exchanged.
#include "ops/cuda_operation.h"

extern "C" {
#include "ops/pyramid_pool/matrices.h"
}

namespace {

#define ROWS 12  // of the matrices of one axis: cells of all grids
#define CELLS 50 // 36 + 9 + 4 + 1

struct state {
    struct backend *backend;
    struct shape shape;
    float *matrices; // on the device: down and up of the rows' axis, then of the columns'
};

void release(void *memory) {
    struct state *state = (struct state *)memory;
    state->backend->calls->release(state->backend, state->matrices);
    free(state);
}

// The matrices of one axis: ROWS x n that pool, ROWS x n that interpolate.
bool make_matrices(float *down, float *up, size_t n, struct error *error) {
    for (unsigned grid = 0; grid < PYRAMID_GRIDS; grid++) {
        const size_t cells = pyramid_cells(grid);
        if (!pyramid_matrices(down, up, n, cells, error)) {
            return false;
        }
        down += cells * n;
        up += cells * n;
    }
    return true;
}

bool plan(struct kernel_plan *plan, struct error *error) {
    const struct shape shape = plan_input_shape(plan, 0);
    struct backend *backend = plan->backend;
    const size_t tall = ROWS * shape.h;
    const size_t wide = ROWS * shape.w;
    struct state *state = (struct state *)calloc(1, sizeof *state);
    if (state == NULL) {
        return fail(error, "no memory");
    }
    *state = {backend, shape, NULL};
    float *numbers = (float *)calloc(2 * (tall + wide), sizeof *numbers);
    if (numbers != NULL) {
        state->matrices =
            (float *)backend->calls->alloc(backend, 2 * (tall + wide) * sizeof *numbers);
    }
    if (numbers == NULL || state->matrices == NULL) {
        free(numbers);
        release(state);
        return fail(error, "no memory");
    }
    const bool filled =
        make_matrices(numbers, numbers + tall, shape.h, error) &&
        make_matrices(numbers + 2 * tall, numbers + 2 * tall + wide, shape.w, error);
    backend->calls->put(backend, state->matrices, numbers, 2 * (tall + wide) * sizeof *numbers);
    free(numbers);
    if (!filled) {
        release(state);
        return false;
    }
    plan->scratch = shape.n * CELLS * shape.c * sizeof(float);
    plan->state = state;
    return true;
}

template <typename T>
struct pyramid {
    struct shape shape;
    const T *from;
    T *result;
    float *cells;                     // images x CELLS x channels
    const float *gather_y, *gather_x; // matrices that make cells of pixels,
    const float *spread_y, *spread_x; // and pixels of cells
    bool add;
};

// A cell of one image: its rows of the matrices.
struct cell_rows {
    size_t y, x;
};

__device__ inline cell_rows rows_of_cell(unsigned cell) {
    size_t before = 0;
    for (unsigned grid = 0;; grid++) {
        const unsigned cells = pyramid_cells(grid);
        if (cell < cells * cells) {
            return {before + cell / cells, before + cell % cells};
        }
        cell -= cells * cells;
        before += cells;
    }
}

// A block for a cell of an image; a thread for a channel.
template <typename T>
__global__ void pyramid_gather(const pyramid<T> args) {
    const cell_rows rows = rows_of_cell(blockIdx.x);
    const float *down = args.gather_y + rows.y * args.shape.h;
    const float *along = args.gather_x + rows.x * args.shape.w;
    size_t first = 0;
    size_t end = args.shape.w;
    while (first < end && along[first] == 0) {
        first++;
    }
    while (end > first && along[end - 1] == 0) {
        end--;
    }
    for (size_t c = threadIdx.x; c < args.shape.c; c += blockDim.x) {
        float sum = 0;
        for (size_t y = 0; y < args.shape.h; y++) {
            if (down[y] == 0) {
                continue;
            }
            const T *row =
                args.from + (blockIdx.y * args.shape.h + y) * args.shape.w * args.shape.c + c;
            float of_row = 0;
            for (size_t x = first; x < end; x++) {
                of_row += along[x] * to_float(row[x * args.shape.c]);
            }
            sum += down[y] * of_row;
        }
        args.cells[(blockIdx.y * CELLS + blockIdx.x) * args.shape.c + c] = sum;
    }
}

// A block for a pixel of an image; a thread for a channel.
template <typename T>
__global__ void pyramid_spread(const pyramid<T> args) {
    __shared__ float weights[CELLS];
    const size_t y = blockIdx.x / args.shape.w;
    const size_t x = blockIdx.x % args.shape.w;
    if (threadIdx.x < CELLS) {
        const cell_rows rows = rows_of_cell(threadIdx.x);
        weights[threadIdx.x] =
            args.spread_y[rows.y * args.shape.h + y] * args.spread_x[rows.x * args.shape.w + x];
    }
    __syncthreads();
    const float *cells = args.cells + blockIdx.y * CELLS * args.shape.c;
    T *to = args.result + (blockIdx.y * args.shape.h * args.shape.w + blockIdx.x) * args.shape.c;
    for (size_t c = threadIdx.x; c < args.shape.c; c += blockDim.x) {
        float sum = args.add ? to_float(to[c]) : 0;
        for (unsigned cell = 0; cell < CELLS; cell++) {
            if (weights[cell] != 0) {
                sum += weights[cell] * cells[cell * args.shape.c + c];
            }
        }
        from_float(sum, &to[c]);
    }
}

// Gathers `from` and spreads it to `to`, by the matrices or, in the backward pass, by those of the
// other direction.
template <typename T>
void run(const struct state *state, const void *from, void *to, bool add, bool backward,
         void *scratch) {
    const size_t tall = ROWS * state->shape.h;
    const size_t wide = ROWS * state->shape.w;
    const float *down_y = state->matrices;
    const float *up_y = down_y + tall;
    const float *down_x = up_y + tall;
    const float *up_x = down_x + wide;
    const pyramid<T> args = {.shape = state->shape,
                             .from = (const T *)from,
                             .result = (T *)to,
                             .cells = (float *)scratch,
                             .gather_y = backward ? up_y : down_y,
                             .gather_x = backward ? up_x : down_x,
                             .spread_y = backward ? down_y : up_y,
                             .spread_x = backward ? down_x : up_x,
                             .add = add};
    const unsigned images = (unsigned)state->shape.n;
    launch(state->backend, pyramid_gather<T>, dim3(CELLS, images), THREADS, args);
    launch(state->backend, pyramid_spread<T>,
           dim3((unsigned)(state->shape.h * state->shape.w), images), THREADS, args);
}

template <typename T>
void run_forward(const struct call *call) {
    run<T>((const struct state *)call->state, call->in[0], call->out, false, false, call->scratch);
}

template <typename T>
void run_backward(const struct call *call) {
    run<T>((const struct state *)call->state, call->out_gradient, call->in_gradient[0],
           call->add[0], true, call->scratch);
}

CUDA_PASSES(state->backend->precision)

} // namespace

const struct kernel pyramid_pool_cuda = {plan, forward, backward, release, NULL};

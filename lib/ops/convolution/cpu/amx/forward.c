// Blocks of output columns, each from its first row to its last: what a block reads of a window's
// rows stays in the first-level cache. Blocks at the image's left and right edge are copied always,
// since they need zeros beyond.
#include "ops/convolution/cpu/amx/forward.h"

#include <string.h>

#define DEPTH ((size_t)32)      // numbers of A's row in a tile
#define TILE (AMX_SIDE * DEPTH) // numbers of B's tile
#define MOST_TILES ((size_t)4)  // of rows by one panel; half of them by two
#define MAX_WINDOW ((size_t)16)
#define SUMS (MOST_TILES * AMX_SIDE * AMX_SIDE) // of a block

static size_t rounded(size_t count, size_t unit) {
    return (count + unit - 1) / unit * unit;
}

// ---- planning

// Output numbers of a column.
static size_t column_of(const struct amx_forward *plan) {
    return plan->pixels * plan->out_channels;
}

static bool takes(const struct convolution_problem *problem) {
    const struct convolution_shape *shape = &problem->shape;
    const bool to_input = problem->pass == CONVOLUTION_DATA_GRADIENT;
    return (problem->pass == CONVOLUTION_FORWARD ||
            (to_input && shape->stride == 1 && shape->pad < shape->window)) &&
           problem->precision == PRECISION_BF16 && shape->groups == 1 &&
           shape->window <= MAX_WINDOW;
}

// The columns from plan->inside on, before plan->outside, read nothing beyond the row.
static void plan_spread(struct amx_forward *plan) {
    const size_t numbers = plan->width * plan->channels;
    const size_t before = plan->pad * plan->channels;
    const size_t whole =
        numbers + before < plan->run ? 0 : (numbers + before - plan->run) / plan->step + 1;
    plan->outside = whole < plan->columns ? whole : plan->columns;
    plan->inside = (before + plan->step - 1) / plan->step;
    plan->inside = plan->inside < plan->outside ? plan->inside : plan->outside;
    plan->spread = plan->step % DEPTH != 0 || before % DEPTH != 0 || numbers % DEPTH != 0;
    plan->block = AMX_SIDE * (plan->panels > 1 ? MOST_TILES / 2 : MOST_TILES);
}

bool amx_forward_plan(const struct convolution_problem *problem,
                      const struct amx_functions *functions, struct amx_forward *plan) {
    const struct convolution_shape *shape = &problem->shape;
    const bool to_input = problem->pass == CONVOLUTION_DATA_GRADIENT;
    if (!takes(problem)) {
        return false;
    }
    *plan = (struct amx_forward){
        .functions = functions,
        .problem = *problem,
        .to_input = to_input,
        .height = to_input ? shape->out_height : shape->height,
        .width = to_input ? shape->out_width : shape->width,
        .channels = to_input ? shape->out_channels : shape->channels,
        .out_height = to_input ? shape->height : shape->out_height,
        .out_width = to_input ? shape->width : shape->out_width,
        .out_channels = to_input ? shape->channels : shape->out_channels,
        .window = shape->window,
        .stride = shape->stride,
        .pad = to_input ? shape->window - 1 - shape->pad : shape->pad,
        .pixels = 1,
    };
    if (2 * plan->out_channels <= AMX_SIDE && plan->out_width % 2 == 0) {
        plan->pixels = 2;
    }
    const size_t pixels = plan->window + (plan->pixels - 1) * plan->stride;
    plan->columns = plan->out_width / plan->pixels;
    plan->step = plan->pixels * plan->stride * plan->channels;
    plan->run = rounded(pixels * plan->channels, DEPTH);
    plan->panels = rounded(column_of(plan), AMX_SIDE) / AMX_SIDE;
    plan_spread(plan);
    return true;
}

size_t amx_forward_weights(const struct amx_forward *plan) {
    return plan->panels * plan->window * plan->run * AMX_SIDE;
}

// Numbers of a block's copy of an input row.
static size_t copied_row(const struct amx_forward *plan) {
    return plan->spread ? plan->block * plan->run : (plan->block - 1) * plan->step + plan->run;
}

static size_t copy_bytes(const struct amx_forward *plan) {
    return workspace_part(plan->window * copied_row(plan) * sizeof(uint16_t));
}

size_t amx_forward_workspace(const struct amx_forward *plan) {
    return 2 * SUMS * sizeof(float) + copy_bytes(plan) +
           workspace_part(column_of(plan) * sizeof(float));
}

// ---- weights

// Where the weight lies that output number `output` of a column has for number `k` of window row
// `y`; -1: it is 0.
static ptrdiff_t weight_at(const struct amx_forward *plan, size_t y, size_t k, size_t output) {
    const size_t pixel = output / plan->out_channels;
    const size_t o = output % plan->out_channels;
    const size_t c = k % plan->channels;
    const size_t x = k / plan->channels - pixel * plan->stride; // below 0: far to the right
    const size_t last = plan->window - 1;
    if (pixel >= plan->pixels || x > last) {
        return -1;
    }
    return (ptrdiff_t)(plan->to_input
                           ? ((c * plan->out_channels + o) * plan->window + last - y) *
                                     plan->window +
                                 last - x
                           : ((o * plan->channels + c) * plan->window + y) * plan->window + x);
}

void amx_forward_pack(const struct amx_forward *plan, const float *weights, uint16_t *tiles) {
    for (size_t panel = 0; panel < plan->panels; panel++) {
        for (size_t y = 0; y < plan->window; y++) {
            for (size_t pair = 0; pair < plan->run; pair += 2) {
                float numbers[2 * AMX_SIDE];
                for (size_t i = 0; i < 2 * AMX_SIDE; i++) {
                    const ptrdiff_t at = weight_at(plan, y, pair + i % 2, panel * AMX_SIDE + i / 2);
                    numbers[i] = at < 0 ? 0 : weights[at];
                }
                cpu_bf16_round(numbers, 2 * AMX_SIDE, tiles);
                tiles += 2 * AMX_SIDE;
            }
        }
    }
}

// ---- columns

// The first number of an input row that column `x` reads, where it may begin before the row.
static ptrdiff_t first_read(const struct amx_forward *plan, size_t x) {
    return (ptrdiff_t)(x * plan->step) - (ptrdiff_t)(plan->pad * plan->channels);
}

// Copies `count` numbers of an input row from the first one that column `x` reads, with zeros
// beyond the row.
static void copy(const struct amx_forward *plan, const uint16_t *row, size_t x, size_t count,
                 uint16_t *to) {
    const ptrdiff_t numbers = (ptrdiff_t)(plan->width * plan->channels);
    const ptrdiff_t first = first_read(plan, x);
    const ptrdiff_t end = first + (ptrdiff_t)count;
    const ptrdiff_t from = first < 0 ? 0 : first;
    const ptrdiff_t before = end < numbers ? end : numbers;
    memset(to, 0, count * sizeof *to);
    if (from < before) {
        memcpy(to + (from - first), row + from, (size_t)(before - from) * sizeof *to);
    }
}

// Spreads out `count` columns of an input row from column `x` on.
static void spread_columns(const struct amx_forward *plan, const uint16_t *row, size_t x,
                           size_t count, uint16_t *to) {
    const size_t end = x + count;
    while (x < end) {
        size_t columns = 1;
        if (x >= plan->inside && x < plan->outside) {
            columns = (end < plan->outside ? end : plan->outside) - x;
            plan->functions->spread(row + first_read(plan, x), plan->step, plan->run, columns, to);
        } else {
            copy(plan, row, x, plan->run, to);
        }
        x += columns;
        to += columns * plan->run;
    }
}

// ---- sums

// A block's sums, which are stored when the next products are under way: both take other parts of
// the processor.
struct pending {
    const struct amx_forward *plan;
    struct amx_sums sums;
    struct epilogue epilogue;
    float *memory[2]; // of sums: the next ones, and these
};

static void store_pending(struct pending *pending) {
    if (pending->sums.rows > 0) {
        pending->plan->functions->store(&pending->sums, pending->epilogue);
    }
    pending->sums.rows = 0;
}

// ---- blocks

// A block of columns of an image, and the next of the image's rows to be copied.
struct block {
    const struct amx_forward *plan;
    const uint16_t *tiles;
    struct epilogue epilogue;
    const uint16_t *input;
    uint16_t *output; // of the block's first column in the first row
    struct pending *pending;
    uint16_t *copy; // memory for what does not lie there: some rows
    size_t first;   // column
    bool lies;      // what it reads is multiplied where it lies
    size_t next;
};

// What the block reads of an input row.
static const uint16_t *block_row(struct block *block, size_t y) {
    const struct amx_forward *plan = block->plan;
    const uint16_t *row = block->input + y * plan->width * plan->channels;
    if (block->lies) {
        return row + first_read(plan, block->first);
    }
    uint16_t *to = block->copy + y % plan->window * copied_row(plan);
    if (y >= block->next && plan->spread) {
        spread_columns(plan, row, block->first, plan->block, to);
    } else if (y >= block->next) {
        copy(plan, row, block->first, copied_row(plan), to);
    }
    block->next = y >= block->next ? y + 1 : block->next;
    return to;
}

// Multiplies the columns by the weights of all panels; `tiles`: of the first window row there is.
static void multiply(const struct block *block, const struct cpu_amx_runs *a, const uint16_t *tiles,
                     uint16_t *to) {
    const struct amx_forward *plan = block->plan;
    struct pending *pending = block->pending;
    const size_t panel_step = plan->window * plan->run * AMX_SIDE;
    const size_t column = column_of(plan);
    const size_t left = plan->columns - block->first;
    for (size_t panel = 0; panel < plan->panels;) {
        const size_t panels = plan->panels - panel > 1 ? 2 : 1;
        const size_t numbers = column - panel * AMX_SIDE;
        float *memory = pending->memory[0];
        plan->functions->runs(plan->block / AMX_SIDE, panels, a,
                              (struct cpu_bf16_b){tiles + panel * panel_step, panel_step}, memory,
                              panels * AMX_SIDE);
        store_pending(pending);
        pending->memory[0] = pending->memory[1];
        pending->memory[1] = memory;
        pending->sums =
            (struct amx_sums){.of = memory,
                              .leading = panels * AMX_SIDE,
                              .rows = left < plan->block ? left : plan->block,
                              .count = numbers < panels * AMX_SIDE ? numbers : panels * AMX_SIDE,
                              .to = to + panel * AMX_SIDE,
                              .step = column};
        pending->epilogue = block->epilogue;
        pending->epilogue.bias =
            block->epilogue.bias != NULL ? block->epilogue.bias + panel * AMX_SIDE : NULL;
        panel += panels;
    }
}

// A row's columns of the block.
static void make_columns(struct block *block, size_t y) {
    const struct amx_forward *plan = block->plan;
    const uint16_t *runs[MAX_WINDOW];
    const uint16_t *tiles = block->tiles;
    size_t count = 0; // of window rows inside
    for (size_t i = 0; i < plan->window; i++) {
        const size_t at = y * plan->stride + i; // with the padding
        if (at >= plan->pad && at - plan->pad < plan->height) {
            tiles = count == 0 ? block->tiles + i * plan->run * AMX_SIDE : tiles;
            runs[count++] = block_row(block, at - plan->pad);
        }
    }
    const struct cpu_amx_runs a = {runs, count, plan->spread ? plan->run : plan->step,
                                   plan->run / 2};
    multiply(block, &a, tiles, block->output + y * plan->out_width * plan->out_channels);
}

// The biases of a column, in `memory`.
static const float *biases_of(const struct amx_forward *plan, const float *bias, float *memory) {
    for (size_t pixel = 0; bias != NULL && pixel < plan->pixels; pixel++) {
        memcpy(memory + pixel * plan->out_channels, bias, plan->out_channels * sizeof *bias);
    }
    return bias != NULL ? memory : NULL;
}

void amx_forward_rows(const struct amx_forward *plan, const uint16_t *tiles, const float *bias,
                      const uint16_t *input, uint16_t *output, size_t first, size_t end,
                      void *workspace) {
    const struct convolution_shape *shape = &plan->problem.shape;
    const bool forward = !plan->to_input;
    float *sums = workspace;
    char *copies = (char *)workspace + 2 * SUMS * sizeof(float);
    float *biases = (float *)(void *)(copies + copy_bytes(plan));
    const struct epilogue epilogue = {biases_of(plan, bias, biases), forward && shape->sum,
                                      forward && shape->relu};
    struct pending pending = {.plan = plan, .memory = {sums, sums + SUMS}};
    plan->functions->begin();
    for (size_t x = 0; x < plan->columns; x += plan->block) {
        struct block block = {.plan = plan,
                              .tiles = tiles,
                              .epilogue = epilogue,
                              .input = input,
                              .output = output + x * column_of(plan),
                              .pending = &pending,
                              .copy = (uint16_t *)(void *)copies,
                              .first = x,
                              .lies = !plan->spread && x >= plan->inside &&
                                      x + plan->block <= plan->outside};
        for (size_t y = first; y < end; y++) {
            make_columns(&block, y);
        }
    }
    store_pending(&pending);
    plan->functions->end();
}

// Blocks of output columns, each from its first row to its last: what a block reads of a window's
// rows stays in the first-level cache. Blocks at the image's left and right edge are copied always,
// since they need zeros beyond.
#include "ops/convolution/cpu/runs/runs.h"

#include "core/numbers/size.h"
#include "ops/convolution/cpu/repeated.h"

#include <string.h>

#define PANEL ((size_t)CPU_BF16_PANEL)
#define MAX_WINDOW ((size_t)16)
#define LINE ((size_t)32) // numbers of 64 bytes

// ---- planning

// Output numbers of a column.
static size_t column_of(const struct run_plan *plan) {
    return plan->pixels * plan->out_channels;
}

bool runs_suit(const struct convolution_problem *problem) {
    const struct convolution_shape *shape = &problem->shape;
    const bool to_input = problem->pass == CONVOLUTION_DATA_GRADIENT;
    return (problem->pass == CONVOLUTION_FORWARD ||
            (to_input && shape->stride == 1 && shape->pad < shape->window)) &&
           problem->precision == PRECISION_BF16 && shape->groups == 1 &&
           shape->window <= MAX_WINDOW;
}

// The columns from plan->inside on, before plan->outside, read nothing beyond the row.
static void plan_spread(struct run_plan *plan) {
    const size_t numbers = plan->width * plan->channels;
    const size_t before = plan->left < 0 ? (size_t)-plan->left * plan->channels : 0;
    const size_t after = plan->left > 0 ? (size_t)plan->left * plan->channels : 0;
    const size_t whole = numbers + before < plan->run + after
                             ? 0
                             : (numbers + before - plan->run - after) / plan->step + 1;
    plan->outside = size_min(whole, plan->columns);
    plan->inside = size_min((before + plan->step - 1) / plan->step, plan->outside);
    plan->spread = plan->functions->aligned &&
                   (plan->step % LINE != 0 || (before + after) % LINE != 0 || numbers % LINE != 0);
    plan->unit = plan->panels > 1 ? plan->functions->several : plan->functions->one;
}

// Steps, and what follows from them; `apart`: pixels from one that is written to the next.
static void finish_plan(struct run_plan *plan, size_t apart) {
    const size_t pixels = plan->window + (plan->pixels - 1) * plan->stride;
    plan->columns = plan->out_width / apart / plan->pixels;
    plan->out_step = plan->pixels * apart * plan->out_channels;
    plan->out_row = apart * plan->out_width * plan->out_channels;
    plan->step = plan->pixels * plan->stride * plan->channels;
    plan->run = size_round_up(pixels * plan->channels, plan->functions->depth);
    plan->panels = size_round_up(column_of(plan), PANEL) / PANEL;
    plan_spread(plan);
}

static struct run_plan begin_plan(const struct convolution_problem *problem,
                                  const struct run_functions *functions) {
    const struct convolution_shape *shape = &problem->shape;
    const bool to_input = problem->pass == CONVOLUTION_DATA_GRADIENT;
    const ptrdiff_t pad = (ptrdiff_t)(to_input ? shape->window - 1 - shape->pad : shape->pad);
    return (struct run_plan){
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
        .top = -pad,
        .left = -pad,
        .pixels = 1,
    };
}

struct run_plan runs_plan(const struct convolution_problem *problem,
                          const struct run_functions *functions) {
    struct run_plan plan = begin_plan(problem, functions);
    if (2 * plan.out_channels <= PANEL && plan.out_width % 2 == 0) {
        plan.pixels = 2;
    }
    finish_plan(&plan, 1);
    return plan;
}

struct run_plan runs_plan_phase(const struct convolution_problem *problem,
                                const struct run_functions *functions, size_t phase) {
    struct run_plan plan = begin_plan(problem, functions);
    plan.window = plan.stride = REPEATED;
    plan.top = -repeated_pad(phase / REPEATED);
    plan.left = -repeated_pad(phase % REPEATED);
    plan.first = repeated_first(&problem->shape, phase);
    finish_plan(&plan, REPEATED);
    return plan;
}

size_t runs_weights(const struct run_plan *plan) {
    return plan->panels * plan->window * plan->run * PANEL;
}

// Numbers of a block's copy of an input row.
static size_t copied_row(const struct run_plan *plan) {
    return plan->spread ? plan->unit * plan->run : (plan->unit - 1) * plan->step + plan->run;
}

static size_t copy_bytes(const struct run_plan *plan) {
    return workspace_part(plan->window * copied_row(plan) * sizeof(uint16_t));
}

size_t runs_workspace(const struct run_plan *plan) {
    return plan->functions->memory + copy_bytes(plan) +
           workspace_part(column_of(plan) * sizeof(float));
}

// ---- weights

// Where the weight lies that output number `output` of a column has for number `k` of window row
// `y`; -1: it is 0.
static ptrdiff_t weight_at(const struct run_plan *plan, size_t y, size_t k, size_t output) {
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

void runs_pack(const struct run_plan *plan, const float *weights, uint16_t *packed) {
    for (size_t panel = 0; panel < plan->panels; panel++) {
        for (size_t y = 0; y < plan->window; y++) {
            for (size_t pair = 0; pair < plan->run; pair += 2) {
                float numbers[2 * PANEL];
                for (size_t i = 0; i < 2 * PANEL; i++) {
                    const ptrdiff_t at = weight_at(plan, y, pair + i % 2, panel * PANEL + i / 2);
                    numbers[i] = at < 0 ? 0 : weights[at];
                }
                cpu_bf16_round(numbers, 2 * PANEL, packed);
                packed += 2 * PANEL;
            }
        }
    }
}

// ---- columns

// The first number of an input row that column `x` reads, where it may begin before the row.
static ptrdiff_t first_read(const struct run_plan *plan, size_t x) {
    return (ptrdiff_t)(x * plan->step) + plan->left * (ptrdiff_t)plan->channels;
}

// Copies `count` numbers of an input row from the first one that column `x` reads, with zeros
// beyond the row.
static void copy(const struct run_plan *plan, const uint16_t *row, size_t x, size_t count,
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
static void spread_columns(const struct run_plan *plan, const uint16_t *row, size_t x, size_t count,
                           uint16_t *to) {
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

// ---- blocks

// A block of columns of an image, and the next of the image's rows to be copied.
struct block {
    const struct run_plan *plan;
    const uint16_t *packed;
    struct epilogue epilogue;
    const uint16_t *input;
    uint16_t *output; // of the block's first column in the first row
    void *memory;     // of the functions
    uint16_t *copy;   // memory for what does not lie there: some rows
    size_t first, columns;
    bool lies; // what it reads is multiplied where it lies
    size_t next;
};

// Whole units of columns that read nothing beyond the row lie there; others are copied.
static void begin_block(struct block *block) {
    const struct run_plan *plan = block->plan;
    const size_t first = block->first;
    const bool inside = !plan->spread && first >= plan->inside && first < plan->outside;
    const size_t units = inside ? (plan->outside - first) / plan->unit : 0;
    block->lies = units > 0;
    block->columns = units > 0 ? size_min(units, plan->functions->together) * plan->unit
                               : size_min(plan->columns - first, plan->unit);
    block->next = 0;
}

// What the block reads of an input row.
static const uint16_t *block_row(struct block *block, size_t y) {
    const struct run_plan *plan = block->plan;
    const uint16_t *row = block->input + y * plan->width * plan->channels;
    if (block->lies) {
        return row + first_read(plan, block->first);
    }
    uint16_t *to = block->copy + y % plan->window * copied_row(plan);
    if (y >= block->next && plan->spread) {
        spread_columns(plan, row, block->first, plan->unit, to);
    } else if (y >= block->next) {
        copy(plan, row, block->first, copied_row(plan), to);
    }
    block->next = y >= block->next ? y + 1 : block->next;
    return to;
}

// Multiplies the columns by the weights of all panels; `packed`: of the first window row there is.
static void multiply(const struct block *block, const struct cpu_bf16_runs *a,
                     const uint16_t *packed, uint16_t *to) {
    const struct run_plan *plan = block->plan;
    const size_t panel_step = plan->window * plan->run * PANEL;
    const size_t numbers = column_of(plan);
    const float *bias = block->epilogue.bias;
    for (size_t panel = 0; panel < plan->panels; panel += plan->functions->panels) {
        const size_t panels = size_min(plan->panels - panel, plan->functions->panels);
        struct run_product product = {.a = *a,
                                      .b = {packed + panel * panel_step, panel_step},
                                      .unit = plan->unit,
                                      .panels = panels,
                                      .begins = panel == 0 && a->count > 0,
                                      .columns = block->columns,
                                      .to = to + panel * PANEL,
                                      .step = plan->out_step,
                                      .count = size_min(numbers - panel * PANEL, panels * PANEL),
                                      .epilogue = block->epilogue};
        product.epilogue.bias = bias != NULL ? bias + panel * PANEL : NULL;
        plan->functions->multiply(&product, block->memory);
    }
}

// A row's columns of the block.
static void make_columns(struct block *block, size_t y) {
    const struct run_plan *plan = block->plan;
    const uint16_t *runs[MAX_WINDOW];
    const uint16_t *packed = block->packed;
    size_t count = 0; // of window rows inside
    for (size_t i = 0; i < plan->window; i++) {
        const ptrdiff_t at = (ptrdiff_t)(y * plan->stride + i) + plan->top;
        if (at >= 0 && at < (ptrdiff_t)plan->height) {
            packed = count == 0 ? block->packed + i * plan->run * PANEL : packed;
            runs[count++] = block_row(block, (size_t)at);
        }
    }
    const struct cpu_bf16_runs a = {runs, count, plan->spread ? plan->run : plan->step,
                                    plan->run / 2};
    multiply(block, &a, packed, block->output + y * plan->out_row);
}

// The biases of a column, in `memory`.
static const float *biases_of(const struct run_plan *plan, const float *bias, float *memory) {
    for (size_t pixel = 0; bias != NULL && pixel < plan->pixels; pixel++) {
        memcpy(memory + pixel * plan->out_channels, bias, plan->out_channels * sizeof *bias);
    }
    return bias != NULL ? memory : NULL;
}

void runs_convolve(const struct run_plan *plan, const uint16_t *packed, const float *bias,
                   const uint16_t *input, uint16_t *output, size_t first, size_t end,
                   void *workspace) {
    const struct convolution_shape *shape = &plan->problem.shape;
    const bool forward = !plan->to_input;
    char *copies = (char *)workspace + plan->functions->memory;
    float *biases = (float *)(void *)(copies + copy_bytes(plan));
    const struct epilogue epilogue = {biases_of(plan, bias, biases), forward && shape->sum,
                                      forward && shape->relu};
    plan->functions->begin(workspace);
    struct block block = {.plan = plan,
                          .packed = packed,
                          .epilogue = epilogue,
                          .input = input,
                          .memory = workspace,
                          .copy = (uint16_t *)(void *)copies};
    while (block.first < plan->columns) {
        begin_block(&block);
        block.output = output + plan->first + block.first * plan->out_step;
        for (size_t y = first; y < end; y++) {
            make_columns(&block, y);
        }
        block.first += block.columns;
    }
    plan->functions->end(workspace);
}

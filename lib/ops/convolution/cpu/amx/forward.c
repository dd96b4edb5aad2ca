// Blocks of output columns: products with a window's rows where they lie; at the image's edges with
// copies, which have zeros beyond.
#include "ops/convolution/cpu/amx/forward.h"

#include <string.h>

#define DEPTH ((size_t)32)                 // numbers of A's row in a tile
#define TILE (AMX_SIDE * DEPTH)            // numbers of B's tile
#define BLOCK ((size_t)4)                  // tiles of rows by one panel; half of them by two
#define SUMS (BLOCK * AMX_SIDE * AMX_SIDE) // of a block

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
           problem->precision == PRECISION_BF16 && shape->groups == 1;
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
    plan->edge_row = rounded((AMX_SIDE - 1) * plan->step + plan->run, DEPTH);
    return true;
}

size_t amx_forward_weights(const struct amx_forward *plan) {
    return plan->panels * plan->window * plan->run * AMX_SIDE;
}

static size_t edge_bytes(const struct amx_forward *plan) {
    return workspace_part(plan->window * plan->edge_row * sizeof(uint16_t));
}

size_t amx_forward_workspace(const struct amx_forward *plan) {
    return SUMS * sizeof(float) + edge_bytes(plan) +
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

// ---- an output row

struct row {
    const struct amx_forward *plan;
    const uint16_t *tiles; // of the first window row that lies inside
    struct epilogue epilogue;
    const uint16_t *input; // the row that the first one reads
    size_t runs;           // window rows inside
    uint16_t *output;
    float *sums;
    uint16_t *edge;
};

// The first number of an input row that column `x` reads, where it may begin before the row.
static ptrdiff_t first_read(const struct amx_forward *plan, size_t x) {
    return (ptrdiff_t)(x * plan->step) - (ptrdiff_t)(plan->pad * plan->channels);
}

// Whether all that so many columns read lies in the row.
static bool inside(const struct amx_forward *plan, size_t x, size_t columns) {
    const ptrdiff_t first = first_read(plan, x);
    const size_t end = (columns - 1) * plan->step + plan->run;
    return x + columns <= plan->columns && first >= 0 &&
           (size_t)first + end <= plan->width * plan->channels;
}

// Copies what a tile's columns read, zeros beyond the row.
static struct cpu_amx_runs copy_edge(const struct row *row, size_t x) {
    const struct amx_forward *plan = row->plan;
    const ptrdiff_t numbers = (ptrdiff_t)(plan->width * plan->channels);
    const ptrdiff_t first = first_read(plan, x);
    const ptrdiff_t end = first + (ptrdiff_t)plan->edge_row;
    const ptrdiff_t from = first < 0 ? 0 : first;
    const ptrdiff_t to = end < numbers ? end : numbers;
    memset(row->edge, 0, row->runs * plan->edge_row * sizeof *row->edge);
    for (size_t run = 0; from < to && run < row->runs; run++) {
        memcpy(row->edge + run * plan->edge_row + (from - first),
               row->input + (size_t)(from + (ptrdiff_t)run * numbers),
               (size_t)(to - from) * sizeof *row->edge);
    }
    return (struct cpu_amx_runs){row->edge, plan->step, plan->edge_row, row->runs, plan->run / 2};
}

static struct cpu_amx_runs whole_block(const struct row *row, size_t x) {
    const struct amx_forward *plan = row->plan;
    return (struct cpu_amx_runs){row->input + first_read(plan, x), plan->step,
                                 plan->width * plan->channels, row->runs, plan->run / 2};
}

// Multiplies the columns of a block, whose tiles are read at `a`, and stores `count` of them.
static void make_block(const struct row *row, size_t x, size_t tiles, size_t count,
                       const struct cpu_amx_runs *a) {
    const struct amx_forward *plan = row->plan;
    const size_t panel_step = plan->window * plan->run * AMX_SIDE;
    const size_t column = column_of(plan);
    for (size_t panel = 0; panel < plan->panels;) {
        const size_t panels = plan->panels - panel > 1 && tiles <= BLOCK / 2 ? 2 : 1;
        const size_t numbers = column - panel * AMX_SIDE;
        plan->functions->runs(tiles, panels, a,
                              (struct cpu_bf16_b){row->tiles + panel * panel_step, panel_step},
                              row->sums, panels * AMX_SIDE);
        const struct amx_sums sums = {.of = row->sums,
                                      .leading = panels * AMX_SIDE,
                                      .rows = count,
                                      .count =
                                          numbers < panels * AMX_SIDE ? numbers : panels * AMX_SIDE,
                                      .to = row->output + x * column + panel * AMX_SIDE,
                                      .step = column};
        struct epilogue epilogue = row->epilogue;
        epilogue.bias = epilogue.bias != NULL ? epilogue.bias + panel * AMX_SIDE : NULL;
        plan->functions->store(&sums, epilogue);
        panel += panels;
    }
}

// Whole blocks where they lie inside; tiles elsewhere.
static void make_row(const struct row *row) {
    const struct amx_forward *plan = row->plan;
    const size_t block = plan->panels > 1 ? BLOCK / 2 : BLOCK;
    for (size_t x = 0; x < plan->columns;) {
        const size_t tiles = inside(plan, x, block * AMX_SIDE) ? block : 1;
        const size_t left = plan->columns - x;
        const size_t count = left < tiles * AMX_SIDE ? left : tiles * AMX_SIDE;
        const struct cpu_amx_runs a =
            inside(plan, x, tiles * AMX_SIDE) ? whole_block(row, x) : copy_edge(row, x);
        make_block(row, x, tiles, count, &a);
        x += count;
    }
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
    char *edge = (char *)workspace + SUMS * sizeof(float);
    float *biases = (float *)(void *)(edge + edge_bytes(plan));
    const struct epilogue epilogue = {biases_of(plan, bias, biases), forward && shape->sum,
                                      forward && shape->relu};
    plan->functions->begin();
    for (size_t y = first; y < end; y++) {
        const ptrdiff_t top = (ptrdiff_t)(y * plan->stride) - (ptrdiff_t)plan->pad;
        const ptrdiff_t below = (ptrdiff_t)plan->height - top;
        const ptrdiff_t window = (ptrdiff_t)plan->window;
        const ptrdiff_t from = top < 0 ? -top : 0;
        const ptrdiff_t to = below < window ? below : window;
        const size_t skipped = from < to ? (size_t)from : 0;
        const size_t input_row = from < to ? (size_t)(top + from) : 0;
        const struct row row = {.plan = plan,
                                .tiles = tiles + skipped * plan->run * AMX_SIDE,
                                .epilogue = epilogue,
                                .input = input + input_row * plan->width * plan->channels,
                                .runs = from < to ? (size_t)(to - from) : 0,
                                .output = output + y * plan->out_width * plan->out_channels,
                                .sums = workspace,
                                .edge = (uint16_t *)(void *)edge};
        make_row(&row);
    }
    plan->functions->end();
}

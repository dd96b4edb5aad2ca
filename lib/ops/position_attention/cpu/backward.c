// The backward pass. The tile of scores that gives P_ij = exp(s_ij - L_i) gives P_ji = exp(s_ij -
// L_j), too. With g_ij of formula.h, dq_i = sum_j g_ij q_j and dv_i = sum_j P_ji dY_j.
#include "backend/cpu/cpu.h"
#include "ops/position_attention/cpu/pair_schedule.h"
#include "ops/position_attention/cpu/passes.h"
#include "ops/position_attention/cpu/weights.h"

#include <string.h>

#define BLOCK POSITION_BLOCK

// One image, and what is accumulated of it.
struct backward_image {
    const struct call *call;
    const struct position_plan *plan;
    size_t image;
    struct position_operand q, v, dy;
    float *logs, *d; // L and D, of whole blocks
    float *dq, *dv;
};

// Scores are of q, of v and of dY, sums over pixels of q and of dY.
struct forms {
    struct position_form q, v, dy;
};

static struct forms forms_of(const struct position_plan *plan) {
    return (struct forms){.q = position_image_form(plan, plan->keys, POSITION_BOTH_PANELS),
                          .v = position_image_form(plan, plan->channels, POSITION_PIXEL_PANELS),
                          .dy = position_image_form(plan, plan->channels, POSITION_BOTH_PANELS)};
}

size_t position_backward_bytes(const struct position_plan *plan) {
    const struct forms forms = forms_of(plan);
    const size_t floats = position_accumulator_floats(plan, plan->keys) +
                          position_accumulator_floats(plan, plan->channels) +
                          2 * plan->blocks * BLOCK;
    return position_operand_bytes(&forms.q) + position_operand_bytes(&forms.v) +
           position_operand_bytes(&forms.dy) + floats * sizeof(float);
}

static struct backward_image backward_image_of(const struct call *call, size_t image) {
    const struct position_plan *plan = call->state;
    const size_t channels = plan->channels;
    const struct forms forms = forms_of(plan);
    char *q = (char *)call->scratch + position_workspace_bytes(plan);
    char *v = q + position_operand_bytes(&forms.q);
    char *dy = v + position_operand_bytes(&forms.v);
    float *dq = (float *)(void *)(dy + position_operand_bytes(&forms.dy));
    float *dv = dq + position_accumulator_floats(plan, plan->keys);
    float *logs = dv + position_accumulator_floats(plan, channels);
    return (struct backward_image){
        .call = call,
        .plan = plan,
        .image = image,
        .q = position_image_operand(plan, &forms.q, call->in[0], image, q),
        .v = position_image_operand(plan, &forms.v, call->in[1], image, v),
        .dy = position_image_operand(plan, &forms.dy, call->out_gradient, image, dy),
        .logs = logs,
        .d = logs + plan->blocks * BLOCK,
        .dq = dq,
        .dv = dv};
}

static struct position_sums sums_from(const struct backward_image *image, size_t pixel) {
    return (struct position_sums){image->logs + pixel, image->d + pixel};
}

// Adds the products of a tile's gradients and weights in float32 to the blocks' sums.
static void add_products(const struct backward_image *image, const struct position_tile *tile,
                         const struct position_workspace *workspace) {
    const size_t keys = position_accumulator_width(image->plan->keys);
    const size_t channels = position_accumulator_width(image->plan->channels);
    float *gradients = workspace->tiles[0];
    float *probabilities = workspace->tiles[1];
    float *transposed = workspace->tiles[2]; // probabilities of the other block's rows
    position_tile_gradients(tile, gradients, probabilities, transposed, sums_from(image, tile->row),
                            sums_from(image, tile->column));
    position_tile_product(tile, gradients, &image->q, image->dq + tile->row * keys);
    position_tile_product(tile, transposed, &image->dy, image->dv + tile->row * channels);
    if (tile->row != tile->column) {
        position_tile_transposed_product(tile, gradients, &image->q,
                                         image->dq + tile->column * keys);
        position_tile_transposed_product(tile, probabilities, &image->dy,
                                         image->dv + tile->column * channels);
    }
}

// The same of those in bf16; false: they cannot be made, and nothing is added.
static bool add_bf16_products(const struct backward_image *image, const struct position_tile *tile,
                              const struct position_workspace *workspace) {
    const size_t keys = position_accumulator_width(image->plan->keys);
    const size_t channels = position_accumulator_width(image->plan->channels);
    const struct position_bf16_gradients made = {workspace->bf16[0], workspace->bf16[1],
                                                 workspace->bf16[2], workspace->bf16[3]};
    if (!image->plan->bf16_functions->gradients(tile, workspace->tiles[0], workspace->tiles[1],
                                                workspace->tiles[2], sums_from(image, tile->row),
                                                sums_from(image, tile->column), &made)) {
        return false;
    }
    position_tile_bf16_product(tile, made.rows, BLOCK, &image->q, image->dq + tile->row * keys);
    position_tile_bf16_product(tile, made.transposed_weight_rows, BLOCK, &image->dy,
                               image->dv + tile->row * channels);
    if (tile->row != tile->column) {
        position_tile_bf16_transposed_product(tile, made.pairs, BLOCK, &image->q,
                                              image->dq + tile->column * keys);
        position_tile_bf16_transposed_product(tile, made.weight_pairs, BLOCK, &image->dy,
                                              image->dv + tile->column * channels);
    }
    return true;
}

// Adds to each block's sums what it has with the other, which may be itself.
static void add_pair(const void *context, size_t block, size_t other, int thread) {
    const struct backward_image *image = context;
    const struct position_workspace workspace = position_workspace_of(image->call, thread);
    const struct position_tile tile = position_tile_of(image->plan, block, other, &workspace);
    position_tile_scores(&tile, &image->q, &image->q, workspace.tiles[0]);
    position_tile_scores(&tile, &image->dy, &image->v, workspace.tiles[1]);
    position_tile_scores(&tile, &image->v, &image->dy, workspace.tiles[2]);
    if (image->plan->bf16_functions == NULL || !add_bf16_products(image, &tile, &workspace)) {
        add_products(image, &tile, &workspace);
    }
}

// L and D of a block's pixels.
static void begin_sums(const struct backward_image *image, const struct position_tile *tile,
                       float *values) {
    const struct position_plan *plan = image->plan;
    const size_t channels = plan->channels;
    const size_t first = (image->image * plan->pixels + tile->row) * channels;
    const float *y =
        cpu_read(plan->precision, image->call->out, first, tile->rows * channels, values);
    const float *dy = cpu_read(plan->precision, image->call->out_gradient, first,
                               tile->rows * channels, values + BLOCK * channels);
    memset(image->d + tile->row, 0, BLOCK * sizeof(float));
    memset(image->logs + tile->row, 0, BLOCK * sizeof(float));
    for (size_t row = 0; row < tile->rows; row++) {
        double sum = 0;
        for (size_t c = 0; c < channels; c++) {
            sum += (double)y[row * channels + c] * dy[row * channels + c];
        }
        image->d[tile->row + row] = (float)sum;
    }
    memcpy(image->logs + tile->row,
           (const float *)image->call->saved + image->image * plan->pixels + tile->row,
           tile->rows * sizeof(float));
}

// Starts a block's D and sums with what the block has with itself.
static void begin_block(const void *context, size_t block, int thread) {
    const struct backward_image *image = context;
    const struct position_workspace workspace = position_workspace_of(image->call, thread);
    const struct position_tile tile = position_tile_of(image->plan, block, block, &workspace);
    const size_t keys = position_accumulator_width(image->plan->keys);
    const size_t channels = position_accumulator_width(image->plan->channels);
    begin_sums(image, &tile, workspace.values);
    memset(image->dq + tile.row * keys, 0, BLOCK * keys * sizeof(float));
    memset(image->dv + tile.row * channels, 0, BLOCK * channels * sizeof(float));
    add_pair(image, block, block, thread);
}

static void end_block(const void *context, size_t block, int thread) {
    const struct backward_image *image = context;
    const struct position_plan *plan = image->plan;
    const struct call *call = image->call;
    const struct position_workspace workspace = position_workspace_of(call, thread);
    if (call->in_gradient[0] != NULL) {
        position_store_block(plan, image->dq, image->image, block, plan->keys, call->add[0],
                             call->in_gradient[0], workspace.values);
    }
    if (call->in_gradient[1] != NULL) {
        position_store_block(plan, image->dv, image->image, block, plan->channels, call->add[1],
                             call->in_gradient[1], workspace.values);
    }
}

void position_backward(const struct call *call) {
    const struct position_plan *plan = call->state;
    for (size_t i = 0; i < plan->images; i++) {
        const struct backward_image image = backward_image_of(call, i);
        const struct position_pair_schedule schedule = {plan->blocks, plan->threads, &image,
                                                        begin_block,  add_pair,      end_block};
        position_pair_schedule_run(&schedule);
    }
}

// The forward pass: a running softmax (Milakov and Gimelshein 2018, arXiv 1805.02867; Dao et al.
// 2022, arXiv 2205.14135) of rows and, at the same time, of columns: scores are symmetric. Saves
// L_i = log sum_j exp(s_ij).
#include "core/numbers/exponential.h"
#include "core/simd.h"
#include "ops/position_attention/cpu/bf16_tile.h"
#include "ops/position_attention/cpu/pair_schedule.h"
#include "ops/position_attention/cpu/passes.h"
#include "ops/position_attention/cpu/units/unit_forward.h"
#include "ops/position_attention/cpu/weights.h"

#include <math.h>
#include <string.h>

#define BLOCK POSITION_BLOCK

// One image, and what is accumulated of it.
struct forward_image {
    const struct call *call;
    const struct position_plan *plan;
    size_t image;
    struct position_operand q, v;
    float *y;             // sums of weights times v
    float *maximum, *sum; // of each pixel's scores, and of its weights
    float *logs;          // L
};

// Scores are of q, sums over pixels of v.
struct forms {
    struct position_form q, v;
};

static struct forms forms_of(const struct position_plan *plan) {
    return (struct forms){.q = position_image_form(plan, plan->keys, POSITION_PIXEL_PANELS),
                          .v = position_image_form(plan, plan->channels, POSITION_CHANNEL_PANELS)};
}

size_t position_forward_bytes(const struct position_plan *plan) {
    if (plan->units != NULL) {
        return position_unit_bytes(plan->pixels, plan->keys, plan->channels, plan->threads);
    }
    const struct forms forms = forms_of(plan);
    const size_t floats =
        position_accumulator_floats(plan, plan->channels) + 2 * plan->blocks * BLOCK;
    return position_operand_bytes(&forms.q) + position_operand_bytes(&forms.v) +
           floats * sizeof(float);
}

static struct forward_image forward_image_of(const struct call *call, size_t image) {
    const struct position_plan *plan = call->state;
    const struct forms forms = forms_of(plan);
    char *q = (char *)call->scratch + position_workspace_bytes(plan);
    char *v = q + position_operand_bytes(&forms.q);
    float *y = (float *)(void *)(v + position_operand_bytes(&forms.v));
    float *maximum = y + position_accumulator_floats(plan, plan->channels);
    return (struct forward_image){
        .call = call,
        .plan = plan,
        .image = image,
        .q = position_image_operand(plan, &forms.q, call->in[0], image, q),
        .v = position_image_operand(plan, &forms.v, call->in[1], image, v),
        .y = y,
        .maximum = maximum,
        .sum = maximum + plan->blocks * BLOCK,
        .logs = (float *)call->saved + image * plan->pixels};
}

// The greatest score of each row of a tile and of each column.
VECTORISED static void find_maxima(const struct position_tile *tile, const float *scores,
                                   float *of_rows, float *of_columns) {
    for (size_t i = 0; i < tile->columns; i++) {
        of_columns[i] = -INFINITY;
    }
    for (size_t row = 0; row < tile->rows; row++) {
        float maximum = -INFINITY;
#pragma omp simd reduction(max : maximum)
        for (size_t i = 0; i < tile->columns; i++) {
            const float score = scores[row * POSITION_STRIDE + i];
            maximum = score > maximum ? score : maximum;
            of_columns[i] = score > of_columns[i] ? score : of_columns[i];
        }
        of_rows[row] = maximum;
    }
}

// How far above the greatest score a maximum is set.
static float margin(const struct forward_image *image) {
    return image->plan->bf16_functions != NULL ? POSITION_MARGIN : 0;
}

// Multiplies a pixel's sums.
VECTORISED static void scale_by(const struct forward_image *image, size_t pixel, float factor) {
    const size_t channels = image->plan->channels;
    const size_t leading = position_accumulator_width(channels);
    float *y = image->y + pixel / BLOCK * BLOCK * leading;
    for (size_t panel = 0; panel < leading / POSITION_PANEL; panel++) {
        float *numbers =
            y + position_accumulator_at(image->plan->bf16, channels, pixel % BLOCK, panel);
        for (size_t i = 0; i < POSITION_PANEL; i++) {
            numbers[i] *= factor;
        }
    }
}

// Raises the maximum of a pixel's scores, to which its sums are scaled.
static void raise_maximum(const struct forward_image *image, size_t pixel, float greatest) {
    const float before = image->maximum[pixel];
    if (greatest > before) {
        const float maximum = greatest + margin(image);
        const float factor = before - maximum < SOFTMAX_MIN ? 0 : expf(before - maximum);
        image->maximum[pixel] = maximum;
        image->sum[pixel] *= factor;
        scale_by(image, pixel, factor);
    }
}

static void raise_maxima(const struct forward_image *image, const struct position_tile *tile,
                         const float *scores) {
    float of_rows[BLOCK];
    float of_columns[BLOCK];
    find_maxima(tile, scores, of_rows, of_columns);
    for (size_t i = 0; i < tile->columns; i++) {
        raise_maximum(image, tile->column + i, of_columns[i]);
    }
    for (size_t i = 0; i < tile->rows; i++) {
        raise_maximum(image, tile->row + i, of_rows[i]);
    }
}

static struct position_softmax softmax_from(const struct forward_image *image, size_t pixel) {
    return (struct position_softmax){image->maximum + pixel, image->sum + pixel};
}

// Starts a block's sums with the block's scores against itself.
static void begin_block(const void *context, size_t block, int thread) {
    const struct forward_image *image = context;
    const struct position_workspace workspace = position_workspace_of(image->call, thread);
    const struct position_tile tile = position_tile_of(image->plan, block, block, &workspace);
    const size_t leading = position_accumulator_width(image->plan->channels);
    float *y = image->y + tile.row * leading;
    float *scores = workspace.tiles[0];
    float of_columns[BLOCK];
    memset(y, 0, BLOCK * leading * sizeof *y);
    position_tile_scores(&tile, &image->q, &image->q, scores);
    memset(image->sum + tile.row, 0, BLOCK * sizeof *image->sum);
    find_maxima(&tile, scores, image->maximum + tile.row, of_columns);
    for (size_t row = 0; row < BLOCK; row++) {
        float *maximum = image->maximum + tile.row + row;
        *maximum = row < tile.rows ? *maximum + margin(image) : 0;
    }
    position_tile_weights(&tile, scores, softmax_from(image, tile.row));
    position_tile_product(&tile, scores, &image->v, y);
}

// Adds what a tile's rows and columns have with each other, weighed in float32.
static void add_weights(const struct forward_image *image, const struct position_tile *tile,
                        const struct position_workspace *workspace) {
    const size_t leading = position_accumulator_width(image->plan->channels);
    float *scores = workspace->tiles[0];
    float *transposed = workspace->tiles[1]; // exponentials of the other block's rows
    position_tile_both_weights(tile, scores, transposed, softmax_from(image, tile->row),
                               softmax_from(image, tile->column));
    position_tile_product(tile, scores, &image->v, image->y + tile->row * leading);
    position_tile_transposed_product(tile, transposed, &image->v,
                                     image->y + tile->column * leading);
}

// The same, weighed in bf16; false: it cannot be, and nothing is added.
static bool add_bf16_weights(const struct forward_image *image, const struct position_tile *tile,
                             const struct position_workspace *workspace) {
    const size_t leading = position_accumulator_width(image->plan->channels);
    uint16_t *const *weights = workspace->bf16;
    const bool made = image->plan->bf16_functions->weights(
        tile, workspace->tiles[0], softmax_from(image, tile->row),
        softmax_from(image, tile->column), weights[0], weights[1]);
    if (made) {
        position_tile_bf16_product(tile, weights[0], BLOCK, &image->v,
                                   image->y + tile->row * leading);
        position_tile_bf16_transposed_product(tile, weights[1], BLOCK, &image->v,
                                              image->y + tile->column * leading);
    }
    return made;
}

// Adds to each block's sums what it has with the other.
static void add_pair(const void *context, size_t block, size_t other, int thread) {
    const struct forward_image *image = context;
    const bool bf16 = image->plan->bf16_functions != NULL;
    const struct position_workspace workspace = position_workspace_of(image->call, thread);
    const struct position_tile tile = position_tile_of(image->plan, block, other, &workspace);
    position_tile_scores(&tile, &image->q, &image->q, workspace.tiles[0]);
    if (bf16 && add_bf16_weights(image, &tile, &workspace)) {
        return;
    }
    raise_maxima(image, &tile, workspace.tiles[0]);
    if (!bf16 || !add_bf16_weights(image, &tile, &workspace)) {
        add_weights(image, &tile, &workspace);
    }
}

// Divides a block's sums, and stores them and L.
static void end_block(const void *context, size_t block, int thread) {
    const struct forward_image *image = context;
    const struct position_workspace workspace = position_workspace_of(image->call, thread);
    const struct position_tile tile = position_tile_of(image->plan, block, block, &workspace);
    for (size_t pixel = tile.row; pixel < tile.row + tile.rows; pixel++) {
        scale_by(image, pixel, 1.0F / image->sum[pixel]);
        image->logs[pixel] = image->maximum[pixel] + logf(image->sum[pixel]);
    }
    position_store_block(image->plan, image->y, image->image, block, image->plan->channels, false,
                         image->call->out, workspace.values);
}

static void forward_by_units(const struct call *call, size_t image) {
    const struct position_plan *plan = call->state;
    const size_t first = image * plan->pixels;
    const struct position_unit_image one = {.pixels = plan->pixels,
                                            .keys = plan->keys,
                                            .channels = plan->channels,
                                            .threads = plan->threads,
                                            .q = (const uint16_t *)call->in[0] + first * plan->keys,
                                            .v = (const uint16_t *)call->in[1] +
                                                 first * plan->channels,
                                            .y = (uint16_t *)call->out + first * plan->channels,
                                            .logs = (float *)call->saved + first};
    position_unit_forward(plan->units, &one, call->scratch);
}

void position_forward(const struct call *call) {
    const struct position_plan *plan = call->state;
    for (size_t i = 0; plan->units != NULL && i < plan->images; i++) {
        forward_by_units(call, i);
    }
    for (size_t i = 0; plan->units == NULL && i < plan->images; i++) {
        const struct forward_image image = forward_image_of(call, i);
        const struct position_pair_schedule schedule = {plan->blocks, plan->threads, &image,
                                                        begin_block,  add_pair,      end_block};
        position_pair_schedule_run(&schedule);
    }
}

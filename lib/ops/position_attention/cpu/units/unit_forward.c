// A running softmax (Dao et al. 2022, arXiv 2205.14135) of columns of pixels: with scores as S^T =
// Q Q^T their weights are the second factor of Y^T = V^T P^T as they are made. A row of ones below
// V^T sums them, as they were rounded.
#include "ops/position_attention/cpu/units/unit_forward.h"

#include "backend/cpu/products/bf16.h"
#include "core/numbers/size.h"
#include "core/simd.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#define LANES UNIT_LANES
#define COLUMNS UNIT_COLUMNS
#define BLOCK ((size_t)128)     // pixels that others have scores with, at once: of wide values,
#define NARROW ((size_t)64)     // and of narrow ones, so that a step stays in the first-level cache
#define CHUNK ((size_t)512)     // pixels whose sums a thread keeps, at most: whole MIN_CHUNK
#define MIN_CHUNK (2 * COLUMNS) // no two steps in a row are of the same pixels
#define SHARE 4                 // chunks a thread, at least
#define DEPTH ((size_t)32)      // numbers that matrix units sum at once
#define ONE ((uint16_t)0x3F80)  // in bf16

// A maximum is raised when a score is by so much above it: sums have room for weights above 1, and
// weights for such below it.
#define SLACK 32.0F

// V^T with its row of ones, in whole tiles.
static size_t value_rows(size_t channels) {
    return size_round_up(channels + 1, LANES);
}

static size_t block_of(size_t channels) {
    return value_rows(channels) <= NARROW ? NARROW : BLOCK;
}

static size_t chunk_of(size_t pixels, int threads) {
    const size_t share = size_round_up(pixels / (SHARE * (size_t)threads), MIN_CHUNK);
    return share < MIN_CHUNK ? MIN_CHUNK : share < CHUNK ? share : CHUNK;
}

// What all threads read: q in rows, in panels of 16 pixels, and v transposed in blocks of pixels:
// (block, row, pixel).
struct operands {
    uint16_t *rows, *panels, *values;
    size_t depth; // of q, in whole units
    size_t block; // pixels
};

// Of COLUMNS pixels: what is added to scores, how great one may be before a maximum is raised.
struct columns {
    float offsets[COLUMNS], limits[COLUMNS];
};

// What a thread works with. Two of what one step makes for the next.
struct workspace {
    float *sums;             // (COLUMNS pixels, row of V^T, pixel)
    struct columns *columns; // of the chunk
    float *scores[2];
    uint16_t *weights[2];
};

static size_t operand_bytes(size_t pixels, size_t keys, size_t channels) {
    const size_t whole = size_round_up(pixels, BLOCK);
    return whole * (2 * size_round_up(keys, DEPTH) + value_rows(channels)) * sizeof(uint16_t);
}

static size_t workspace_floats(size_t chunk, size_t channels) {
    return chunk * value_rows(channels) + 2 * chunk + 3 * BLOCK * COLUMNS;
}

size_t position_unit_bytes(size_t pixels, size_t keys, size_t channels, int threads) {
    return operand_bytes(pixels, keys, channels) +
           (size_t)threads * workspace_floats(chunk_of(pixels, threads), channels) * sizeof(float);
}

static struct operands operands_of(const struct position_unit_image *image, void *scratch) {
    const size_t depth = size_round_up(image->keys, DEPTH);
    const size_t numbers = size_round_up(image->pixels, BLOCK) * depth;
    uint16_t *rows = scratch;
    return (struct operands){rows, rows + numbers, rows + 2 * numbers, depth,
                             block_of(image->channels)};
}

static struct workspace workspace_of(const struct position_unit_image *image, size_t chunk,
                                     void *scratch) {
    const size_t floats = workspace_floats(chunk, image->channels);
    char *memory = (char *)scratch + operand_bytes(image->pixels, image->keys, image->channels);
    float *sums = (float *)(void *)memory + (size_t)omp_get_thread_num() * floats;
    float *columns = sums + chunk * value_rows(image->channels);
    float *scores = columns + 2 * chunk;
    uint16_t *weights = (uint16_t *)(void *)(scores + 2 * BLOCK * COLUMNS);
    return (struct workspace){sums,
                              (struct columns *)(void *)columns,
                              {scores, scores + BLOCK * COLUMNS},
                              {weights, weights + BLOCK * COLUMNS}};
}

// ---- packing, a block of pixels

static void pack_values(const struct position_unit_image *image, size_t block, size_t first,
                        size_t count, uint16_t *to) {
    const size_t channels = image->channels;
    const uint16_t *values = image->v + first * channels;
    memset(to, 0, value_rows(channels) * block * sizeof *to);
    for (size_t c = 0; c < channels; c++) {
        for (size_t i = 0; i < count; i++) {
            to[c * block + i] = values[i * channels + c];
        }
    }
    for (size_t i = 0; i < count; i++) {
        to[channels * block + i] = ONE;
    }
}

static void pack_block(const struct position_unit_image *image, const struct operands *operands,
                       size_t first) {
    const size_t block = operands->block;
    const size_t left = image->pixels > first ? image->pixels - first : 0;
    const size_t count = left < block ? left : block;
    const size_t depth = operands->depth;
    uint16_t *rows = operands->rows + first * depth;
    memset(rows, 0, block * depth * sizeof *rows);
    for (size_t i = 0; i < count; i++) {
        memcpy(rows + i * depth, image->q + (first + i) * image->keys, image->keys * sizeof *rows);
    }
    cpu_bf16_pack(rows, 1, depth, depth, block, operands->panels + first * depth);
    pack_values(image, block, first, count, operands->values + first * value_rows(image->channels));
}

// ---- softmax

VECTORISED static void scale_columns(float *sums, size_t rows, const float factors[COLUMNS]) {
    for (size_t row = 0; row < rows; row++) {
        for (size_t i = 0; i < COLUMNS; i++) {
            sums[row * COLUMNS + i] *= factors[i];
        }
    }
}

VECTORISED static bool any_above(const float scores[COLUMNS], const float limits[COLUMNS]) {
    int above = 0;
    for (size_t i = 0; i < COLUMNS; i++) {
        above |= scores[i] > limits[i];
    }
    return above != 0;
}

static void set_maximum(struct columns *columns, size_t i, float maximum) {
    columns->offsets[i] = unit_offset(maximum);
    columns->limits[i] = maximum + SLACK;
}

// Raises maxima where scores are far above them, and scales the sums so far.
static void raise_maxima(const float scores[COLUMNS], struct columns *columns, float *sums,
                         size_t rows) {
    float factors[COLUMNS];
    for (size_t i = 0; i < COLUMNS; i++) {
        factors[i] = 1;
        if (scores[i] > columns->limits[i]) {
            const float before = unit_maximum(columns->offsets[i]);
            set_maximum(columns, i, scores[i]);
            factors[i] = expf(before - unit_maximum(columns->offsets[i]));
        }
    }
    scale_columns(sums, rows, factors);
}

// Divides the sums of COLUMNS pixels and stores them.
static void store(const struct position_unit_image *image, size_t pixel,
                  const struct columns *columns, const float *sums, float *row) {
    const size_t channels = image->channels;
    const size_t left = image->pixels > pixel ? image->pixels - pixel : 0;
    const size_t count = left < COLUMNS ? left : COLUMNS;
    const float *totals = sums + channels * COLUMNS;
    for (size_t i = 0; i < count; i++) {
        const float factor = 1.0F / totals[i];
        for (size_t c = 0; c < channels; c++) {
            row[c] = sums[c * COLUMNS + i] * factor;
        }
        cpu_bf16_round(row, channels, image->y + (pixel + i) * channels);
        image->logs[pixel + i] = unit_maximum(columns->offsets[i]) + logf(totals[i]);
    }
}

// ---- steps: blocks, and in each the columns of a chunk

struct chunk {
    const struct unit_functions *functions;
    const struct operands *operands;
    const struct workspace *workspace;
    size_t value_rows;
    size_t first, columns; // pixel; times COLUMNS pixels
    size_t count;          // steps
};

// The part of a step that makes scores number `index`,
static void plan_scores(const struct chunk *chunk, size_t index, struct unit_step *step) {
    const size_t depth = chunk->operands->depth;
    step->rows = NULL;
    if (index < chunk->count) {
        const size_t pixel = chunk->first + index % chunk->columns * COLUMNS;
        step->rows =
            chunk->operands->rows + index / chunk->columns * chunk->operands->block * depth;
        step->panels = chunk->operands->panels + pixel * depth;
        step->depth = depth;
        step->new_scores = chunk->workspace->scores[index % 2];
    }
}

// the one that weighs them,
static void plan_weights(const struct chunk *chunk, size_t index, struct unit_step *step) {
    const struct workspace *workspace = chunk->workspace;
    const size_t at = index % chunk->columns;
    struct columns *columns = workspace->columns + at;
    step->scores = NULL;
    if (index < chunk->count) {
        float maxima[COLUMNS];
        step->scores = workspace->scores[index % 2];
        step->offsets = columns->offsets;
        step->weights = workspace->weights[index % 2];
        chunk->functions->maxima(step->scores, step->block, maxima);
        for (size_t i = 0; index < chunk->columns && i < COLUMNS; i++) {
            set_maximum(columns, i, maxima[i]);
        }
        if (any_above(maxima, columns->limits)) {
            raise_maxima(maxima, columns, workspace->sums + at * COLUMNS * chunk->value_rows,
                         chunk->value_rows);
        }
    }
}

// and the one that adds the values.
static void plan_products(const struct chunk *chunk, size_t index, struct unit_step *step) {
    const struct workspace *workspace = chunk->workspace;
    const size_t rows = chunk->value_rows;
    step->values = chunk->operands->values + index / chunk->columns * chunk->operands->block * rows;
    step->value_rows = rows;
    step->old_weights = workspace->weights[index % 2];
    step->add = index >= chunk->columns;
    step->sums = workspace->sums + index % chunk->columns * COLUMNS * rows;
}

static void attend(const struct position_unit_image *image, const struct chunk *chunk) {
    const struct workspace *workspace = chunk->workspace;
    struct unit_step step = {.block = chunk->operands->block};
    chunk->functions->begin();
    for (size_t index = 0; index < chunk->count + 2; index++) {
        plan_scores(chunk, index, &step);
        if (index >= 1) {
            plan_weights(chunk, index - 1, &step);
        }
        if (index >= 2) {
            plan_products(chunk, index - 2, &step);
        }
        chunk->functions->step(&step);
    }
    chunk->functions->end();
    for (size_t i = 0; i < chunk->columns; i++) {
        store(image, chunk->first + i * COLUMNS, workspace->columns + i,
              workspace->sums + i * COLUMNS * chunk->value_rows, workspace->scores[0]);
    }
}

void position_unit_forward(const struct unit_functions *functions,
                           const struct position_unit_image *image, void *scratch) {
    const struct operands operands = operands_of(image, scratch);
    const size_t whole = chunk_of(image->pixels, image->threads);
    const size_t blocks = size_round_up(image->pixels, BLOCK) / operands.block;
#pragma omp parallel num_threads(image->threads)
    {
        const struct workspace workspace = workspace_of(image, whole, scratch);
#pragma omp for schedule(static)
        for (size_t block = 0; block < blocks; block++) {
            pack_block(image, &operands, block * operands.block);
        }
#pragma omp for schedule(dynamic)
        for (size_t first = 0; first < image->pixels; first += whole) {
            const size_t left = size_round_up(image->pixels - first, MIN_CHUNK);
            const size_t columns = (left < whole ? left : whole) / COLUMNS;
            const struct chunk chunk = {
                functions, &operands, &workspace,      value_rows(image->channels),
                first,     columns,   blocks * columns};
            attend(image, &chunk);
        }
    }
}

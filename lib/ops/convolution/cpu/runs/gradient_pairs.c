// Rows of weights' gradients in pairs of output pixels.
#include "ops/convolution/cpu/runs/gradient.h"

#include "core/numbers/size.h"
#include "core/simd.h"

#include <string.h>

// ---- of the input

// Pairs of numbers `apart` from each other.
VECTORISED static void pair_numbers(const uint16_t *from, size_t apart, size_t count,
                                    cpu_bf16_pair *to) {
    for (size_t i = 0; i < count; i++) {
        to[i] = (uint32_t)from[i + apart] << 16 | from[i];
    }
}

// A row's number, counted from its padding's first; in the padding 0.
static uint16_t number_at(const struct run_gradient *plan, const uint16_t *row, size_t index) {
    const struct convolution_shape *shape = &plan->problem.shape;
    const size_t number = index - shape->pad * shape->channels; // before the first: far behind
    return number < shape->width * shape->channels ? row[number] : 0;
}

static void pair_at_edges(const struct run_gradient *plan, const uint16_t *row, size_t first,
                          size_t end, cpu_bf16_pair *to) {
    const size_t apart = plan->problem.shape.stride * plan->problem.shape.channels;
    for (size_t i = first; i < end; i++) {
        to[i - first] = (uint32_t)number_at(plan, row, i + apart) << 16 | number_at(plan, row, i);
    }
}

static void pair_row(const struct run_gradient *plan, const uint16_t *row, cpu_bf16_pair *to) {
    const struct convolution_shape *shape = &plan->problem.shape;
    const size_t apart = shape->stride * shape->channels;
    const size_t numbers = shape->width * shape->channels;
    const size_t first = size_min(shape->pad * shape->channels, plan->paired);
    const size_t whole = numbers > apart ? size_min(numbers - apart, plan->paired - first) : 0;
    pair_at_edges(plan, row, 0, first, to);
    pair_numbers(row, apart, whole, to + first);
    pair_at_edges(plan, row, first + whole, plan->paired, to + first + whole);
}

// What pairs of output pixels read of a row, those from `first` on and before `end`, in panels:
// (panel, pair, number).
VECTORISED static void pair_panels(const struct run_gradient *plan, const uint16_t *row,
                                   size_t first, size_t end, cpu_bf16_pair *to) {
    const struct convolution_shape *shape = &plan->problem.shape;
    const size_t apart = shape->stride * shape->channels;
    const size_t before = shape->pad * shape->channels;
    for (size_t pair = first; pair < end; pair++) {
        for (size_t i = 0; i < plan->columns; i += PANEL) {
            const uint16_t *low = row + (2 * pair * apart + i - before);
            uint32_t panel[PANEL];
            for (size_t k = 0; k < PANEL; k++) {
                panel[k] = (uint32_t)low[k + apart] << 16 | low[k];
            }
            memcpy(to + i * plan->pairs + pair * PANEL, panel, sizeof panel);
        }
    }
}

static void pair_panels_at_edges(const struct run_gradient *plan, const uint16_t *row, size_t first,
                                 size_t end, cpu_bf16_pair *to) {
    const size_t apart = plan->problem.shape.stride * plan->problem.shape.channels;
    for (size_t pair = first; pair < end; pair++) {
        for (size_t i = 0; i < plan->columns; i += PANEL) {
            const size_t number = 2 * pair * apart + i;
            pair_at_edges(plan, row, number, number + PANEL, to + i * plan->pairs + pair * PANEL);
        }
    }
}

// Pairs all of whose numbers are inside of the row are those between the edges.
static void pair_row_transposed(const struct run_gradient *plan, const uint16_t *row,
                                cpu_bf16_pair *to) {
    const struct convolution_shape *shape = &plan->problem.shape;
    const size_t apart = shape->stride * shape->channels;
    const size_t before = shape->pad * shape->channels;
    const size_t numbers = before + shape->width * shape->channels;
    const size_t reach = plan->columns + apart;
    const size_t first = size_min(size_divide_up(before, 2 * apart), plan->pairs);
    const size_t whole = numbers >= reach ? (numbers - reach) / (2 * apart) + 1 : 0;
    const size_t end = size_min(whole > first ? whole : first, plan->pairs);
    pair_panels_at_edges(plan, row, 0, first, to);
    pair_panels(plan, row, first, end, to);
    pair_panels_at_edges(plan, row, end, plan->pairs, to);
}

// ---- of the output's gradient

// `channels` is a constant where this is mostly called.
__attribute__((always_inline)) static inline void pair_pixels(size_t channels, const uint16_t *row,
                                                              size_t pairs, cpu_bf16_pair *to) {
    for (size_t pair = 0; pair < pairs; pair++) {
        const uint16_t *low = row + 2 * pair * channels;
        uint32_t both[MAX_TRANSPOSED] = {0};
        for (size_t c = 0; c < channels; c++) {
            both[c] = (uint32_t)low[channels + c] << 16 | low[c];
        }
        memcpy(to + pair * channels, both, channels * sizeof *both);
    }
}

// An output row's pixels in pairs: (pair, channel).
VECTORISED static void pair_outputs(const struct run_gradient *plan, const uint16_t *row,
                                    cpu_bf16_pair *to) {
    const size_t channels = plan->problem.shape.out_channels;
    const size_t width = plan->problem.shape.out_width;
    if (channels == MAX_TRANSPOSED) {
        pair_pixels(MAX_TRANSPOSED, row, width / 2, to);
    } else {
        pair_pixels(channels, row, width / 2, to);
    }
    for (size_t c = 0; width % 2 != 0 && c < channels; c++) {
        to[width / 2 * channels + c] = row[(width - 1) * channels + c];
    }
}

void run_gradient_inputs(const struct run_gradient *plan, const uint16_t *row, cpu_bf16_pair *to) {
    if (plan->transposed) {
        pair_row_transposed(plan, row, to);
    } else {
        pair_row(plan, row, to);
    }
}

void run_gradient_outputs(const struct run_gradient *plan, const uint16_t *row, uint16_t *to) {
    const struct convolution_shape *shape = &plan->problem.shape;
    if (plan->transposed) {
        pair_outputs(plan, row, (cpu_bf16_pair *)to);
    } else {
        cpu_bf16_pack(row, shape->out_channels, 1, shape->out_width, shape->out_channels, to);
    }
}

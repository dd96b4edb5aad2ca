// Bands of rows are packed and multiplied, in parts that depend on the layer alone; the parts are
// joined in order.
#include "ops/convolution/cpu/amx/gradient.h"

#include "core/numbers/size.h"
#include "core/simd.h"

#include <omp.h>
#include <string.h>

#define FEW ((size_t)16)               // channels that are folded are fewer
#define PARTS_FLOATS ((size_t)1 << 20) // of all parts, unless one has more
#define MAX_PARTS ((size_t)16)         // of the pixels, each with sums of its own
#define ITEMS ((size_t)2)              // parts and groups for a thread, at least, if there are
#define BAND ((size_t)640 << 10) // numbers packed at once: they stay in the second-level cache
#define CHUNK ((size_t)256)      // pixels whose products stay in the first-level cache
#define SQUARE ((size_t)32)      // channels of either side that products take together

// ---- planning

// Sums of all taps of SQUARE channels and output channels, or fewer.
static size_t square_of(const struct amx_gradient *plan) {
    return plan->taps_y * plan->taps_x * size_min(plan->in_rows, SQUARE) * SQUARE;
}

// Squares of a part: (pair of panels, SQUARE channels).
static size_t weights_of(const struct amx_gradient *plan) {
    return (plan->panels + 1) / 2 * ((plan->in_rows + SQUARE - 1) / SQUARE) * square_of(plan);
}

static void plan_bands(struct amx_gradient *plan) {
    const struct convolution_shape *shape = &plan->problem.shape;
    const size_t fit = BAND / ((plan->in_rows + plan->panels * AMX_SIDE) * plan->pitch);
    const size_t most = fit > 0 ? fit : 1;
    const size_t bands = (shape->out_height + most - 1) / most;
    plan->rows = (shape->out_height + bands - 1) / bands;
    plan->bands = (shape->out_height + plan->rows - 1) / plan->rows;
    plan->inner = size_round_up(plan->rows * plan->pitch, AMX_DEPTH);
    plan->input_rows = plan->rows + (plan->taps_y - 1) / shape->stride;
    plan->length = size_round_up(plan->input_rows * plan->pitch +
                                     (plan->taps_x - 1) / shape->stride + AMX_DEPTH - 1,
                                 AMX_DEPTH);
    plan->step = (plan->length / AMX_DEPTH | 1) * AMX_DEPTH; // rows in different cache sets
}

bool amx_gradient_plan(const struct convolution_problem *problem,
                       const struct amx_functions *functions, struct amx_gradient *plan) {
    const struct convolution_shape *shape = &problem->shape;
    const bool folded = shape->channels < FEW && shape->window > 1;
    *plan = (struct amx_gradient){.functions = functions,
                                  .problem = *problem,
                                  .folded = folded,
                                  .channels =
                                      folded ? shape->window * shape->channels : shape->channels,
                                  .taps_y = shape->window,
                                  .taps_x = folded ? 1 : shape->window};
    plan->pitch = shape->out_width + (plan->taps_x - 1) / shape->stride;
    plan->in_rows = size_round_up(plan->channels, AMX_SIDE);
    plan->panels = (shape->out_channels + AMX_SIDE - 1) / AMX_SIDE;
    if (problem->pass != CONVOLUTION_WEIGHT_GRADIENT || shape->groups != 1 ||
        shape->out_height == 0 || shape->out_width == 0) {
        return false;
    }
    plan_bands(plan);
    const size_t fit = PARTS_FLOATS / weights_of(plan);
    const size_t limit = size_min(fit > 0 ? fit : 1, MAX_PARTS);
    const size_t wanted = ITEMS * (size_t)problem->threads;
    plan->parts = size_min(limit, shape->images * plan->bands);
    plan->groups = size_min((wanted + plan->parts - 1) / plan->parts, (plan->panels + 1) / 2);
    return true;
}

// ---- a thread's memory

static size_t group_panels(const struct amx_gradient *plan) {
    return size_round_up((plan->panels + plan->groups - 1) / plan->groups, 2);
}

// Numbers of an input row with its padding, which folded pixels are parts of.
static size_t padded_row(const struct amx_gradient *plan) {
    const struct convolution_shape *shape = &plan->problem.shape;
    return (shape->width + 2 * shape->pad) * shape->channels;
}

// Zeros, for pixels beyond the image.
static size_t zeros_of(const struct amx_gradient *plan) {
    const size_t outputs = plan->panels * AMX_SIDE;
    return outputs > plan->in_rows ? outputs : plan->in_rows;
}

struct memory {
    const uint16_t **pixels; // addresses
    uint16_t *phase, *outputs, *padded, *zeros;
};

static size_t pixels_bytes(const struct amx_gradient *plan) {
    const size_t most = plan->length > plan->inner ? plan->length : plan->inner;
    return workspace_part(most * sizeof(uint16_t *));
}

static size_t phase_bytes(const struct amx_gradient *plan) {
    return workspace_part(plan->in_rows * plan->step * sizeof(uint16_t));
}

static size_t outputs_bytes(const struct amx_gradient *plan) {
    return workspace_part(group_panels(plan) * plan->inner * AMX_SIDE * sizeof(uint16_t));
}

static size_t padded_bytes(const struct amx_gradient *plan) {
    return plan->folded ? workspace_part(plan->input_rows * padded_row(plan) * sizeof(uint16_t))
                        : 0;
}

static size_t thread_bytes(const struct amx_gradient *plan) {
    return pixels_bytes(plan) + phase_bytes(plan) + outputs_bytes(plan) + padded_bytes(plan) +
           workspace_part(zeros_of(plan) * sizeof(uint16_t));
}

size_t amx_gradient_workspace(const struct amx_gradient *plan) {
    return workspace_part(plan->parts * weights_of(plan) * sizeof(float)) +
           (size_t)plan->problem.threads * thread_bytes(plan);
}

static struct memory memory_of(const struct amx_gradient *plan, char *memory) {
    char *phase = memory + pixels_bytes(plan);
    char *outputs = phase + phase_bytes(plan);
    char *padded = outputs + outputs_bytes(plan);
    char *zeros = padded + padded_bytes(plan);
    memset(zeros, 0, zeros_of(plan) * sizeof(uint16_t));
    return (struct memory){(const uint16_t **)(void *)memory, (uint16_t *)(void *)phase,
                           (uint16_t *)(void *)outputs, (uint16_t *)(void *)padded,
                           (uint16_t *)(void *)zeros};
}

// ---- a band: rows of output from `first` on

struct band {
    const struct amx_gradient *plan;
    const struct memory *memory;
    const uint16_t *input, *gradient; // the image's
    size_t first, rows;
};

// Row `row` of a phase that begins at window row `y`; NULL: it lies outside.
static const uint16_t *input_row(const struct band *band, size_t row, size_t y) {
    const struct convolution_shape *shape = &band->plan->problem.shape;
    const size_t at = (band->first + row) * shape->stride + y; // with the padding
    return at >= shape->pad && at - shape->pad < shape->height
               ? band->input + (at - shape->pad) * shape->width * shape->channels
               : NULL;
}

// A row's pixels, every stride'th from window column `x` on.
static void find_row(const struct band *band, const uint16_t *row, size_t x, const uint16_t **to) {
    const struct amx_gradient *plan = band->plan;
    const struct convolution_shape *shape = &plan->problem.shape;
    for (size_t i = 0; i < plan->pitch; i++) {
        const size_t at = i * shape->stride + x;
        const bool inside = row != NULL && at >= shape->pad && at - shape->pad < shape->width;
        to[i] = inside ? row + (at - shape->pad) * shape->channels : band->memory->zeros;
    }
}

// The same of folded pixels, in a copy of the row with its padding.
static void find_folded(const struct band *band, const uint16_t *row, uint16_t *padded,
                        const uint16_t **to) {
    const struct amx_gradient *plan = band->plan;
    const struct convolution_shape *shape = &plan->problem.shape;
    if (row != NULL) {
        const size_t pad = shape->pad * shape->channels;
        const size_t numbers = shape->width * shape->channels;
        memset(padded, 0, pad * sizeof *padded);
        memcpy(padded + pad, row, numbers * sizeof *padded);
        memset(padded + pad + numbers, 0, pad * sizeof *padded);
    }
    for (size_t i = 0; i < plan->pitch; i++) {
        to[i] = row != NULL ? padded + i * shape->stride * shape->channels : band->memory->zeros;
    }
}

static void pack_phase(const struct band *band, size_t y, size_t x) {
    const struct amx_gradient *plan = band->plan;
    const struct memory *memory = band->memory;
    const uint16_t **at = memory->pixels;
    for (size_t row = 0; row < plan->input_rows; row++) {
        const uint16_t *from = input_row(band, row, y);
        if (plan->folded) {
            find_folded(band, from, memory->padded + row * padded_row(plan), at);
        } else {
            find_row(band, from, x, at);
        }
        at += plan->pitch;
    }
    while (at < memory->pixels + plan->length) {
        *at++ = memory->zeros;
    }
    plan->functions->rows((struct amx_pixels){memory->pixels, plan->length, plan->channels},
                          memory->phase, plan->step);
}

static void pack_outputs(const struct band *band, size_t panel, size_t panels) {
    const struct amx_gradient *plan = band->plan;
    const struct convolution_shape *shape = &plan->problem.shape;
    const struct memory *memory = band->memory;
    const size_t first = panel * AMX_SIDE;
    const size_t channels = size_min(panels * AMX_SIDE, shape->out_channels - first);
    const uint16_t **at = memory->pixels;
    for (size_t y = 0; y < band->rows; y++) {
        const uint16_t *row =
            band->gradient + (band->first + y) * shape->out_width * shape->out_channels + first;
        for (size_t x = 0; x < plan->pitch; x++) {
            *at++ = x < shape->out_width ? row + x * shape->out_channels : memory->zeros;
        }
    }
    while (at < memory->pixels + plan->inner) {
        *at++ = memory->zeros;
    }
    plan->functions->panels((struct amx_pixels){memory->pixels, plan->inner, channels},
                            memory->outputs, plan->inner * AMX_SIDE);
}

// The squares of some panels.
struct sums {
    float *of;
    size_t panels;
    bool add;
};

// All taps that read the phase which begins at window row `y` and column `x`, of one square's
// `rows` channels: `from` a packed channel on.
static void multiply_square(const struct band *band, size_t y, size_t x, size_t channel,
                            const uint16_t *outputs, struct sums square) {
    const struct amx_gradient *plan = band->plan;
    const size_t stride = plan->problem.shape.stride;
    const size_t rows = size_min(SQUARE, plan->in_rows - channel);
    const size_t tap_floats = square_of(plan) / (plan->taps_y * plan->taps_x);
    const uint16_t *phase = band->memory->phase + channel * plan->step;
    for (size_t first = 0; first < plan->inner; first += CHUNK) {
        const size_t pixels = size_min(CHUNK, plan->inner - first);
        for (size_t tap_y = y; tap_y < plan->taps_y; tap_y += stride) {
            for (size_t tap_x = x; tap_x < plan->taps_x; tap_x += stride) {
                const size_t offset = tap_y / stride * plan->pitch + tap_x / stride;
                plan->functions->gemm(
                    rows, square.panels, pixels / 2,
                    (struct cpu_bf16_a){phase + offset + first, plan->step, 2},
                    (struct cpu_bf16_b){outputs + first * AMX_SIDE, plan->inner * AMX_SIDE},
                    square.add || first > 0,
                    square.of + (tap_y * plan->taps_x + tap_x) * tap_floats, SQUARE);
            }
        }
    }
}

static void multiply_phase(const struct band *band, size_t y, size_t x, struct sums sums) {
    const struct amx_gradient *plan = band->plan;
    float *to = sums.of;
    for (size_t panel = 0; panel < sums.panels; panel += 2) {
        const uint16_t *outputs = band->memory->outputs + panel * plan->inner * AMX_SIDE;
        for (size_t channel = 0; channel < plan->in_rows; channel += SQUARE) {
            multiply_square(band, y, x, channel, outputs,
                            (struct sums){to, size_min(2, sums.panels - panel), sums.add});
            to += square_of(plan);
        }
    }
}

static void add_band(const struct band *band, size_t panel, struct sums sums) {
    const struct amx_gradient *plan = band->plan;
    const size_t stride = plan->problem.shape.stride;
    pack_outputs(band, panel, sums.panels);
    for (size_t y = 0; y < size_min(stride, plan->taps_y); y++) {
        for (size_t x = 0; x < size_min(stride, plan->taps_x); x++) {
            pack_phase(band, y, x);
            multiply_phase(band, y, x, sums);
        }
    }
}

// ---- parts

static void add_part(const struct amx_gradient *plan, size_t part, size_t panel, size_t panels,
                     const uint16_t *input, const uint16_t *gradient, float *sums,
                     const struct memory *memory) {
    const struct convolution_shape *shape = &plan->problem.shape;
    const size_t count = shape->images * plan->bands;
    const size_t begin = part * count / plan->parts;
    for (size_t i = begin; i < (part + 1) * count / plan->parts; i++) {
        const size_t image = i / plan->bands;
        const size_t first = i % plan->bands * plan->rows;
        const struct band band = {plan,
                                  memory,
                                  input + image * shape->height * shape->width * shape->channels,
                                  gradient + image * shape->out_height * shape->out_width *
                                                 shape->out_channels,
                                  first,
                                  size_min(plan->rows, shape->out_height - first)};
        add_band(&band, panel, (struct sums){sums, panels, i > begin});
    }
}

// Adds `count` floats of all parts to those of the first.
VECTORISED static void add_parts(float *sums, size_t count, size_t parts, size_t step) {
    for (size_t part = 1; part < parts; part++) {
        const float *more = sums + part * step;
        for (size_t i = 0; i < count; i++) {
            sums[i] += more[i];
        }
    }
}

// Adds a square's sums to the gradient; `to`: that of its first output channel.
static void add_square(const struct amx_gradient *plan, const float *sums, size_t first,
                       size_t outputs, float *to) {
    const struct convolution_shape *shape = &plan->problem.shape;
    const size_t taps = plan->taps_y * plan->taps_x;
    const size_t rows = square_of(plan) / (taps * SQUARE); // of a tap
    const size_t out_step = convolution_weights(shape) / shape->out_channels;
    const size_t end = size_min(plan->channels, first + SQUARE);
    for (size_t output = 0; output < outputs; output++) {
        for (size_t channel = first; channel < end; channel++) {
            // Folded channels are a window's columns, one behind the other.
            const size_t own = plan->folded ? channel % shape->channels : channel;
            const size_t column = plan->folded ? channel / shape->channels : 0;
            const size_t each = plan->folded ? shape->window : 1;
            const float *from = sums + (channel - first) * SQUARE + output;
            float *weight = to + output * out_step + own * shape->window * shape->window + column;
            for (size_t tap = 0; tap < taps; tap++) {
                weight[tap * each] += from[tap * rows * SQUARE];
            }
        }
    }
}

void amx_gradient_run(const struct amx_gradient *plan, const uint16_t *input,
                      const uint16_t *output_gradient, float *gradient, void *workspace) {
    const struct convolution_shape *shape = &plan->problem.shape;
    const size_t together = group_panels(plan);
    const size_t floats = weights_of(plan);
    const size_t pair = floats / ((plan->panels + 1) / 2); // of panels
    float *sums = workspace;
    char *memories = (char *)workspace + workspace_part(plan->parts * floats * sizeof(float));
#pragma omp parallel num_threads(plan->problem.threads)
    {
        const struct memory memory =
            memory_of(plan, memories + (size_t)omp_get_thread_num() * thread_bytes(plan));
        plan->functions->begin();
#pragma omp for collapse(2) schedule(dynamic)
        for (size_t part = 0; part < plan->parts; part++) {
            for (size_t panel = 0; panel < plan->panels; panel += together) {
                add_part(plan, part, panel, size_min(together, plan->panels - panel), input,
                         output_gradient, sums + part * floats + panel / 2 * pair, &memory);
            }
        }
        plan->functions->end();
#pragma omp for collapse(2) schedule(static)
        for (size_t panel = 0; panel < plan->panels; panel += 2) {
            for (size_t first = 0; first < plan->in_rows; first += SQUARE) {
                float *square = sums + panel / 2 * pair + first / SQUARE * square_of(plan);
                const size_t outputs = size_min(SQUARE, shape->out_channels - panel * AMX_SIDE);
                add_parts(square, square_of(plan), plan->parts, floats);
                add_square(plan, square, first, outputs,
                           gradient + panel * AMX_SIDE *
                                          (convolution_weights(shape) / shape->out_channels));
            }
        }
    }
}

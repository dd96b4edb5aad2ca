// Tables of linear interpolation.
#include "nn/bilinear/axis.h"

#include <stdlib.h>

size_t axis_high(const struct axis *axis, size_t output) {
    const size_t next = axis->low[output] + 1;
    return next < axis->in ? next : axis->in - 1;
}

static void fill_outputs(struct axis *axis) {
    for (size_t o = 0; o < axis->out; o++) {
        double at = ((double)o + 0.5) * (double)axis->in / (double)axis->out - 0.5;
        at = at > 0 ? at : 0;
        const size_t low = (size_t)at < axis->in - 1 ? (size_t)at : axis->in - 1;
        axis->low[o] = low;
        axis->share[o] = (float)(at - (double)low);
    }
}

// The same, sorted by input.
static void fill_inputs(struct axis *axis) {
    size_t count = 0;
    for (size_t i = 0; i < axis->in; i++) {
        axis->first[i] = count;
        for (size_t o = 0; o < axis->out; o++) {
            const float lower = axis->low[o] == i ? 1.0F - axis->share[o] : 0.0F;
            const float upper = axis_high(axis, o) == i ? axis->share[o] : 0.0F;
            if (lower + upper != 0.0F) {
                axis->outputs[count] = o;
                axis->weights[count++] = lower + upper;
            }
        }
    }
    axis->first[axis->in] = count;
}

bool axis_make(struct axis *axis, size_t in, size_t out, struct error *error) {
    *axis = (struct axis){.in = in,
                          .out = out,
                          .low = calloc(out, sizeof *axis->low),
                          .share = calloc(out, sizeof *axis->share),
                          .first = calloc(in + 1, sizeof *axis->first),
                          .outputs = calloc(2 * out, sizeof *axis->outputs),
                          .weights = calloc(2 * out, sizeof *axis->weights)};
    if (axis->low == NULL || axis->share == NULL || axis->first == NULL || axis->outputs == NULL ||
        axis->weights == NULL) {
        axis_free(axis);
        return fail(error, "no memory");
    }
    fill_outputs(axis);
    fill_inputs(axis);
    return true;
}

void axis_free(struct axis *axis) {
    free(axis->low);
    free(axis->share);
    free(axis->first);
    free(axis->outputs);
    free(axis->weights);
    *axis = (struct axis){.in = 0};
}

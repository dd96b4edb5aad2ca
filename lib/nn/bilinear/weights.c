// Tables of weights along one axis.
#include "nn/bilinear/weights.h"

#include <stdlib.h>

size_t bilinear_weights_upper(const struct bilinear_weights *weights, size_t output) {
    const size_t next = weights->low[output] + 1;
    return next < weights->in ? next : weights->in - 1;
}

static double position_of(size_t in, size_t out, size_t output) {
    const double position = ((double)output + 0.5) * (double)in / (double)out - 0.5;
    return position > 0 ? position : 0;
}

size_t bilinear_lower(size_t in, size_t out, size_t output) {
    const size_t low = (size_t)position_of(in, out, output);
    return low < in - 1 ? low : in - 1;
}

static void fill_outputs(struct bilinear_weights *weights) {
    for (size_t o = 0; o < weights->out; o++) {
        weights->low[o] = bilinear_lower(weights->in, weights->out, o);
        weights->share[o] =
            (float)(position_of(weights->in, weights->out, o) - (double)weights->low[o]);
    }
}

// The same, sorted by input: neither input of an output lies before those of the output before it.
static void fill_inputs(struct bilinear_weights *weights) {
    size_t count = 0;
    size_t start = 0; // the first output that an input goes into
    for (size_t i = 0; i < weights->in; i++) {
        weights->first[i] = count;
        while (start < weights->out && bilinear_weights_upper(weights, start) < i) {
            start++;
        }
        for (size_t o = start; o < weights->out && weights->low[o] <= i; o++) {
            const float lower = weights->low[o] == i ? 1.0F - weights->share[o] : 0.0F;
            const float upper = bilinear_weights_upper(weights, o) == i ? weights->share[o] : 0.0F;
            if (lower + upper != 0.0F) {
                weights->outputs[count] = o;
                weights->weights[count++] = lower + upper;
            }
        }
    }
    weights->first[weights->in] = count;
}

bool bilinear_weights_make(struct bilinear_weights *weights, size_t in, size_t out,
                           struct error *error) {
    *weights = (struct bilinear_weights){.in = in,
                                         .out = out,
                                         .low = calloc(out, sizeof *weights->low),
                                         .share = calloc(out, sizeof *weights->share),
                                         .first = calloc(in + 1, sizeof *weights->first),
                                         .outputs = calloc(2 * out, sizeof *weights->outputs),
                                         .weights = calloc(2 * out, sizeof *weights->weights)};
    if (weights->low == NULL || weights->share == NULL || weights->first == NULL ||
        weights->outputs == NULL || weights->weights == NULL) {
        bilinear_weights_free(weights);
        return fail(error, "no memory");
    }
    fill_outputs(weights);
    fill_inputs(weights);
    return true;
}

void bilinear_weights_free(struct bilinear_weights *weights) {
    free(weights->low);
    free(weights->share);
    free(weights->first);
    free(weights->outputs);
    free(weights->weights);
    *weights = (struct bilinear_weights){.in = 0};
}

// Each output row: two input rows mixed, then pairs of their pixels.
#include "nn/bilinear/float_resize.h"

#include "core/simd.h"

#include <stdlib.h>

bool float_resize_open(struct float_resize *resize, size_t in_height, size_t in_width,
                       size_t height, size_t width, struct error *error) {
    *resize = (struct float_resize){.row = malloc(in_width * sizeof(float)),
                                    .out = malloc(height * width * sizeof(float))};
    if (resize->row == NULL || resize->out == NULL) {
        float_resize_close(resize);
        return fail(error, "no memory");
    }
    if (!bilinear_weights_make(&resize->down, in_height, height, error) ||
        !bilinear_weights_make(&resize->along, in_width, width, error)) {
        float_resize_close(resize);
        return false;
    }
    return true;
}

void float_resize_close(struct float_resize *resize) {
    bilinear_weights_free(&resize->down);
    bilinear_weights_free(&resize->along);
    free(resize->row);
    free(resize->out);
    *resize = (struct float_resize){.row = NULL};
}

VECTORISED static void mix_rows(const float *low, const float *high, float share, size_t count,
                                float *row) {
    for (size_t i = 0; i < count; i++) {
        row[i] = (1.0F - share) * low[i] + share * high[i];
    }
}

float *float_resize_run(struct float_resize *resize, const float *in) {
    const struct bilinear_weights *along = &resize->along;
    for (size_t y = 0; y < resize->down.out; y++) {
        float *out = resize->out + y * along->out;
        mix_rows(in + resize->down.low[y] * along->in,
                 in + bilinear_weights_upper(&resize->down, y) * along->in, resize->down.share[y],
                 along->in, resize->row);
        for (size_t x = 0; x < along->out; x++) {
            out[x] = (1.0F - along->share[x]) * resize->row[along->low[x]] +
                     along->share[x] * resize->row[bilinear_weights_upper(along, x)];
        }
    }
    return resize->out;
}

// Bilinear resizing of one plane of floats.
#include "nn/bilinear/plane.h"

#include "core/simd.h"

#include <stdlib.h>

bool plane_resize_open(struct plane_resize *resize, size_t in_height, size_t in_width,
                       size_t height, size_t width, struct error *error) {
    *resize = (struct plane_resize){.row = malloc(in_width * sizeof(float)),
                                    .out = malloc(height * width * sizeof(float))};
    if (resize->row == NULL || resize->out == NULL) {
        plane_resize_close(resize);
        return fail(error, "no memory");
    }
    if (!axis_make(&resize->down, in_height, height, error) ||
        !axis_make(&resize->along, in_width, width, error)) {
        plane_resize_close(resize);
        return false;
    }
    return true;
}

void plane_resize_close(struct plane_resize *resize) {
    axis_free(&resize->down);
    axis_free(&resize->along);
    free(resize->row);
    free(resize->out);
    *resize = (struct plane_resize){.row = NULL};
}

VECTORISED static void mix_rows(const float *low, const float *high, float share, size_t count,
                                float *row) {
    for (size_t i = 0; i < count; i++) {
        row[i] = (1.0F - share) * low[i] + share * high[i];
    }
}

float *plane_resize_run(struct plane_resize *resize, const float *in) {
    const struct axis *along = &resize->along;
    for (size_t y = 0; y < resize->down.out; y++) {
        float *out = resize->out + y * along->out;
        mix_rows(in + resize->down.low[y] * along->in, in + axis_high(&resize->down, y) * along->in,
                 resize->down.share[y], along->in, resize->row);
        for (size_t x = 0; x < along->out; x++) {
            out[x] = (1.0F - along->share[x]) * resize->row[along->low[x]] +
                     along->share[x] * resize->row[axis_high(along, x)];
        }
    }
    return resize->out;
}

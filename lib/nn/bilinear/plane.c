// Each row of the result is two input rows mixed, then pairs of their pixels; each row of the
// gradient the same two sums in the other order.
#include "nn/bilinear/plane.h"

#include "core/simd.h"

#include <string.h>

bool bilinear_plane_open(struct bilinear_plane *plane, size_t in_height, size_t in_width,
                         size_t height, size_t width, struct error *error) {
    *plane = (struct bilinear_plane){.down = {.in = 0}};
    if (!bilinear_weights_make(&plane->down, in_height, height, error) ||
        !bilinear_weights_make(&plane->along, in_width, width, error)) {
        bilinear_plane_close(plane);
        return false;
    }
    return true;
}

void bilinear_plane_close(struct bilinear_plane *plane) {
    bilinear_weights_free(&plane->down);
    bilinear_weights_free(&plane->along);
}

VECTORISED static void mix_rows(const float *low, const float *high, float share, size_t count,
                                float *row) {
    for (size_t i = 0; i < count; i++) {
        row[i] = (1.0F - share) * low[i] + share * high[i];
    }
}

// The row has its last number twice, so that the upper input is the next one everywhere.
VECTORISED static void stretch(const struct bilinear_weights *along, const float *row, float *out) {
    const size_t *low = along->low;
    const float *share = along->share;
    for (size_t x = 0; x < along->out; x++) {
        out[x] = (1.0F - share[x]) * row[low[x]] + share[x] * row[low[x] + 1];
    }
}

void bilinear_plane_row(const struct bilinear_plane *plane, const float *in, size_t y, float *row,
                        float *out) {
    const struct bilinear_weights *down = &plane->down;
    const size_t width = plane->along.in;
    mix_rows(in + down->low[y] * width, in + bilinear_weights_upper(down, y) * width,
             down->share[y], width, row);
    row[width] = row[width - 1];
    stretch(&plane->along, row, out);
}

VECTORISED static void add_multiple(const float *x, float weight, size_t count, float *sum) {
    for (size_t i = 0; i < count; i++) {
        sum[i] += weight * x[i];
    }
}

static void shrink(const struct bilinear_weights *along, const float *row, float *out) {
    for (size_t i = 0; i < along->in; i++) {
        float sum = 0;
        for (size_t k = along->first[i]; k < along->first[i + 1]; k++) {
            sum += along->weights[k] * row[along->outputs[k]];
        }
        out[i] = sum;
    }
}

void bilinear_plane_gather(const struct bilinear_plane *plane, const float *dy, float *row,
                           float *gradient) {
    const struct bilinear_weights *down = &plane->down;
    const struct bilinear_weights *along = &plane->along;
    for (size_t y = 0; y < down->in; y++) {
        memset(row, 0, along->out * sizeof *row);
        for (size_t k = down->first[y]; k < down->first[y + 1]; k++) {
            add_multiple(dy + down->outputs[k] * along->out, down->weights[k], along->out, row);
        }
        shrink(along, row, gradient + y * along->in);
    }
}

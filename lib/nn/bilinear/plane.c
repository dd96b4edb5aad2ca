// Each row of the result is two input rows mixed, then pairs of their pixels; each row of the
// gradient the same two sums in the other order.
#include "nn/bilinear/plane.h"

#include "core/simd.h"
#include "nn/bilinear/rows.h"

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
    bilinear_between(in + down->low[y] * width, in + bilinear_weights_upper(down, y) * width,
                     down->share[y], width, row);
    row[width] = row[width - 1];
    stretch(&plane->along, row, out);
}

void bilinear_plane_gather(const struct bilinear_plane *plane, const float *dy, float *row,
                           float *gradient) {
    const struct bilinear_weights *down = &plane->down;
    const struct bilinear_weights *along = &plane->along;
    memset(gradient, 0, down->in * along->in * sizeof *gradient);
    for (size_t y = 0; y < down->in; y++) {
        bilinear_gather_rows(down, PRECISION_F32, dy, along->out, y, row);
        bilinear_shrink(along, row, 1, gradient + y * along->in);
    }
}

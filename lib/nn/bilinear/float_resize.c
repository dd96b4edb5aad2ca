// Each output row: two input rows mixed, then pairs of their pixels.
#include "nn/bilinear/float_resize.h"

#include "core/simd.h"

#include <omp.h>
#include <stdlib.h>

bool float_resize_open(struct float_resize *resize, size_t in_height, size_t in_width,
                       size_t height, size_t width, int threads, struct error *error) {
    *resize = (struct float_resize){
        .threads = threads, .rows = calloc((size_t)threads, (in_width + 1) * sizeof(float))};
    if (resize->rows == NULL) {
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
    free(resize->rows);
    *resize = (struct float_resize){.rows = NULL};
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

void float_resize_run(struct float_resize *resize, const float *in, float *out) {
    const struct bilinear_weights *down = &resize->down;
    const struct bilinear_weights *along = &resize->along;
#pragma omp parallel num_threads(resize->threads)
    {
        float *row = resize->rows + (size_t)omp_get_thread_num() * (along->in + 1);
#pragma omp for schedule(static)
        for (size_t y = 0; y < down->out; y++) {
            mix_rows(in + down->low[y] * along->in,
                     in + bilinear_weights_upper(down, y) * along->in, down->share[y], along->in,
                     row);
            row[along->in] = row[along->in - 1];
            stretch(along, row, out + y * along->out);
        }
    }
}

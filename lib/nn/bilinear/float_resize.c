// Rows of the plane, shared out among threads.
#include "nn/bilinear/float_resize.h"

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
    if (!bilinear_plane_open(&resize->plane, in_height, in_width, height, width, error)) {
        float_resize_close(resize);
        return false;
    }
    return true;
}

void float_resize_close(struct float_resize *resize) {
    bilinear_plane_close(&resize->plane);
    free(resize->rows);
    *resize = (struct float_resize){.rows = NULL};
}

void float_resize_run(struct float_resize *resize, const float *in, float *out) {
    const struct bilinear_plane *plane = &resize->plane;
#pragma omp parallel num_threads(resize->threads)
    {
        float *row = resize->rows + (size_t)omp_get_thread_num() * (plane->along.in + 1);
#pragma omp for schedule(static)
        for (size_t y = 0; y < plane->down.out; y++) {
            bilinear_plane_row(plane, in, y, row, out + y * plane->along.out);
        }
    }
}

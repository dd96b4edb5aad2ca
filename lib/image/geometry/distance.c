// The Euclidean distance transform in two passes: down the columns, then along the rows, where the
// lower envelope of a parabola a column is walked.
#include "image/geometry/distance.h"

#include <stdlib.h>

// The distance of each pixel to the nearest that is set in its own column; `far` where there is
// none.
static void columns(uint32_t *distances, const uint8_t *set, size_t height, size_t width,
                    uint32_t far) {
    for (size_t x = 0; x < width; x++) {
        uint32_t last = far;
        for (size_t y = 0; y < height; y++) {
            last = set[y * width + x] != 0 ? 0 : last + (last < far);
            distances[y * width + x] = last;
        }
        last = far;
        for (size_t y = height; y-- > 0;) {
            const uint32_t above = distances[y * width + x];
            last += last < far;
            last = above < last ? above : last;
            distances[y * width + x] = last;
        }
    }
}

struct envelope {
    int64_t *column; // of the parabola that is lowest
    int64_t *from;   // the first x where it is
};

static int64_t square(int64_t a) {
    return a * a;
}

// Where the parabola of column b (right of a) begins to lie below that of a, rounded up.
static int64_t crossing(int64_t a, int64_t b, int64_t at_a, int64_t at_b) {
    const int64_t above = square(b) - square(a) + square(at_b) - square(at_a);
    const int64_t below = 2 * (b - a);
    return above / below + (above % below > 0);
}

static void row(uint32_t *squares, const uint32_t *distances, size_t width, uint32_t far,
                const struct envelope *envelope) {
    int64_t last = -1;
    for (int64_t x = 0; x < (int64_t)width; x++) {
        if (distances[x] == far) {
            continue;
        }
        int64_t from = 0;
        while (last >= 0) {
            const int64_t before = envelope->column[last];
            from = crossing(before, x, distances[before], distances[x]);
            if (from > envelope->from[last]) {
                break;
            }
            last--;
        }
        from = last < 0 || from < 0 ? 0 : from;
        if (from < (int64_t)width) {
            last++;
            envelope->column[last] = x;
            envelope->from[last] = from;
        }
    }
    for (int64_t x = (int64_t)width - 1; x >= 0; x--) {
        while (last > 0 && envelope->from[last] > x) {
            last--;
        }
        squares[x] = last < 0 ? DISTANCE_NONE
                              : (uint32_t)(square(x - envelope->column[last]) +
                                           square(distances[envelope->column[last]]));
    }
}

bool distance_squares(uint32_t *squares, const uint8_t *set, size_t height, size_t width,
                      struct error *error) {
    const uint32_t far = (uint32_t)(height + width);
    uint32_t *distances = malloc(height * width * sizeof *distances);
    const struct envelope envelope = {malloc(width * sizeof(int64_t)),
                                      malloc(width * sizeof(int64_t))};
    const bool memory = distances != NULL && envelope.column != NULL && envelope.from != NULL;
    if (memory) {
        columns(distances, set, height, width, far);
        for (size_t y = 0; y < height; y++) {
            row(squares + y * width, distances + y * width, width, far, &envelope);
        }
    }
    free(distances);
    free(envelope.column);
    free(envelope.from);
    return memory || fail(error, "no memory for the distances of %zu x %zu", height, width);
}

// Both masks are cut to what they cover, with a margin of one pixel: no distance leads elsewhere.
#include "challenge/metrics/contours.h"

#include "challenge/metrics/bootstrap.h"
#include "image/geometry/distance.h"

#include <math.h>
#include <stdlib.h>

#define PERCENTILE 0.95

// The pixels [top, bottom) x [left, right) of an image.
struct box {
    size_t top, bottom, left, right;
};

static void cover(struct box *box, const struct runs *runs, size_t height) {
    for (size_t i = 0; i < runs->count; i++) {
        const size_t left = runs->items[i].start / height;
        const size_t right = (runs->items[i].end - 1) / height + 1;
        const bool wraps = right - left > 1;
        const size_t top = wraps ? 0 : runs->items[i].start % height;
        const size_t bottom = wraps ? height : (runs->items[i].end - 1) % height + 1;
        box->left = left < box->left ? left : box->left;
        box->right = right > box->right ? right : box->right;
        box->top = top < box->top ? top : box->top;
        box->bottom = bottom > box->bottom ? bottom : box->bottom;
    }
}

// A mask within the box, with a margin of zeros on all sides.
static bool draw(struct image *mask, const struct runs *runs, const struct box *box, size_t height,
                 struct error *error) {
    if (!image_alloc(mask, box->bottom - box->top + 2, box->right - box->left + 2, error)) {
        return false;
    }
    for (size_t i = 0; i < runs->count; i++) {
        for (size_t pixel = runs->items[i].start; pixel < runs->items[i].end; pixel++) {
            const size_t y = pixel % height - box->top + 1;
            const size_t x = pixel / height - box->left + 1;
            mask->pixels[y * mask->width + x] = 1;
        }
    }
    return true;
}

// ---- points of contours

// A mask's edge pixels.
static void edges(uint8_t *set, const struct image *mask) {
    const size_t width = mask->width;
    for (size_t y = 1; y + 1 < mask->height; y++) {
        for (size_t x = 1; x + 1 < width; x++) {
            const uint8_t *pixel = mask->pixels + y * width + x;
            const bool inside = pixel[-1] & pixel[1] & *(pixel - width) & pixel[width];
            set[y * width + x] = pixel[0] && !inside;
        }
    }
}

// What the four pixels around a corner say of the contour there: point (y, x) of the result is the
// corner above and left of pixel (y, x). 0: no contour.
static void corners(uint8_t *codes, const struct image *mask) {
    const size_t width = mask->width;
    for (size_t y = 1; y < mask->height; y++) {
        for (size_t x = 1; x < width; x++) {
            const uint8_t *pixel = mask->pixels + y * width + x;
            const int code =
                8 * *(pixel - width - 1) + 4 * *(pixel - width) + 2 * pixel[-1] + pixel[0];
            codes[y * width + x] = code == 15 ? 0 : (uint8_t)code;
        }
    }
}

// The contour's length at a corner, in pixels, by its code.
static double corner_length(uint8_t code) {
    static const double lengths[16] = {[1] = M_SQRT1_2,
                                       [2] = M_SQRT1_2,
                                       [4] = M_SQRT1_2,
                                       [8] = M_SQRT1_2,
                                       [7] = M_SQRT1_2,
                                       [11] = M_SQRT1_2,
                                       [13] = M_SQRT1_2,
                                       [14] = M_SQRT1_2,
                                       [6] = 2 * M_SQRT1_2,
                                       [9] = 2 * M_SQRT1_2,
                                       [3] = 1,
                                       [12] = 1,
                                       [5] = 1,
                                       [10] = 1};
    return lengths[code];
}

// ---- scores

// Memory for the points of both masks.
struct points {
    size_t height, width;
    uint8_t *sets[2];
    uint32_t *squares[2]; // to the nearest of the set
    double *distances;
};

static bool points_alloc(struct points *points, struct error *error) {
    const size_t count = points->height * points->width;
    for (int i = 0; i < 2; i++) {
        points->sets[i] = calloc(count, 1);
        points->squares[i] = malloc(count * sizeof(uint32_t));
    }
    points->distances = malloc(count * sizeof(double));
    return (points->sets[0] != NULL && points->sets[1] != NULL && points->squares[0] != NULL &&
            points->squares[1] != NULL && points->distances != NULL) ||
           fail(error, "no memory for contours of %zu x %zu", points->height, points->width);
}

static void points_free(struct points *points) {
    for (int i = 0; i < 2; i++) {
        free(points->sets[i]);
        free(points->squares[i]);
    }
    free(points->distances);
}

static bool measure(struct points *points, struct error *error) {
    return distance_squares(points->squares[0], points->sets[0], points->height, points->width,
                            error) &&
           distance_squares(points->squares[1], points->sets[1], points->height, points->width,
                            error);
}

// The percentile of the distances from one set's points to the other set.
static double directed_hausdorff(struct points *points, int from) {
    size_t count = 0;
    for (size_t i = 0; i < points->height * points->width; i++) {
        if (points->sets[from][i] != 0) {
            points->distances[count++] = sqrt((double)points->squares[1 - from][i]);
        }
    }
    sort_numbers(points->distances, count);
    return percentile(points->distances, count, PERCENTILE);
}

static double surface_dice(const struct points *points, double tolerance) {
    double length = 0;
    double within = 0;
    for (int from = 0; from < 2; from++) {
        for (size_t i = 0; i < points->height * points->width; i++) {
            if (points->sets[from][i] != 0) {
                const double piece = corner_length(points->sets[from][i]);
                length += piece;
                within += sqrt((double)points->squares[1 - from][i]) <= tolerance ? piece : 0;
            }
        }
    }
    return within / length;
}

static bool compare(struct contour_scores *scores, const struct image masks[2], double tolerance,
                    struct error *error) {
    struct points points = {.height = masks[0].height, .width = masks[0].width};
    bool compared = points_alloc(&points, error);
    if (compared) {
        edges(points.sets[0], &masks[0]);
        edges(points.sets[1], &masks[1]);
        compared = measure(&points, error);
    }
    if (compared) {
        scores->hausdorff = fmax(directed_hausdorff(&points, 0), directed_hausdorff(&points, 1));
        corners(points.sets[0], &masks[0]);
        corners(points.sets[1], &masks[1]);
        compared = measure(&points, error);
    }
    if (compared) {
        scores->surface_dice = surface_dice(&points, tolerance);
    }
    points_free(&points);
    return compared;
}

bool contours_compare(struct contour_scores *scores, const struct runs *truth,
                      const struct runs *prediction, size_t height, size_t width, double tolerance,
                      struct error *error) {
    struct box box = {height, 0, width, 0};
    struct image masks[2] = {{.pixels = NULL}, {.pixels = NULL}};
    if (truth->count == 0 || prediction->count == 0) {
        scores->hausdorff = (double)NAN;
        scores->surface_dice = truth->count == prediction->count;
        return true;
    }
    cover(&box, truth, height);
    cover(&box, prediction, height);
    const bool compared = draw(&masks[0], truth, &box, height, error) &&
                          draw(&masks[1], prediction, &box, height, error) &&
                          compare(scores, masks, tolerance, error);
    image_free(&masks[0]);
    image_free(&masks[1]);
    return compared;
}

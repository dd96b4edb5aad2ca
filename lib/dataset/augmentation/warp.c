// Maps are sums of what each distortion moves: one interpolation, however many there are.
#include "dataset/augmentation/warp.h"

#include "core/simd.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool warp_reset(struct warp *warp, size_t side, struct error *error) {
    if (warp->side != side) {
        warp_free(warp);
        warp->dy = malloc(side * side * sizeof *warp->dy);
        warp->dx = malloc(side * side * sizeof *warp->dx);
        warp->scratch = malloc(2 * side * side * sizeof *warp->scratch);
        if (warp->dy == NULL || warp->dx == NULL || warp->scratch == NULL) {
            warp_free(warp);
            return fail(error, "no memory to warp %zu x %zu", side, side);
        }
        warp->side = side;
    }
    memset(warp->dy, 0, side * side * sizeof *warp->dy);
    memset(warp->dx, 0, side * side * sizeof *warp->dx);
    return true;
}

void warp_free(struct warp *warp) {
    free(warp->dy);
    free(warp->dx);
    free(warp->scratch);
    *warp = (struct warp){.side = 0};
}

// Uniform in -most .. most.
static double draw(struct random *random, double most) {
    return most * (2 * random_uniform(random) - 1);
}

void warp_shift_scale_rotate(struct warp *warp, struct random *random) {
    const double side = (double)warp->side;
    const double centre = (side - 1) / 2;
    const double angle = draw(random, M_PI / 4);
    const double scale = 1 + draw(random, 0.1);
    const double shift_y = draw(random, side / 16);
    const double shift_x = draw(random, side / 16);
    const double cosine = cos(angle) / scale;
    const double sine = sin(angle) / scale;
    for (size_t y = 0; y < warp->side; y++) {
        for (size_t x = 0; x < warp->side; x++) {
            const double v = (double)y - centre - shift_y;
            const double u = (double)x - centre - shift_x;
            warp->dy[y * warp->side + x] += (float)(cosine * v + sine * u + centre - (double)y);
            warp->dx[y * warp->side + x] += (float)(cosine * u - sine * v + centre - (double)x);
        }
    }
}

// ---- elastic

#define SIGMA (6.0 / 1024)
#define ALPHA (120.0 / 1024)
#define MAX_RADIUS 256

// The weights of a Gaussian from 0 to 4 sigma away; returns how many lie on each side.
static size_t gaussian(float weights[MAX_RADIUS + 1], double sigma) {
    const size_t reach = (size_t)(4 * sigma + 0.5);
    const size_t radius = reach < MAX_RADIUS ? reach : MAX_RADIUS;
    double sum = 0;
    for (size_t i = 0; i <= radius; i++) {
        const double position = (double)i / sigma;
        const double weight = exp(-0.5 * position * position);
        weights[i] = (float)weight;
        sum += i == 0 ? weight : 2 * weight;
    }
    for (size_t i = 0; i <= radius; i++) {
        weights[i] = (float)(weights[i] / sum);
    }
    return radius;
}

// The position in 0 .. side - 1 that mirrors one beyond, edges not repeated.
static inline size_t mirrored(long position, size_t side) {
    const long last = (long)side - 1;
    if (position >= 0 && position <= last) {
        return (size_t)position;
    }
    if (last == 0) {
        return 0;
    }
    position = labs(position) % (2 * last);
    return (size_t)(position <= last ? position : 2 * last - position);
}

// Smooths `plane` down its columns, into `out`.
VECTORISED static void smooth_columns(float *restrict out, const float *restrict plane, size_t side,
                                      const float *weights, size_t radius) {
    for (size_t y = 0; y < side; y++) {
        float *row = out + y * side;
        for (size_t x = 0; x < side; x++) {
            row[x] = weights[0] * plane[y * side + x];
        }
        for (size_t i = 1; i <= radius; i++) {
            const float *above = plane + mirrored((long)y - (long)i, side) * side;
            const float *below = plane + mirrored((long)(y + i), side) * side;
            for (size_t x = 0; x < side; x++) {
                row[x] += weights[i] * (above[x] + below[x]);
            }
        }
    }
}

static void transpose(float *plane, size_t side) {
    for (size_t y = 0; y < side; y++) {
        for (size_t x = 0; x < y; x++) {
            const float kept = plane[y * side + x];
            plane[y * side + x] = plane[x * side + y];
            plane[x * side + y] = kept;
        }
    }
}

// Adds smooth noise to one direction of the map.
static void add_noise(struct warp *warp, float *moves, struct random *random) {
    const size_t side = warp->side;
    const size_t pixels = side * side;
    // Noise that is smoothed falls as sigma grows, so that its factor grows once more.
    const float alpha = (float)(ALPHA * (double)pixels / 1024);
    float *noise = warp->scratch;
    float *smooth = warp->scratch + pixels;
    float weights[MAX_RADIUS + 1];
    const size_t radius = gaussian(weights, SIGMA * (double)side);
    for (size_t i = 0; i < pixels; i++) {
        noise[i] = (float)draw(random, 1);
    }
    smooth_columns(smooth, noise, side, weights, radius);
    transpose(smooth, side);
    smooth_columns(noise, smooth, side, weights, radius);
    for (size_t i = 0; i < pixels; i++) {
        moves[i] += alpha * noise[i];
    }
}

// ---- grid

#define CELLS 5

// Where the pixels of one direction go when its cells become longer and shorter; the far edge
// moves with them.
static void stretch(float *moves, size_t side, struct random *random) {
    const double cell = (double)side / CELLS;
    double from = 0;
    for (int i = 0; i < CELLS; i++) {
        const double factor = 1 + draw(random, 0.3);
        const size_t end = (size_t)ceil(cell * (i + 1));
        for (size_t x = (size_t)ceil(cell * i); x < end && x < side; x++) {
            moves[x] = (float)(from + ((double)x - cell * i) * factor - (double)x);
        }
        from += cell * factor;
    }
}

static void distort_grid(struct warp *warp, struct random *random) {
    const size_t side = warp->side;
    float *down = warp->scratch;
    float *along = warp->scratch + side;
    stretch(down, side, random);
    stretch(along, side, random);
    for (size_t i = 0; i < side * side; i++) {
        warp->dy[i] += down[i / side];
        warp->dx[i] += along[i % side];
    }
}

// ---- optical

static void distort_optical(struct warp *warp, struct random *random) {
    const double side = (double)warp->side;
    const double centre = (side - 1) / 2;
    const double k = draw(random, 2);
    for (size_t i = 0; i < warp->side * warp->side; i++) {
        const double y = ((double)(i / warp->side) - centre) / side;
        const double x = ((double)(i % warp->side) - centre) / side;
        const double square = y * y + x * x;
        const double growth = k * square + k * square * square;
        warp->dy[i] += (float)(side * y * growth);
        warp->dx[i] += (float)(side * x * growth);
    }
}

void warp_distort_by(struct warp *warp, enum distortion distortion, struct random *random) {
    switch (distortion) {
    case DISTORTION_GRID: distort_grid(warp, random); break;
    case DISTORTION_OPTICAL: distort_optical(warp, random); break;
    default: add_noise(warp, warp->dy, random); add_noise(warp, warp->dx, random);
    }
}

void warp_distort(struct warp *warp, struct random *random) {
    warp_distort_by(warp, (enum distortion)random_below(random, DISTORTION_COUNT), random);
}

// ---- images

// A position between pixels: the two around it, and how far it is from the first.
struct between {
    size_t first, second;
    float share;
};

static inline struct between find_between(float position, size_t side) {
    const long whole = (long)position;
    const long below = (float)whole > position ? whole - 1 : whole;
    return (struct between){mirrored(below, side), mirrored(below + 1, side),
                            position - (float)below};
}

static inline float mix(float a, float b, float share) {
    return a + (b - a) * share;
}

void warp_image(struct image *out, const struct image *in, const struct warp *warp) {
    const size_t side = warp->side;
    for (size_t v = 0; v < side; v++) {
        const float *dy = warp->dy + v * side;
        const float *dx = warp->dx + v * side;
        for (size_t u = 0; u < side; u++) {
            const struct between y = find_between((float)v + dy[u], side);
            const struct between x = find_between((float)u + dx[u], side);
            const uint8_t *upper = in->pixels + y.first * side;
            const uint8_t *lower = in->pixels + y.second * side;
            const float above = mix(upper[x.first], upper[x.second], x.share);
            const float below = mix(lower[x.first], lower[x.second], x.share);
            out->pixels[v * side + u] = (uint8_t)(mix(above, below, y.share) + 0.5F);
        }
    }
}

// A row of the map between its rows; beyond its edge that of the edge.
VECTORISED static void map_row(float *restrict row, const float *restrict moves, size_t side,
                               float position) {
    const float last = (float)(side - 1);
    const float y = position < 0 ? 0 : position > last ? last : position;
    const float *above = moves + (size_t)y * side;
    const float *below = (size_t)y + 1 < side ? above + side : above;
    const float share = y - (float)(size_t)y;
    for (size_t x = 0; x < side; x++) {
        row[x] = above[x] + (below[x] - above[x]) * share;
    }
}

// A row's value between its points.
static inline float row_at(const float *row, size_t side, float position) {
    const float last = (float)(side - 1);
    const float x = position < 0 ? 0 : position > last ? last : position;
    const size_t left = (size_t)x;
    return mix(row[left], row[left + 1 < side ? left + 1 : left], x - (float)left);
}

void warp_mask(struct image *out, const struct image *in, const struct warp *warp) {
    const size_t side = in->width;
    const float scale = (float)side / (float)warp->side; // mask pixels to one of the image
    float *dy = warp->scratch;
    float *dx = warp->scratch + warp->side;
    for (size_t v = 0; v < side; v++) {
        const float y = ((float)v + 0.5F) / scale - 0.5F;
        map_row(dy, warp->dy, warp->side, y);
        map_row(dx, warp->dx, warp->side, y);
        for (size_t u = 0; u < side; u++) {
            const float x = ((float)u + 0.5F) / scale - 0.5F;
            const float from_y = (float)v + scale * row_at(dy, warp->side, x) + 0.5F;
            const float from_x = (float)u + scale * row_at(dx, warp->side, x) + 0.5F;
            const size_t row = find_between(from_y, side).first;
            out->pixels[v * side + u] = in->pixels[row * side + find_between(from_x, side).first];
        }
    }
}

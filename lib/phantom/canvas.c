// Strokes and blobs: brightness added to a full-size layer.
#include "phantom/canvas.h"

#include "core/simd.h"
#include "phantom/math.h"

// Nothing is drawn narrower than this half width in pixels; it is drawn fainter instead.
#define THINNEST 0.75f

// A stretch of a stroke in pixels: between the planes that halve the angles at its two ends, so
// that neighbouring stretches share no pixel and meet without a seam.
struct stretch {
    float ax, ay, bx, by;         // ends
    float nax, nay, nbx, nby;     // normals of the planes, both pointing along the stroke
    float dx, dy;                 // unit direction
    float radius_a, radius_b;     // pixels
    float strength_a, strength_b; // already faded where too thin
};

static inline __attribute__((always_inline)) float across(float q, enum stroke_profile profile,
                                                          float pixel) {
    const float size = q < 0 ? -q : q;
    const float rest = larger(1.0f - q * q, 0.0f);
    switch (profile) {
    case PROFILE_SOFT: return rest * rest;
    case PROFILE_BONE:
        return 0.75f * smaller(1.0f, 3.0f * larger(1.0f - size, 0.0f)) +
               0.55f * bump((size - 0.78f) / 0.22f);
    case PROFILE_CYLINDER: return sqrtf(rest);
    case PROFILE_FLAT: return clamp01((1.0f - size) / pixel);
    case PROFILE_TUBE:
        return 0.25f * clamp01((1.0f - size) / pixel) +
               0.75f * bump((size - 0.7f) / larger(0.3f, pixel));
    case PROFILE_FOLD: {
        const float rise = clamp01(0.5f + 0.5f * q);
        return rise * rise * clamp01((1.0f - q) / (2.0f * pixel));
    }
    }
    return 0.0f;
}

struct box {
    size_t left, top, right, bottom; // right and bottom excluded
};

static size_t larger_size(size_t a, size_t b) {
    return a > b ? a : b;
}

static size_t smaller_size(size_t a, size_t b) {
    return a < b ? a : b;
}

static size_t clip(float x, size_t side) {
    if (!(x > 0.0f)) {
        return 0;
    }
    return x >= (float)side ? side : (size_t)x;
}

static struct box stretch_box(const struct stretch *s, size_t side) {
    const float reach = larger(s->radius_a, s->radius_b) * 1.15f + 1.0f;
    return (struct box){clip(smaller(s->ax, s->bx) - reach, side),
                        clip(smaller(s->ay, s->by) - reach, side),
                        clip(larger(s->ax, s->bx) + reach + 1.0f, side),
                        clip(larger(s->ay, s->by) + reach + 1.0f, side)};
}

static inline __attribute__((always_inline)) void stretch_rows(struct layer *layer,
                                                               const struct stretch *s,
                                                               struct box box,
                                                               enum stroke_profile profile) {
    const float pixel = 1.0f / larger(smaller(s->radius_a, s->radius_b), 0.5f);
    const float size = s->dy < 0 ? -s->dy : s->dy;
    const bool steep = size > 0.2f;
    const float reach = larger(s->radius_a, s->radius_b) / larger(size, 0.2f) + 1.0f;
    for (size_t row = box.top; row < box.bottom; row++) {
        float *out = layer->values + row * layer->side;
        const float y = (float)row + 0.5f - s->ay;
        size_t from = box.left, to = box.right;
        if (steep) { // only where the row crosses the strip
            const float middle = s->ax + y * s->dx / s->dy - 0.5f;
            from = larger_size(from, clip(middle - reach, layer->side));
            to = smaller_size(to, clip(middle + reach + 2.0f, layer->side));
        }
        for (size_t column = from; column < to; column++) {
            const float x = (float)(int)column + 0.5f - s->ax;
            const float after = x * s->nax + y * s->nay;
            const float before = (s->bx - s->ax - x) * s->nbx + (s->by - s->ay - y) * s->nby;
            const float sum = after + before;
            const float t = after / (sum > 1e-6f ? sum : 1e-6f);
            const float radius = between(s->radius_a, s->radius_b, t);
            const float q = (x * s->dy - y * s->dx) / radius;
            const float value =
                across(q, profile, pixel) * between(s->strength_a, s->strength_b, t);
            const bool within = (after >= 0.0f) & (before > 0.0f) & (q < 1.0f) & (q > -1.0f);
            out[column] += within ? value : 0.0f;
        }
    }
}

VECTORISED static void stretch_draw(struct layer *layer, const struct stretch *s,
                                    enum stroke_profile profile) {
    const struct box box = stretch_box(s, layer->side);
    switch (profile) {
    case PROFILE_SOFT: stretch_rows(layer, s, box, PROFILE_SOFT); break;
    case PROFILE_BONE: stretch_rows(layer, s, box, PROFILE_BONE); break;
    case PROFILE_CYLINDER: stretch_rows(layer, s, box, PROFILE_CYLINDER); break;
    case PROFILE_FLAT: stretch_rows(layer, s, box, PROFILE_FLAT); break;
    case PROFILE_TUBE: stretch_rows(layer, s, box, PROFILE_TUBE); break;
    case PROFILE_FOLD: stretch_rows(layer, s, box, PROFILE_FOLD); break;
    }
}

// The unit vector from a to b, or along x where they coincide.
static void direction(float *dx, float *dy, float x, float y) {
    const float length = sqrtf(x * x + y * y);
    *dx = length > 1e-9f ? x / length : 1.0f;
    *dy = length > 1e-9f ? y / length : 0.0f;
}

static void point_width(float *radius, float *strength, const struct stroke_point *point,
                        float side) {
    const float pixels = point->radius * side;
    *radius = larger(pixels, THINNEST);
    *strength = point->strength * larger(pixels, 0.0f) / *radius;
}

void layer_stroke(struct layer *layer, const struct stroke_point *points, size_t count,
                  enum stroke_profile profile) {
    const float side = (float)layer->side;
    float nx = 0, ny = 0;
    for (size_t i = 0; i + 1 < count; i++) {
        const struct stroke_point *a = points + i, *b = points + i + 1;
        struct stretch s = {a->x * side, a->y * side, b->x * side, b->y * side, 0, 0, 0,
                            0,           0,           0,           0,           0, 0, 0};
        direction(&s.dx, &s.dy, b->x - a->x, b->y - a->y);
        s.nax = i == 0 ? s.dx : nx;
        s.nay = i == 0 ? s.dy : ny;
        s.nbx = s.dx;
        s.nby = s.dy;
        if (i + 2 < count) {
            float ex, ey;
            direction(&ex, &ey, points[i + 2].x - b->x, points[i + 2].y - b->y);
            direction(&s.nbx, &s.nby, s.dx + ex, s.dy + ey);
        }
        nx = s.nbx;
        ny = s.nby;
        point_width(&s.radius_a, &s.strength_a, a, side);
        point_width(&s.radius_b, &s.strength_b, b, side);
        stretch_draw(layer, &s, profile);
    }
}

void layer_blob(struct layer *layer, float x, float y, float a, float b, float radians,
                float strength, float edge) {
    const float side = (float)layer->side, c = cosine(radians), s = sine(radians);
    const float half_a = larger(a * side, THINNEST), half_b = larger(b * side, THINNEST);
    const float faded = strength * (a * side / half_a) * (b * side / half_b);
    const float reach = larger(half_a, half_b) + 1.0f;
    const float soft = larger(edge, 1.0f / smaller(half_a, half_b));
    const size_t left = clip(x * side - reach, layer->side);
    const size_t right = clip(x * side + reach + 1.0f, layer->side);
    const size_t bottom = clip(y * side + reach + 1.0f, layer->side);
    for (size_t row = clip(y * side - reach, layer->side); row < bottom; row++) {
        const float v = (float)row + 0.5f - y * side;
        for (size_t column = left; column < right; column++) {
            const float u = (float)(int)column + 0.5f - x * side;
            const float p = (u * c + v * s) / half_a, q = (v * c - u * s) / half_b;
            const float radius = sqrtf(p * p + q * q);
            layer->values[row * layer->side + column] += faded * smooth01((1.0f - radius) / soft);
        }
    }
}

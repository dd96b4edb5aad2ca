// Bones as strokes.
#include "phantom/math.h"
#include "phantom/strokes.h"

#define BACK 16
#define FRONT 12

// One rib: from the spine out and down along the back, around at the chest wall, and forward,
// down and inwards, where it is cartilage and fades.
static void draw_rib(struct layer *layer, const struct patient *p, float hand, float spine,
                     float wall, float reach, float strength, float thickness) {
    struct stroke_point points[BACK + FRONT];
    const float fall = wall - spine, half_width = patient_wall(wall) * 0.985f;
    for (int i = 0; i < BACK; i++) {
        const float t = (float)i / (BACK - 1), s = t * (2.0f - t);
        const float x = between(0.09f, half_width, s), fraction = x / half_width;
        const float y = spine +
                        fall * (0.45f * fraction * fraction +
                                0.55f * (1.0f - sqrtf(larger(1.0f - fraction * fraction, 0.0f)))) -
                        0.055f * bump((fraction - 0.33f) / 0.4f);
        points[i] =
            patient_point(p, hand * x, y, thickness * between(0.9f, 1.0f, fraction),
                          strength * between(0.8f, 1.1f, fraction) * smooth01((x - 0.08f) / 0.09f));
    }
    for (int i = 0; i < FRONT; i++) {
        const float t = (float)(i + 1) / FRONT;
        const float x = half_width * (1.0f - 0.62f * t * t);
        const float y = wall + reach * t * (1.0f - 0.2f * t);
        points[BACK + i] = patient_point(p, hand * x, y, thickness * between(1.0f, 1.3f, t),
                                         strength * 0.6f * (1.0f - t));
    }
    layer_stroke(layer, points, BACK + FRONT, PROFILE_BONE);
}

static void draw_ribs(struct layer *layer, const struct patient *p, struct random *random) {
    const float pitch = uniform(random, 0.088f, 0.098f), first = uniform(random, -0.09f, -0.05f);
    for (int i = 0; i < 10; i++) {
        const float k = (float)i;
        const float fall = between(0.16f, 0.34f, smooth01(k / 6.0f));
        for (int hand = -1; hand <= 1; hand += 2) {
            const float spine = first + pitch * k + 0.006f * normal(random);
            const float wall = larger(spine + fall + 0.008f * normal(random), 0.10f);
            const float thickness = uniform(random, 0.034f, 0.04f);
            const float strength = p->bone * uniform(random, 0.075f, 0.1f);
            draw_rib(layer, p, (float)hand, spine, wall, between(0.13f, 0.22f, clamp01(k / 5.0f)),
                     strength, thickness);
        }
    }
}

static void draw_spine(struct layer *layer, const struct patient *p, struct random *random) {
    struct stroke_point line[9];
    for (int i = 0; i < 9; i++) {
        const float y = -1.0f + 0.34f * (float)i;
        line[i] = patient_point(p, p->lean * (1.0f - 0.2f * (float)i), y,
                                between(0.105f, 0.15f, (float)i / 8), 0.085f);
    }
    layer_stroke(layer, line, 9, PROFILE_CYLINDER);
    const float pitch = 0.092f;
    for (int i = -9; i < 18; i++) {
        const float y = 0.02f + pitch * (float)i + 0.003f * normal(random);
        const float wide = between(0.085f, 0.125f, clamp01((float)(i + 4) / 20));
        const float x = p->lean, s = p->bone;
        struct stroke_point plate[3];
        for (int k = 0; k < 3; k++) { // the disc is darker, the plates beside it bright
            plate[k] = patient_point(p, x + wide * (float)(k - 1), y + 0.004f * (float)(k == 1),
                                     0.016f, -0.045f * s);
        }
        layer_stroke(layer, plate, 3, PROFILE_SOFT);
        for (int k = 0; k < 3; k++) {
            plate[k] = patient_point(p, x + wide * (float)(k - 1), y + 0.02f, 0.008f, 0.05f * s);
        }
        layer_stroke(layer, plate, 3, PROFILE_SOFT);
        for (int k = -1; k <= 1; k += 2) {
            const struct stroke_point point =
                patient_point(p, x + 0.62f * wide * (float)k, y + 0.04f, 0, 0);
            layer_blob(layer, point.x, point.y, 0.013f * p->width / 0.35f,
                       0.019f * p->width / 0.35f, 0, 0.05f * s, 0.7f);
        }
        const struct stroke_point point = patient_point(p, x, y + 0.07f, 0, 0);
        layer_blob(layer, point.x, point.y, 0.006f, 0.014f, 0, 0.05f * s, 0.8f);
    }
}

// A line through knots of (X, Y, radius, strength).
static void draw_knots(struct layer *layer, const struct patient *p, float hand, float dx, float dy,
                       const float (*knots)[4], size_t count, enum stroke_profile profile) {
    struct stroke_point points[8];
    for (size_t i = 0; i < count; i++) {
        points[i] = patient_point(p, hand * (knots[i][0] + dx), knots[i][1] + dy, knots[i][2],
                                  p->bone * knots[i][3]);
    }
    layer_stroke(layer, points, count, profile);
}

static void draw_shoulder(struct layer *layer, const struct patient *p, float hand,
                          struct random *random) {
    static const float clavicle[][4] = {
        {0.08f, 0.120f, 0.056f, 0.03f},  {0.13f, 0.110f, 0.058f, 0.15f},
        {0.22f, 0.095f, 0.050f, 0.16f},  {0.40f, 0.075f, 0.038f, 0.15f},
        {0.60f, 0.035f, 0.034f, 0.15f},  {0.80f, -0.02f, 0.036f, 0.14f},
        {1.02f, -0.045f, 0.048f, 0.11f}, {1.18f, -0.03f, 0.045f, 0.02f}};
    static const float border[][4] = {{1.13f, 0.05f, 0.02f, 0.0f},   {1.08f, 0.15f, 0.02f, 0.05f},
                                      {1.01f, 0.27f, 0.02f, 0.06f},  {0.95f, 0.38f, 0.018f, 0.06f},
                                      {0.91f, 0.47f, 0.018f, 0.05f}, {0.90f, 0.52f, 0.018f, 0.0f}};
    static const float pillar[][4] = {{0.90f, 0.53f, 0.03f, 0.0f},   {0.97f, 0.50f, 0.03f, 0.06f},
                                      {1.06f, 0.41f, 0.035f, 0.07f}, {1.14f, 0.30f, 0.04f, 0.07f},
                                      {1.20f, 0.20f, 0.05f, 0.07f},  {1.24f, 0.12f, 0.06f, 0.02f}};
    static const float spine[][4] = {{1.0f, 0.16f, 0.03f, 0.0f},
                                     {1.1f, 0.10f, 0.03f, 0.05f},
                                     {1.2f, 0.04f, 0.04f, 0.07f},
                                     {1.3f, 0.0f, 0.05f, 0.05f}};
    const float slope = 0.03f * normal(random), rotation = 0.05f * normal(random);
    const float drop = slope + 0.02f * normal(random);
    draw_knots(layer, p, hand, 0.0f, slope, clavicle, 8, PROFILE_BONE);
    draw_knots(layer, p, hand, rotation, drop, border, 6, PROFILE_SOFT);
    draw_knots(layer, p, hand, rotation, drop, pillar, 6, PROFILE_SOFT);
    draw_knots(layer, p, hand, 0.5f * rotation, drop, spine, 4, PROFILE_SOFT);
    const struct stroke_point plate =
        patient_point(p, hand * (1.06f + rotation), 0.28f + drop, 0, 0);
    layer_blob(layer, plate.x, plate.y, 0.05f, 0.13f, 0.3f * hand, 0.04f * p->bone, 0.9f);
}

static void draw_arm(struct layer *layer, const struct patient *p, float hand,
                     struct random *random) {
    const float angle = uniform(random, 0.08f, 0.75f), out = 0.03f * normal(random);
    const float drop = 0.03f * normal(random);
    const struct stroke_point head = patient_point(p, hand * (1.31f + out), 0.09f + drop, 0, 0);
    layer_blob(layer, head.x, head.y, 0.138f * p->width, 0.145f * p->width, 0, 0.06f * p->bone,
               0.2f);
    struct stroke_point bone[8], flesh[8];
    for (int i = 0; i < 8; i++) {
        const float t = 0.3f * (float)i;
        const float x = 1.34f + out + t * sine(angle);
        const float y = 0.12f + drop + t * cosine(angle) * p->width / p->height;
        bone[i] = patient_point(p, hand * x, y, between(0.1f, 0.06f, clamp01(t)),
                                i == 0 ? 0.0f : 0.09f * p->bone);
        flesh[i] = patient_point(p, hand * (x - 0.01f), y, between(0.18f, 0.23f, clamp01(t)),
                                 0.42f * smooth01(t / 1.2f));
    }
    layer_stroke(layer, bone, 8, PROFILE_BONE);
    layer_stroke(layer, flesh, 8, PROFILE_CYLINDER);
}

// Trachea and main bronchi: air.
static void draw_windpipe(struct layer *layer, const struct patient *p) {
    struct stroke_point points[6];
    const float x = p->lean * 1.4f;
    for (int i = 0; i < 6; i++) {
        points[i] = patient_point(p, x - 0.01f * (float)i, -0.4f + 0.148f * (float)i, 0.058f,
                                  i == 5 ? -0.05f : -0.11f);
    }
    layer_stroke(layer, points, 6, PROFILE_SOFT);
    for (int hand = -1; hand <= 1; hand += 2) {
        for (int i = 0; i < 4; i++) {
            const float t = (float)i / 3;
            points[i] = patient_point(p, x - 0.05f + (float)hand * (0.02f + 0.2f * t),
                                      0.33f + 0.1f * t, 0.04f, -0.07f * (1.0f - t));
        }
        layer_stroke(layer, points, 4, PROFILE_SOFT);
    }
}

void bones_draw(struct layer *layer, const struct patient *patient) {
    struct random random = patient_random(patient->seed, patient->index, PART_BONES);
    draw_spine(layer, patient, &random);
    draw_windpipe(layer, patient);
    draw_ribs(layer, patient, &random);
    draw_shoulder(layer, patient, -1.0f, &random);
    draw_shoulder(layer, patient, 1.0f, &random);
}

void arms_draw(struct layer *layer, const struct patient *patient) {
    struct random random = patient_random(patient->seed, patient->index, PART_ARMS);
    draw_arm(layer, patient, -1.0f, &random);
    draw_arm(layer, patient, 1.0f, &random);
}

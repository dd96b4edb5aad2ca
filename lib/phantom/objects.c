// What lies on or in a patient besides anatomy: marker, tubes, wires, electrodes, skin folds.
#include "phantom/math.h"
#include "phantom/strokes.h"

#define WIRE 24

// The letter L in lead, at an upper corner.
static void draw_marker(struct layer *layer, struct random *random) {
    const float size = uniform(random, 0.014f, 0.024f), angle = 0.25f * normal(random);
    const float c = cosine(angle) * size, s = sine(angle) * size;
    const float x = uniform(random, 0.88f, 0.95f), y = uniform(random, 0.05f, 0.16f);
    const float strength = uniform(random, 0.4f, 1.2f), radius = 0.22f * size;
    const float letter[][2] = {{-0.5f, -1.0f}, {-0.5f, 0.8f}, {0.6f, 0.8f}};
    struct stroke_point points[3];
    for (int i = 0; i < 3; i++) {
        points[i] =
            (struct stroke_point){x + c * letter[i][0] - s * letter[i][1],
                                  y + s * letter[i][0] + c * letter[i][1], radius, strength};
    }
    layer_stroke(layer, points, 3, PROFILE_FLAT);
}

// A smooth random line from (x, y) to (u, v) in chest coordinates.
static void draw_wire(struct layer *layer, const struct patient *p, float x, float y, float u,
                      float v, float sag, float radius, float strength, enum stroke_profile profile,
                      struct random *random) {
    struct stroke_point points[WIRE + 1];
    const float phase = uniform(random, 0.0f, 6.0f), waves = uniform(random, 3.0f, 7.0f);
    for (int i = 0; i <= WIRE; i++) {
        const float t = (float)i / WIRE, rise = 4.0f * t * (1.0f - t);
        points[i] = patient_point(p, between(x, u, t) + sag * rise * sine(phase + waves * t),
                                  between(y, v, t) + sag * rise * cosine(phase + waves * t * 0.8f),
                                  radius, strength);
    }
    layer_stroke(layer, points, WIRE + 1, profile);
}

static void draw_electrodes(struct layer *layer, const struct patient *p, struct random *random) {
    const size_t count = 2 + (size_t)random_below(random, 3);
    for (size_t i = 0; i < count; i++) {
        const float x = uniform(random, -0.9f, 0.9f), y = uniform(random, 0.05f, 0.9f);
        const struct stroke_point point = patient_point(p, x, y, 0, 0);
        layer_blob(layer, point.x, point.y, 0.011f, 0.011f, 0, 0.16f, 0.1f);
        layer_blob(layer, point.x, point.y, 0.005f, 0.005f, 0, 0.3f, 0.2f);
        const float v = uniform(random, 1.0f, 1.7f), u = uniform(random, -0.4f, 1.6f);
        draw_wire(layer, p, x, y, u, v, 0.12f, 0.006f, 0.16f, PROFILE_SOFT, random);
    }
}

// A skin fold: brightness rises slowly to a line and ends there, as a pleural line's does not.
static void draw_fold(struct layer *layer, const struct patient *p, struct random *random) {
    struct stroke_point points[WIRE + 1];
    const bool right = chance(random, 0.5f);
    const float x = uniform(random, 0.45f, 0.8f), top = uniform(random, 0.15f, 0.4f);
    const float bottom = uniform(random, 0.6f, 1.05f), strength = uniform(random, 0.04f, 0.09f);
    const float slant = uniform(random, -0.1f, 0.25f);
    for (int i = 0; i <= WIRE; i++) {
        const float t = (float)i / WIRE;
        const float position = x + slant * t + 0.08f * bump(2.0f * t - 1.0f);
        points[i] = patient_point(p, right ? position : -position, between(top, bottom, t), 0.1f,
                                  strength * bump(2.0f * t - 1.0f));
    }
    layer_stroke(layer, points, WIRE + 1, PROFILE_FOLD);
}

static void draw_pacemaker(struct layer *layer, const struct patient *p, struct random *random) {
    const float x = uniform(random, 0.62f, 0.85f), y = uniform(random, 0.16f, 0.28f);
    const struct stroke_point point = patient_point(p, x, y, 0, 0);
    const float angle = uniform(random, -0.4f, 0.4f);
    layer_blob(layer, point.x, point.y, 0.045f, 0.038f, angle, 0.3f, 0.12f);
    layer_blob(layer, point.x, point.y + 0.012f, 0.03f, 0.016f, angle, 0.25f, 0.15f);
    struct stroke_point points[WIRE + 1];
    for (int i = 0; i <= WIRE; i++) {
        const float t = (float)i / WIRE, bow = bump(2.0f * t - 1.0f);
        points[i] = patient_point(p, between(x, 0.3f, t) - 0.55f * bow * (1.0f - 0.4f * t),
                                  between(y - 0.05f, 0.86f, t * t) - 0.06f * bow, 0.009f, 0.28f);
    }
    layer_stroke(layer, points, WIRE + 1, PROFILE_SOFT);
}

// The collimator's border: a bright or dark strip along one edge of the image.
static void draw_border(struct layer *layer, struct random *random) {
    const float tilt = 0.006f * normal(random), radius = uniform(random, 0.01f, 0.035f);
    const float strength = chance(random, 0.6f) ? 1.2f : -2.0f;
    const uint64_t edge = random_below(random, 4);
    const float position = edge < 2 ? 0.0f : 1.0f;
    struct stroke_point points[2] = {{-0.1f, position - tilt, radius, strength},
                                     {1.1f, position + tilt, radius, strength}};
    if (edge % 2 == 1) {
        for (int i = 0; i < 2; i++) {
            const float kept = points[i].x;
            points[i].x = points[i].y;
            points[i].y = kept;
        }
    }
    layer_stroke(layer, points, 2, PROFILE_FLAT);
}

void objects_draw(struct layer *layer, const struct patient *patient) {
    struct random random = patient_random(patient->seed, patient->index, PART_OBJECTS);
    if (chance(&random, 0.18f)) {
        draw_border(layer, &random);
    }

    if (chance(&random, 0.75f)) {
        draw_marker(layer, &random);
    }
    if (chance(&random, 0.25f)) {
        draw_electrodes(layer, patient, &random);
    }
    if (chance(&random, 0.35f)) {
        draw_fold(layer, patient, &random);
    }
    if (chance(&random, 0.08f)) {
        draw_pacemaker(layer, patient, &random);
    }
    if (chance(&random, 0.12f)) { // endotracheal tube
        draw_wire(layer, patient, 0.0f, -0.6f, -0.01f, 0.22f, 0.01f, 0.03f, 0.14f, PROFILE_TUBE,
                  &random);
    }
    if (chance(&random, 0.12f)) { // drain
        const float hand = chance(&random, 0.5f) ? 1.0f : -1.0f;
        const float v = uniform(&random, 0.1f, 0.5f), u = uniform(&random, 0.3f, 0.6f);
        const float y = uniform(&random, 0.7f, 1.1f);
        draw_wire(layer, patient, hand * 1.3f, y, hand * u, v, 0.05f, 0.02f, 0.2f, PROFILE_TUBE,
                  &random);
    }
    if (chance(&random, 0.15f)) { // central line
        draw_wire(layer, patient, -0.7f, -0.05f, -0.16f, uniform(&random, 0.35f, 0.5f), 0.1f, 0.01f,
                  0.2f, PROFILE_SOFT, &random);
    }
}

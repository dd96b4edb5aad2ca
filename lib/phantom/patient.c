// Build, posture and exposure of one patient.
#include "phantom/patient.h"

#include "phantom/math.h"

#define STREAM_PHANTOM 0x7068616Eu

struct random patient_random(uint64_t seed, uint64_t index, enum patient_part part) {
    return random_seed(seed, STREAM_PHANTOM + (uint64_t)part, index);
}

void patient_draw(struct patient *p, uint64_t seed, uint64_t index) {
    struct random random = patient_random(seed, index, PART_PATIENT);
    const float zoom = uniform(&random, 0.88f, 1.12f);
    p->seed = seed;
    p->index = index;
    p->width = 0.365f * zoom * uniform(&random, 0.93f, 1.06f);
    p->height = 0.64f * zoom * uniform(&random, 0.80f, 1.10f);
    p->centre_x = 0.5f + 0.022f * normal(&random);
    p->centre_y = 0.455f + 0.022f * normal(&random);
    const float angle = 0.036f * normal(&random);
    p->cosine = cosine(angle);
    p->sine = sine(angle);
    p->lean = 0.025f * normal(&random);
    p->dome[0] = 0.85f + 0.04f * normal(&random);
    p->dome[1] = p->dome[0] + 0.045f + 0.02f * normal(&random);
    p->heart = 1.0f + 0.12f * normal(&random);
    p->fat = 1.0f + 0.14f * normal(&random);
    p->air = 0.345f + 0.045f * normal(&random);
    p->bone = uniform(&random, 0.75f, 1.25f);
    p->vessels = uniform(&random, 0.55f, 1.1f);
    p->breasts = chance(&random, 0.4f);
    p->gain = 1.03f + 0.10f * normal(&random);
    p->gamma = 0.05f + 0.18f * normal(&random);
    p->fog = uniform(&random, 0.0f, 0.05f);
    if (chance(&random, 0.25f)) { /* scattered rays: pale and flat */
        p->fog += uniform(&random, 0.0f, 0.12f);
        p->gain *= uniform(&random, 0.75f, 0.95f);
    }
    p->grain = uniform(&random, 0.006f, 0.02f);
    p->blur = uniform(&random, 0.0f, 1.0f);
}

void patient_place(const struct patient *p, float x, float y, float *u, float *v) {
    const float across = x * p->width, down = (y - 0.5f) * p->height;
    *u = p->centre_x + across * p->cosine - down * p->sine;
    *v = p->centre_y + across * p->sine + down * p->cosine;
}

struct stroke_point patient_point(const struct patient *patient, float x, float y, float radius,
                                  float strength) {
    struct stroke_point point = {0, 0, radius * patient->width, strength};
    patient_place(patient, x, y, &point.x, &point.y);
    return point;
}

float patient_wall(float y) {
    // An ellipse's shoulder above, slightly narrowing below the widest place.
    const float up = clamp01((0.72f - y) / 0.78f), down = clamp01((y - 0.72f) / 0.5f);
    const float up2 = up * up;
    return sqrtf(1.0f - 0.80f * up2 * up2 - 0.20f * up2) - 0.05f * down * down;
}

// Pockets of air along the chest wall, sized to cover a drawn share of the image.
#include "phantom/lesion.h"

#include "phantom/math.h"
#include "phantom/phantom.h"

#include <string.h>

#define THICKEST 0.22f
#define MIN_AREA 0.0015f
#define MAX_AREA 0.12f

// A pocket: air thickest in one direction seen from the lung's root.
struct pocket {
    float hand;        // -1 image left, +1 image right
    float angle, span; // radians from the apex towards the chest wall
    float area;        // share of the image
    float phase, wobble;
};

static struct pocket pocket_draw(struct random *random, float area) {
    struct pocket pocket = {0};
    pocket.hand = chance(random, 0.5f) ? 1.0f : -1.0f;
    pocket.angle = uniform(random, 0.15f, 1.25f);
    pocket.area = area * exponential(0.85f * normal(random));
    if (chance(random, 0.08f)) { // at the base
        pocket.angle = uniform(random, 1.75f, 2.1f);
    }
    pocket.area = smaller(larger(pocket.area, MIN_AREA), MAX_AREA);
    pocket.span = smaller(uniform(random, 0.9f, 1.35f) + 15.0f * pocket.area, 2.6f);
    pocket.phase = uniform(random, 0.0f, 6.0f);
    pocket.wobble = uniform(random, 0.03f, 0.14f);
    return pocket;
}

// The thickness of a pocket's air at every node, as a part of its greatest one.
static void pocket_shape(float *shape, const struct pocket *pocket, const struct patient *p) {
    float u, v;
    patient_place(p, pocket->hand * 0.10f, 0.62f, &u, &v);
    // Straight up is the apex; the patient's own rotation comes on top.
    const float x = pocket->hand * sine(pocket->angle), y = -cosine(pocket->angle);
    const float toward_x = x * p->cosine - y * p->sine, toward_y = x * p->sine + y * p->cosine;
    const float widest = cosine(pocket->span);
    for (size_t i = 0; i < GRID_SIZE; i++) {
        const float dx = (float)(i % GRID_NODES) / GRID_CELLS - u;
        const float dy = (float)(i / GRID_NODES) / GRID_CELLS - v;
        const float length = sqrtf(dx * dx + dy * dy) + 1e-6f;
        const float along = (dx * toward_x + dy * toward_y) / length;
        const float rise = smooth01((along - widest) / (1.0f - widest));
        const float wave = sine(pocket->phase + 10.0f * (dx + 2.0f * dy) / p->height * 0.5f);
        const bool here = dx * pocket->hand > -0.10f * p->width;
        shape[i] = here ? rise * (1.0f + pocket->wobble * wave) - 0.04f : -1.0f;
    }
}

// The image's share that air of this thickness covers, with soft borders so that it grows smoothly.
static float covered(const float *shape, float thickness, const struct anatomy *anatomy) {
    float sum = 0.0f;
    for (size_t i = 0; i < GRID_SIZE; i++) {
        const float air = thickness * shape[i] - anatomy->cage[i];
        const float within = smaller(smaller(air, anatomy->lungs[i]),
                                     smaller(-anatomy->abdomen[i], -anatomy->heart[i]));
        sum += clamp01(within * GRID_CELLS + 0.5f);
    }
    return sum / (GRID_CELLS * GRID_CELLS);
}

// Turns a pocket into depths of the given share of the image, or as near as its lung allows.
static void pocket_depth(float *depth, const struct pocket *pocket, const struct anatomy *anatomy,
                         const struct patient *patient) {
    float low = 0.0f, high = THICKEST;
    pocket_shape(depth, pocket, patient);
    for (int i = 0; i < 12; i++) {
        const float middle = 0.5f * (low + high);
        if (covered(depth, middle, anatomy) < pocket->area) {
            low = middle;
        } else {
            high = middle;
        }
    }
    for (size_t i = 0; i < GRID_SIZE; i++) {
        depth[i] = high * depth[i] - anatomy->cage[i];
    }
}

void lesion_draw(struct lesion *lesion, const struct lesion_style *style,
                 const struct anatomy *anatomy, const struct patient *patient) {
    struct random random = patient_random(patient->seed, patient->index, PART_LESION);
    struct pocket pocket = pocket_draw(&random, style->area);
    const float dark = (float)(random_uniform(&random) * random_uniform(&random));
    lesion->contrast = style->contrast + between(0.02f, 0.14f, dark);
    lesion->line = uniform(&random, 0.04f, 0.11f);
    lesion->collapse = uniform(&random, 0.01f, 0.03f) + 0.9f * pocket.area;
    lesion->count = 1;
    pocket_depth(lesion->marked[0], &pocket, anatomy, patient);
    memcpy(lesion->depth, lesion->marked[0], sizeof lesion->depth);
    const bool two_pockets = chance(&random, 0.13f);
    if (two_pockets) {
        struct pocket other = pocket_draw(&random, style->area);
        other.area = smaller(other.area, 0.02f);
        other.hand = chance(&random, 0.3f) ? -pocket.hand : pocket.hand;
        if (other.hand * pocket.hand > 0) { // elsewhere in the same lung
            other.angle =
                pocket.angle < 0.9f ? uniform(&random, 1.75f, 2.1f) : uniform(&random, 0.2f, 0.4f);
            other.span = 0.85f;
        }
        pocket_depth(lesion->marked[1], &other, anatomy, patient);
        for (size_t i = 0; i < GRID_SIZE; i++) {
            lesion->depth[i] = larger(lesion->depth[i], lesion->marked[1][i]);
        }
        lesion->count = 2;
    } else if (chance(&random, 0.14f)) { // a second reader of the same pocket
        pocket.area *= uniform(&random, 0.75f, 1.25f);
        pocket.angle += 0.1f * normal(&random);
        pocket.phase += uniform(&random, 0.5f, 2.0f);
        pocket_depth(lesion->marked[1], &pocket, anatomy, patient);
        lesion->count = 2;
    }
}

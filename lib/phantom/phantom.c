// Puts a patient together: shapes, strokes and textures to one brightness, film curve, grain.
#include "phantom/phantom.h"

#include "core/simd.h"
#include "phantom/anatomy.h"
#include "phantom/lesion.h"
#include "phantom/math.h"
#include "phantom/strokes.h"

#include <stdlib.h>

// What a drawing needs while it is made.
struct scene {
    struct patient patient;
    struct anatomy anatomy;
    struct lesion lesion;
    bool has_lesion;
    struct layer bones, vessels, objects;
    float *coarse, *fine; // lattices of the lungs' texture
    float *rows;          // ROW_COUNT rows of `side`
    size_t side;
};

enum row {
    ROW_BODY,
    ROW_LUNGS,
    ROW_CAGE,

    ROW_HEART,
    ROW_ABDOMEN,
    ROW_HAZE,
    ROW_DEPTH,
    ROW_COARSE,
    ROW_FINE,
    ROW_COUNT
};

#define COARSE 48
#define FINE 160

// How sharp silhouettes are, in image sides.
#define BORDER 0.0035f

// Brightness of one row from its shapes: air, body, lungs within it, heart and abdomen over them.
VECTORISED static void compose(float *restrict out, const float *restrict rows,
                               const float *restrict bones, const float *restrict vessels,
                               const float *restrict objects, size_t side, const struct patient *p,
                               const struct lesion *lesion) {
    const float contrast = lesion != NULL ? lesion->contrast : 0.0f;
    const float line = lesion != NULL ? lesion->line : 0.0f;
    const float collapse = lesion != NULL ? lesion->collapse : 0.0f;
    const float fat = p->fat, air = p->air, gain = p->gain, fog = p->fog, gamma = p->gamma;
    const float thin = larger(0.0028f, 0.8f / (float)side);
    for (size_t i = 0; i < side; i++) {
        const float cage = rows[ROW_CAGE * side + i];
        const float body = rows[ROW_BODY * side + i], lungs = rows[ROW_LUNGS * side + i];
        const float heart = rows[ROW_HEART * side + i], belly = rows[ROW_ABDOMEN * side + i];
        const float depth = rows[ROW_DEPTH * side + i];
        const float coarse = rows[ROW_COARSE * side + i], fine = rows[ROW_FINE * side + i];
        const float flesh = inside(body, 0.004f), below = inside(belly, BORDER);
        const float thick = clamp01(body / 0.14f), deep = clamp01(lungs / 0.08f);
        const float blood = inside(heart, 0.005f);
        const float lung = inside(lungs, BORDER) * (1.0f - below) * (1.0f - 0.65f * blood);
        const float rim = lung * (1.0f - blood) * inside(depth, 0.0025f);
        float value = flesh * (0.13f + fat * 0.42f * thick * (2.0f - thick));
        value += 0.07f * bump((cage + 0.014f) / 0.022f) * flesh * (1.0f - below);
        value -= lung * air * (0.68f + 0.32f * deep * (2.0f - deep));
        value += flesh * blood *
                 (0.04f + 0.10f * clamp01(heart / 0.03f) + 0.12f * clamp01(heart / 0.12f)) *
                 (1.0f - smooth01(belly / 0.08f));
        value += flesh * below *
                 (0.05f * (1.0f - blood) * inside(cage, 0.01f) + 0.30f * smooth01(belly / 0.17f));
        value += flesh * (rows[ROW_HAZE * side + i] + 0.7f * thick * coarse);
        value += lung * (1.0f - rim) * ((1.0f - 0.4f * blood) * vessels[i] + coarse + fine);
        value -= rim * contrast;
        value += lung * (1.0f - blood) * line * bump(depth / thin);
        value += lung * (1.0f - rim) * collapse * smooth01(1.0f + depth / 0.15f);
        value += bones[i] * flesh * (1.0f - 0.55f * below * smooth01(belly / 0.05f)) + objects[i];
        value = larger(value * gain + fog, 0.0f);
        const float square = value * value;
        value = value / sqrtf(sqrtf(1.0f + square * square));
        out[i] = value + gamma * value * (1.0f - value);
    }
}

static void compose_rows(struct scene *scene, float *brightness) {
    const size_t side = scene->side;
    const float *grids[] = {scene->anatomy.body,    scene->anatomy.lungs,
                            scene->anatomy.cage,    scene->anatomy.heart,

                            scene->anatomy.abdomen, scene->anatomy.haze};
    const struct lesion *lesion = scene->has_lesion ? &scene->lesion : NULL;
    for (size_t row = 0; row < side; row++) {
        for (size_t i = 0; i < ROW_DEPTH; i++) {
            grid_row(scene->rows + i * side, grids[i], row, side);
        }
        if (lesion != NULL) {
            grid_row(scene->rows + ROW_DEPTH * side, lesion->depth, row, side);
        } else {
            for (size_t i = 0; i < side; i++) {
                scene->rows[ROW_DEPTH * side + i] = -1.0f;
            }
        }
        noise_row(scene->rows + ROW_COARSE * side, scene->coarse, COARSE, 0.018f, row, side);
        noise_row(scene->rows + ROW_FINE * side, scene->fine, FINE, 0.022f, row, side);

        compose(brightness + row * side, scene->rows, scene->bones.values + row * side,
                scene->vessels.values + row * side, scene->objects.values + row * side, side,
                &scene->patient, lesion);
    }
}

// Grain and 8 bits. Grain is as strong at a small side as averaging would leave it.
static void develop(struct image *image, const float *brightness, const struct patient *p) {
    struct random random = patient_random(p->seed, p->index, PART_GRAIN);
    const float side = (float)image->width;
    const float grain = 255.0f * p->grain * smaller(1.0f, side / 1024.0f);
    for (size_t i = 0; i < image->height * image->width; i++) {
        const uint64_t bits = random_next(&random);
        const float sum = (float)(int)((bits & 0xFFFF) + (bits >> 16 & 0xFFFF) +
                                       (bits >> 32 & 0xFFFF) + (bits >> 48)) *
                              0x1p-16f -
                          2.0f;
        const float value = 255.0f * brightness[i] + 1.7f * grain * sum + 0.5f;
        image->pixels[i] = (uint8_t)smaller(larger(value, 0.0f), 255.0f);
    }
}

// One annotation: where its air lies over lung. The deepest place is set whatever the side, so that
// the smallest lesion in the smallest image has a pixel.
static void mark(struct image *mask, const float *depth, struct scene *scene) {
    const size_t side = scene->side;
    float *rows = scene->rows, best = -1e9f;
    size_t deepest = 0;
    for (size_t row = 0; row < side; row++) {
        grid_row(rows, depth, row, side);
        grid_row(rows + side, scene->anatomy.lungs, row, side);
        grid_row(rows + 2 * side, scene->anatomy.abdomen, row, side);
        grid_row(rows + 3 * side, scene->anatomy.heart, row, side);
        for (size_t i = 0; i < side; i++) {
            const float margin = smaller(smaller(rows[i], rows[side + i]),
                                         smaller(-rows[2 * side + i], -rows[3 * side + i]));
            mask->pixels[row * side + i] = margin > 0.0f;
            if (margin > best) {
                best = margin;
                deepest = row * side + i;
            }
        }
    }
    mask->pixels[deepest] = 1;
}

static bool mark_all(struct phantom *out, struct scene *scene, struct error *error) {
    out->lesions = calloc(scene->lesion.count, sizeof *out->lesions);
    if (out->lesions == NULL) {
        return fail(error, "no memory for %zu masks", scene->lesion.count);
    }
    out->lesion_count = scene->lesion.count;
    for (size_t i = 0; i < out->lesion_count; i++) {
        if (!image_alloc(out->lesions + i, scene->side, scene->side, error)) {
            return false;
        }
        mark(out->lesions + i, scene->lesion.marked[i], scene);
    }
    return true;
}

static void scene_free(struct scene *scene) {
    if (scene != NULL) {
        free(scene->bones.values);
        free(scene->vessels.values);
        free(scene->objects.values);

        free(scene->coarse);
        free(scene->fine);
        free(scene->rows);
        free(scene);
    }
}

static struct scene *scene_make(size_t side) {
    struct scene *scene = calloc(1, sizeof *scene);
    if (scene == NULL) {
        return NULL;
    }
    scene->side = side;
    scene->bones = (struct layer){calloc(side * side, sizeof(float)), side};
    scene->vessels = (struct layer){calloc(side * side, sizeof(float)), side};
    scene->objects = (struct layer){calloc(side * side, sizeof(float)), side};

    scene->coarse = malloc((COARSE + 1) * (COARSE + 1) * sizeof(float));
    scene->fine = malloc((FINE + 1) * (FINE + 1) * sizeof(float));
    scene->rows = malloc(ROW_COUNT * side * sizeof(float));
    if (scene->bones.values == NULL || scene->vessels.values == NULL ||
        scene->objects.values == NULL || scene->coarse == NULL || scene->fine == NULL ||
        scene->rows == NULL) {
        scene_free(scene);
        return NULL;
    }
    return scene;
}

static void scene_draw(struct scene *scene, uint64_t seed, uint64_t index,
                       const struct lesion_style *style) {
    struct random noise = patient_random(seed, index, PART_NOISE);
    patient_draw(&scene->patient, seed, index);
    anatomy_draw(&scene->anatomy, &scene->patient);
    bones_draw(&scene->bones, &scene->patient);
    arms_draw(&scene->objects, &scene->patient);
    objects_draw(&scene->objects, &scene->patient);
    vessels_draw(&scene->vessels, &scene->patient);

    noise_fill(scene->coarse, COARSE, random_next(&noise), 0);
    noise_fill(scene->fine, FINE, random_next(&noise), 0);
    scene->has_lesion = style != NULL;
    if (scene->has_lesion) {
        lesion_draw(&scene->lesion, style, &scene->anatomy, &scene->patient);
    }
}

bool phantom_draw(struct phantom *out, uint64_t seed, uint64_t index, size_t side,
                  const struct lesion_style *style, struct error *error) {
    *out = (struct phantom){0};
    if (side < PHANTOM_MIN_SIDE || side > PHANTOM_MAX_SIDE) {
        return fail(error, "side %zu is not within %d..%d", side, PHANTOM_MIN_SIDE,
                    PHANTOM_MAX_SIDE);
    }
    struct scene *scene = scene_make(side);
    float *brightness = calloc(side * side, sizeof *brightness);
    bool drawn = false;
    if (scene == NULL || brightness == NULL) {
        (void)fail(error, "no memory for an image of side %zu", side);
    } else if (image_alloc(&out->image, side, side, error)) {
        scene_draw(scene, seed, index, style);
        compose_rows(scene, brightness);
        develop(&out->image, brightness, &scene->patient);
        drawn = style == NULL || mark_all(out, scene, error);
    }
    free(brightness);
    scene_free(scene);
    if (!drawn) {
        phantom_free(out);
    }
    return drawn;
}

void phantom_free(struct phantom *phantom) {
    for (size_t i = 0; i < phantom->lesion_count; i++) {
        image_free(phantom->lesions + i);
    }
    free(phantom->lesions);
    image_free(&phantom->image);
    *phantom = (struct phantom){0};
}

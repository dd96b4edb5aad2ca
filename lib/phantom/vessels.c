// Vessels: trees that fork from the hila towards the chest wall, ever finer.
#include "phantom/math.h"
#include "phantom/strokes.h"

#define DEPTH 6
#define PIECES 4

struct branch {
    float x, y, angle, radius, length; // angle 0 points away from the midline, positive is down
    int depth;
};

struct tree {
    struct layer *layer;
    const struct patient *patient;
    float hand;
    struct random random;
};

// Draws one branch and leaves its end in *branch.
static void draw_branch(struct tree *tree, struct branch *branch) {
    struct stroke_point points[PIECES + 1];
    const float bend = 0.5f * normal(&tree->random) / PIECES;
    const float aspect = tree->patient->width / tree->patient->height;
    const float bright = 0.08f * tree->patient->vessels;
    for (int i = 0; i <= PIECES; i++) {
        const float taper = 1.0f - 0.25f * (float)i / PIECES;
        const float fade = between(1.0f, 0.4f, (float)branch->depth / DEPTH);
        points[i] = patient_point(tree->patient, tree->hand * branch->x, branch->y,
                                  branch->radius * taper, bright * fade);
        if (i < PIECES) {
            const float step = branch->length / PIECES;
            branch->x += step * cosine(branch->angle);
            branch->y += step * sine(branch->angle) * aspect;
            branch->angle += bend + 0.2f * normal(&tree->random);
        }
    }
    layer_stroke(tree->layer, points, PIECES + 1, PROFILE_SOFT);
}

static void draw_tree(struct tree *tree, struct branch root) {
    struct branch waiting[2 * DEPTH + 2];
    size_t count = 0;
    waiting[count++] = root;
    while (count > 0) {
        struct branch branch = waiting[--count];
        draw_branch(tree, &branch);
        if (branch.depth >= DEPTH || branch.x > 1.05f || branch.x < 0.1f || branch.y < -0.03f ||
            branch.y > 1.1f) {
            continue;
        }
        for (int k = -1; k <= 1; k += 2) {
            struct branch child = branch;
            child.depth++;
            child.angle += (float)k * uniform(&tree->random, 0.15f, 0.6f);
            child.radius *= uniform(&tree->random, 0.68f, 0.84f);
            child.length *= uniform(&tree->random, 0.6f, 1.0f);
            waiting[count++] = child;
        }
    }
}

void vessels_draw(struct layer *layer, const struct patient *patient) {
    struct tree tree = {layer, patient, 0,
                        patient_random(patient->seed, patient->index, PART_VESSELS)};
    static const float roots[][2] = {{-1.25f, 0.36f}, {-0.75f, 0.38f}, {-0.3f, 0.41f},
                                     {0.15f, 0.44f},  {0.6f, 0.47f},   {1.0f, 0.49f},
                                     {1.35f, 0.50f}};
    for (int hand = -1; hand <= 1; hand += 2) {
        tree.hand = (float)hand;
        for (size_t i = 0; i < sizeof roots / sizeof *roots; i++) {
            const float x = uniform(&tree.random, 0.17f, 0.22f);
            const float angle = roots[i][0] + 0.12f * normal(&tree.random);
            const float radius = uniform(&tree.random, 0.026f, 0.038f);
            const float length = uniform(&tree.random, 0.19f, 0.25f);
            draw_tree(&tree, (struct branch){x, roots[i][1] - (hand > 0 ? 0.02f : 0.0f), angle,
                                             radius, length, 0});
        }
    }
}

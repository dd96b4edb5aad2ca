// The silhouettes of body, lungs, heart and abdomen, and what is smooth.
#include "phantom/anatomy.h"

#include "phantom/math.h"

#define KNOTS_MAX 32 // of one outline

// Knots in chest coordinates, shifted a little at random, to an outline in the image.
static void trace(float *grid, const struct patient *patient, const float (*knots)[2], size_t count,
                  float wobble, struct random *random) {
    float placed[KNOTS_MAX][2];
    struct outline outline;
    for (size_t i = 0; i < count; i++) {
        const float x = knots[i][0] + wobble * normal(random);
        const float y = knots[i][1] + wobble * normal(random);
        patient_place(patient, x, y, &placed[i][0], &placed[i][1]);
    }
    outline_through(&outline, (const float(*)[2])placed, count);
    grid_distance(grid, &outline);
}

static void draw_body(float *grid, const struct patient *patient, struct random *random) {
    static const float half_width[][2] = {
        {0.34f, -1.2f}, {0.35f, -0.35f}, {0.46f, -0.17f}, {0.80f, -0.10f}, {1.15f, -0.06f},
        {1.36f, 0.01f}, {1.48f, 0.18f},  {1.43f, 0.38f},  {1.29f, 0.50f},  {1.21f, 0.62f},
        {1.18f, 0.85f}, {1.19f, 1.2f},   {1.20f, 1.7f},   {1.20f, 2.4f},   {1.20f, 3.2f}};
    const size_t count = sizeof half_width / sizeof *half_width;
    float knots[KNOTS_MAX][2];
    const float slope = 0.05f * normal(random), neck = 1.0f + 0.1f * normal(random);
    for (size_t i = 0; i < count; i++) {
        const bool low = i >= 8;
        const float wide =
            low ? half_width[i][0] + 0.16f * (patient->fat - 1.0f) + 0.02f : half_width[i][0];
        const float x = i < 3 ? wide * neck : wide;
        const float y =
            half_width[i][1] + (i > 1 && i < 8 ? slope * (half_width[i][0] - 0.3f) : 0.0f);
        knots[i][0] = x;
        knots[i][1] = y;
        knots[2 * count - 1 - i][0] = -x;
        knots[2 * count - 1 - i][1] = y;
    }
    trace(grid, patient, (const float(*)[2])knots, 2 * count, 0.012f, random);
}

#define WALL_KNOTS 12

// The rib cage's inner wall on one side, from the apex to behind the diaphragm.
static void wall_knots(float (*wall)[2], float hand, struct random *random) {
    for (int i = 0; i < WALL_KNOTS; i++) {
        const float k = (float)(i - 2), y = 0.05f + 0.12f * k + 0.001f * k * k;
        wall[i][0] = hand * (i < 2 ? 0.36f + 0.14f * (float)i : patient_wall(y));
        wall[i][1] = i < 2 ? 0.012f * (float)i : y;
    }
    wall[WALL_KNOTS - 1][0] = hand * 0.85f;
    wall[WALL_KNOTS - 1][1] = 1.14f;
    for (int i = 0; i < WALL_KNOTS; i++) {
        wall[i][0] += 0.008f * normal(random);
        wall[i][1] += 0.008f * normal(random);
    }
}

// One hemithorax: chest wall outside, mediastinum inside; the diaphragm cuts it below.
static void draw_lung(float *grid, const struct patient *patient, const float (*wall)[2],
                      float hand, struct random *random) {
    static const float medial[][2] = {{0.22f, 1.02f}, {0.17f, 0.80f}, {0.15f, 0.60f},
                                      {0.15f, 0.42f}, {0.16f, 0.25f}, {0.18f, 0.12f},
                                      {0.24f, 0.035f}};
    const size_t count = sizeof medial / sizeof *medial;
    float knots[KNOTS_MAX][2];
    for (size_t i = 0; i < WALL_KNOTS; i++) {
        knots[i][0] = wall[i][0];
        knots[i][1] = wall[i][1];
    }
    for (size_t i = 0; i < count; i++) {
        knots[WALL_KNOTS + i][0] = hand * medial[i][0] + patient->lean + 0.008f * normal(random);
        knots[WALL_KNOTS + i][1] = medial[i][1];
    }
    trace(grid, patient, (const float(*)[2])knots, WALL_KNOTS + count, 0.0f, random);
}

static void draw_lungs(struct anatomy *anatomy, const struct patient *patient,
                       struct random *random) {
    float left[WALL_KNOTS][2], right[WALL_KNOTS][2], around[2 * WALL_KNOTS][2];
    wall_knots(left, -1.0f, random);
    wall_knots(right, 1.0f, random);
    draw_lung(anatomy->lungs, patient, (const float(*)[2])left, -1.0f, random);
    draw_lung(anatomy->cage, patient, (const float(*)[2])right, 1.0f, random);
    for (size_t i = 0; i < GRID_SIZE; i++) {
        anatomy->lungs[i] = larger(anatomy->lungs[i], anatomy->cage[i]);
    }
    for (size_t i = 0; i < WALL_KNOTS; i++) {
        for (size_t k = 0; k < 2; k++) {
            around[i][k] = right[i][k];
            around[2 * WALL_KNOTS - 1 - i][k] = left[i][k];
        }
    }
    trace(anatomy->cage, patient, (const float(*)[2])around, (size_t)2 * WALL_KNOTS, 0.0f, random);
}

static void draw_heart(float *grid, const struct patient *patient, struct random *random) {
    static const float knots[][2] = {
        {-0.14f, -0.12f}, {-0.15f, 0.05f}, {-0.165f, 0.20f}, {-0.17f, 0.35f}, {-0.19f, 0.50f},
        {-0.27f, 0.62f},  {-0.31f, 0.74f}, {-0.28f, 0.87f},  {-0.18f, 0.97f}, {0.05f, 1.02f},
        {0.30f, 1.02f},   {0.50f, 0.96f},  {0.60f, 0.88f},   {0.585f, 0.79f}, {0.48f, 0.65f},
        {0.35f, 0.52f},   {0.265f, 0.44f}, {0.245f, 0.39f},  {0.20f, 0.345f}, {0.19f, 0.30f},
        {0.235f, 0.25f},  {0.235f, 0.20f}, {0.18f, 0.155f},  {0.15f, 0.05f},  {0.14f, -0.12f}};
    const size_t count = sizeof knots / sizeof *knots;
    float shaped[KNOTS_MAX][2];
    const float knob = 1.0f + 0.12f * normal(random), atrium = 1.0f + 0.1f * normal(random);
    const float sink = 0.5f * (patient->dome[0] + patient->dome[1]) - 0.88f;
    for (size_t i = 0; i < count; i++) {
        const float low = smooth01((knots[i][1] - 0.35f) / 0.3f);
        shaped[i][0] =
            patient->lean +
            knots[i][0] * between(knob, patient->heart * (knots[i][0] < 0 ? atrium : 1.0f), low);
        shaped[i][1] = knots[i][1] + sink * low;
    }
    trace(grid, patient, (const float(*)[2])shaped, count, 0.006f, random);
}

static void draw_abdomen(float *grid, const struct patient *patient, struct random *random) {
    const float right = patient->dome[0], left = patient->dome[1];
    const float angle = 1.03f + 0.02f * normal(random);
    const float knots[][2] = {{-1.5f, 2.2f},
                              {-1.5f, angle + 0.1f},
                              {-1.10f, angle + 0.03f},
                              {-0.97f, between(right, angle, 0.72f)},
                              {-0.80f, between(right, angle, 0.20f)},
                              {-0.55f, right},
                              {-0.32f, between(right, angle, 0.12f)},
                              {-0.12f, between(right, angle, 0.25f)},
                              {0.10f, between(left, angle, 0.20f)},
                              {0.32f, between(left, angle, 0.10f)},
                              {0.56f, left},
                              {0.80f, between(left, angle, 0.24f)},
                              {0.97f, between(left, angle, 0.75f)},
                              {1.10f, angle + 0.03f},
                              {1.5f, angle + 0.1f},
                              {1.5f, 2.2f}};
    trace(grid, patient, knots, sizeof knots / sizeof *knots, 0.006f, random);
}

// A smooth hill around a chest place; `edge` 1 is a hill, less makes its border steeper.
static void add_hill(float *grid, const struct patient *patient, float x, float y, float a, float b,
                     float strength, float edge) {
    float u, v;
    patient_place(patient, x, y, &u, &v);
    for (size_t i = 0; i < GRID_SIZE; i++) {
        const float dx = ((float)(i % GRID_NODES) / GRID_CELLS - u) / (a * patient->width);
        const float dy = ((float)(i / GRID_NODES) / GRID_CELLS - v) / (b * patient->width);
        const float radius = sqrtf(dx * dx + dy * dy);
        grid[i] += strength * smooth01((1.0f - radius) / edge);
    }
}

#define BROAD 11

// Uneven soft tissue.
static void add_unevenness(float *grid, struct random *random) {
    float lattice[(BROAD + 1) * (BROAD + 1)], row[GRID_NODES];
    noise_fill(lattice, BROAD, random_next(random), 0);
    for (size_t y = 0; y < GRID_NODES; y++) {
        noise_row(row, lattice, BROAD, 0.025f, y, GRID_NODES);
        for (size_t x = 0; x < GRID_NODES; x++) {
            grid[y * GRID_NODES + x] += row[x];
        }
    }
}

static void draw_haze(float *grid, const struct patient *patient) {
    struct random random = patient_random(patient->seed, patient->index, PART_HAZE);
    const float tilt_x = 0.06f * normal(&random), tilt_y = 0.05f * normal(&random);
    for (size_t i = 0; i < GRID_SIZE; i++) {
        grid[i] = tilt_x * ((float)(i % GRID_NODES) / GRID_CELLS - 0.5f) +
                  tilt_y * ((float)(i / GRID_NODES) / GRID_CELLS - 0.5f);
    }
    add_unevenness(grid, &random);
    for (int hand = -1; hand <= 1; hand += 2) {
        const float side = (float)hand;
        add_hill(grid, patient, side * 0.24f, 0.46f, 0.22f, 0.36f, 0.13f, 1.0f); // hilum
        add_hill(grid, patient, side * 1.25f, 0.12f, 0.55f, 0.5f, 0.14f, 1.0f);  // shoulder
        if (patient->breasts) {
            const float size = uniform(&random, 0.36f, 0.5f);
            const float strength = uniform(&random, 0.05f, 0.11f);
            const float y = uniform(&random, 0.68f, 0.78f), x = uniform(&random, 0.58f, 0.68f);
            add_hill(grid, patient, side * x, y, size, size * 0.95f, strength, 0.3f);
        }
        if (chance(&random, 0.16f)) { // infiltrate
            const float strength = uniform(&random, 0.06f, 0.18f);
            const float b = uniform(&random, 0.15f, 0.4f), a = uniform(&random, 0.15f, 0.4f);
            const float y = uniform(&random, 0.3f, 0.9f), x = uniform(&random, 0.3f, 0.75f);
            add_hill(grid, patient, side * x, y, a, b, strength, 1.0f);
        }
        if (chance(&random, 0.10f)) { // effusion
            const float strength = uniform(&random, 0.15f, 0.3f), b = uniform(&random, 0.3f, 0.6f);
            add_hill(grid, patient, side * 0.85f, 1.05f, 0.55f, b, strength, 0.7f);
        }
        if (chance(&random, 0.12f)) { // bulla: dark, but without a pleural line
            const float strength = -uniform(&random, 0.02f, 0.05f);
            const float b = uniform(&random, 0.1f, 0.25f), a = uniform(&random, 0.08f, 0.2f);
            const float y = uniform(&random, 0.1f, 0.6f), x = uniform(&random, 0.35f, 0.7f);
            add_hill(grid, patient, side * x, y, a, b, strength, 0.8f);
        }
    }
    if (chance(&random, 0.5f)) { // gas in the stomach
        const float strength = -uniform(&random, 0.1f, 0.3f);
        const float b = uniform(&random, 0.09f, 0.16f), a = uniform(&random, 0.15f, 0.32f);
        const float below = uniform(&random, 0.10f, 0.16f), x = uniform(&random, 0.4f, 0.6f);
        add_hill(grid, patient, x, patient->dome[1] + below, a, b, strength, 0.35f);
    }
    const size_t bowel = (size_t)random_below(&random, 7);
    for (size_t i = 0; i < bowel; i++) {
        const float size = uniform(&random, 0.05f, 0.16f);
        const float strength = -uniform(&random, 0.03f, 0.14f), flat = uniform(&random, 0.5f, 1.3f);
        const float y = uniform(&random, 1.15f, 1.5f), x = uniform(&random, -0.8f, 0.9f);
        add_hill(grid, patient, x, y, size, size * flat, strength, 0.6f);
    }
}

void anatomy_draw(struct anatomy *anatomy, const struct patient *patient) {
    struct random random = patient_random(patient->seed, patient->index, PART_SILHOUETTE);
    draw_body(anatomy->body, patient, &random);
    draw_lungs(anatomy, patient, &random);
    draw_heart(anatomy->heart, patient, &random);
    draw_abdomen(anatomy->abdomen, patient, &random);
    draw_haze(anatomy->haze, patient);
}

// One made-up patient: build, posture and exposure, drawn once; every part of the drawing asks it
// where things lie.
#ifndef PLEURA_PHANTOM_PATIENT_H
#define PLEURA_PHANTOM_PATIENT_H

#include "core/numbers/random.h"
#include "phantom/canvas.h"

#include <stdbool.h>

// Each part of a drawing has random draws of its own, so that one never shifts another's.
enum patient_part {
    PART_PATIENT,
    PART_SILHOUETTE,
    PART_BONES,
    PART_ARMS,
    PART_VESSELS,
    PART_OBJECTS,
    PART_HAZE,
    PART_LESION,
    PART_NOISE,
    PART_GRAIN,
};

// The random numbers of one part of patient `index`, independent of the other parts'.
struct random patient_random(uint64_t seed, uint64_t index, enum patient_part part);

// Chest coordinates: X from -1 to 1 between the inner chest walls (the patient's left is +X, at the
// image's right), Y from 0 at the lungs' apices to 1 at the costophrenic angles.
struct patient {
    uint64_t seed, index;
    float centre_x, centre_y; // image position of chest (0, 0.5)
    float width, height;      // image lengths of one unit of X and of Y
    float cosine, sine;       // rotation of the patient
    float lean;               // rotation about the long axis: the heart and spine shift in X
    float dome[2];            // Y of the top of the diaphragm at -X and +X
    float heart;              // relative width of the heart
    float fat;                // thickness of soft tissue, about 0.8 .. 1.4
    float air;                // how dark the lungs are
    float bone;               // how bright the bones are
    float vessels;            // how bright the vessels are
    bool breasts;
    float gain, gamma, fog; // exposure
    float grain, blur;
};

// Draws patient `index` of a seed.
void patient_draw(struct patient *patient, uint64_t seed, uint64_t index);

// Chest coordinates to image coordinates.
void patient_place(const struct patient *patient, float x, float y, float *u, float *v);

// A stroke's point at a place in the chest; radius in units of the chest's half width.
struct stroke_point patient_point(const struct patient *patient, float x, float y, float radius,
                                  float strength);

// The half width of the rib cage at height Y, as X.
float patient_wall(float y);

#endif

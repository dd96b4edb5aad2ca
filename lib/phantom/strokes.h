// What is drawn in strokes: bones, vessels, and what lies on or in a patient.
#ifndef PLEURA_PHANTOM_STROKES_H
#define PLEURA_PHANTOM_STROKES_H

#include "phantom/canvas.h"
#include "phantom/patient.h"

// Spine, ribs, clavicles, scapulae, and the windpipe, which is dark: only the body shows them.
void bones_draw(struct layer *layer, const struct patient *patient);

// Upper arms, bone and flesh, which reach out of the body's silhouette.
void arms_draw(struct layer *layer, const struct patient *patient);

// The trees of vessels from both hila, which only air-filled lung shows.
void vessels_draw(struct layer *layer, const struct patient *patient);

// Marker, tubes, wires, electrodes, skin folds: where chance puts them.
void objects_draw(struct layer *layer, const struct patient *patient);

#endif

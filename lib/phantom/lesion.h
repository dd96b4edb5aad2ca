// Pneumothorax: how thick the air between chest wall and lung is, place by place.
#ifndef PLEURA_PHANTOM_LESION_H
#define PLEURA_PHANTOM_LESION_H

#include "phantom/anatomy.h"
#include "phantom/patient.h"

#include <stdbool.h>

#define LESION_ANNOTATIONS 2

// A depth grid holds the thickness of the air minus the distance to the outer chest wall, in image
// sides: air where it is positive and the place lies in a lung, the pleural line where it is 0.
struct lesion {
    float depth[GRID_SIZE];                      // what is drawn: all pockets
    float marked[LESION_ANNOTATIONS][GRID_SIZE]; // what each annotation says
    size_t count;                                // annotations
    float contrast;                              // how much darker than lung the air is
    float line;                                  // brightness of the pleural line
    float collapse;                              // how much denser the lung beside it is
};

// Style: see phantom.h.
struct lesion_style;
void lesion_draw(struct lesion *lesion, const struct lesion_style *style,
                 const struct anatomy *anatomy, const struct patient *patient);

#endif

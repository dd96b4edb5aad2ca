// The large shapes of a chest: silhouettes as distances, and smooth haze.
#ifndef PLEURA_PHANTOM_ANATOMY_H
#define PLEURA_PHANTOM_ANATOMY_H

#include "phantom/canvas.h"
#include "phantom/patient.h"

// Distances in image sides, positive inside, at the grid's nodes.
struct anatomy {
    float body[GRID_SIZE];
    float lungs[GRID_SIZE]; // both hemithoraces, behind the diaphragm too
    float cage[GRID_SIZE];  // both and what lies between: the distance to the outer chest wall
    float heart[GRID_SIZE]; // heart and great vessels
    float abdomen[GRID_SIZE];
    float haze[GRID_SIZE]; // brightness of breasts, infiltrates, uneven exposure
};

void anatomy_draw(struct anatomy *anatomy, const struct patient *patient);

#endif

// The symmetric Lovasz hinge for the host and for devices: a pixel's error, and what the sorted
// errors are multiplied with.
#ifndef PLEURA_LOSS_LOVASZ_LOVASZ_H
#define PLEURA_LOSS_LOVASZ_LOVASZ_H

#include "core/device.h"

#include <stdbool.h>

enum { LOVASZ_MARGIN_LESION, LOVASZ_MARGIN_EMPTY }; // of the settings

// The hinge's error of a pixel, of the lesion or not: what is positive violates the margin.
ON_DEVICE static inline float lovasz_error(float z, bool lesion, float margin_empty,
                                           float margin_lesion) {
    return lesion ? margin_lesion - z : margin_empty + z;
}

// The sum of the Jaccard losses of both classes where `seen` pixels of each have been seen, of
// `lesion` and `empty`; 0 where none has.
ON_DEVICE static inline double lovasz_jaccard(double lesion, double empty, double seen_lesion,
                                              double seen_empty) {
    const double first = lesion + seen_empty;
    const double second = empty + seen_lesion;
    return 2 - ((lesion - seen_lesion) * second + (empty - seen_empty) * first) / (first * second);
}

#endif

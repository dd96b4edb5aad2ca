// Distances to the nearest of some pixels.
#ifndef PLEURA_IMAGE_GEOMETRY_DISTANCE_H
#define PLEURA_IMAGE_GEOMETRY_DISTANCE_H

#include "image/image.h"

#define DISTANCE_NONE UINT32_MAX // no pixel is set

// squares[i] = the squared Euclidean distance, in pixels, from pixel i of height x width,
// row-major, to the nearest that is set (not 0) in `set`; exact (Meijster, Roerdink, Hesselink
// 2000). Fails without memory.
CHECKED bool distance_squares(uint32_t *squares, const uint8_t *set, size_t height, size_t width,
                              struct error *error);

#endif

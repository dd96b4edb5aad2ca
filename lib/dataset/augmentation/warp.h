// Images warped and rotated: where each pixel that comes out is taken from.
#ifndef PLEURA_DATASET_AUGMENTATION_WARP_H
#define PLEURA_DATASET_AUGMENTATION_WARP_H

#include "core/numbers/random.h"
#include "image/image.h"

// A square's map: pixel (y, x) of what comes out is taken from (y + dy, x + dx), in pixels of a
// square of `side`. Starts as zeros and serves again and again.
struct warp {
    size_t side;
    float *dy, *dx;
    float *scratch; // two planes more
};

// Starts a map that moves nothing. Fails without memory.
CHECKED bool warp_reset(struct warp *warp, size_t side, struct error *error);

// Draws a shift of up to 1/16 of the side each way, a scale of 0.9 to 1.1 and a turn of up to 45
// degrees around the centre, as albumentations' ShiftScaleRotate, and adds it to the map.
void warp_shift_scale_rotate(struct warp *warp, struct random *random);

enum distortion { DISTORTION_ELASTIC, DISTORTION_GRID, DISTORTION_OPTICAL, DISTORTION_COUNT };

// Draws one of the three and adds it to the map:
// - elastic: each pixel is moved by noise from -1 to 1, smoothed by a Gaussian of 6/1024 of the
// side
//   and times alpha, so that it moves about 3/1024 of the side (Simard et al. 2003; sigma 6 and
//   alpha 120 at 1024 pixels);
// - grid: the square is cut into 5 x 5 cells, whose heights and widths change by up to 0.3;
// - optical: r -> r (1 + k r^2 + k r^4), k from -2 to 2, r in sides from the centre; a lens'.
// As albumentations' ElasticTransform, GridDistortion and OpticalDistortion with the numbers of the
// challenge's first place.
void warp_distort(struct warp *warp, struct random *random);
void warp_distort_by(struct warp *warp, enum distortion distortion, struct random *random);

// out(y, x) = in at the map's position: between four pixels (bilinear, rounded), mirrored at the
// edges without repeating them. Both are square, of the map's side.
void warp_image(struct image *out, const struct image *in, const struct warp *warp);

// The same of a square mask of any side: the nearest pixel at the map's position.
void warp_mask(struct image *out, const struct image *in, const struct warp *warp);

void warp_free(struct warp *warp);

#endif

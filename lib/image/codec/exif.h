// The orientation of an image in Exif data (JEITA CP-3451), and bringing the image upright.
#ifndef PLEURA_IMAGE_CODEC_EXIF_H
#define PLEURA_IMAGE_CODEC_EXIF_H

#include "image/format.h"

// The orientation, 1 to 8, that the TIFF structure of an Exif segment holds: 1, the rows from top
// to bottom and the columns from left to right, also where it holds none, and with a notice where
// it is 0, which writers use for "not known". False for another number or type, and for a structure
// too damaged to tell whether there is one: an image the wrong way round looks like another
// patient.
CHECKED bool exif_orientation(const uint8_t *tiff, size_t length, unsigned *orientation,
                              struct image_note *note, struct error *error);

// Transposes and mirrors *image so that it goes from `orientation` (1 to 8) to 1. False without
// memory, *image as it was.
CHECKED bool exif_apply_orientation(struct image *image, unsigned orientation, struct error *error);

#endif

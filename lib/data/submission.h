// A submission compared with the truth, image by image.
#ifndef PLEURA_DATA_SUBMISSION_H
#define PLEURA_DATA_SUBMISSION_H

#include "data/labels.h"
#include "data/score.h"

// Fills overlaps[i] for image number i of the truth. The submission (a path, or "-") must have one
// row for each of these images and no other; where it has not, the error counts and names ids that
// come twice, that the truth lacks and that the submission lacks. All images are height x width.
// Run lengths are compared as they are, no mask is drawn.
CHECKED bool submission_compare(const struct labels *truth, const char *path, size_t height,
                                size_t width, struct overlap *overlaps, struct error *error);

#endif

// A submission compared with the truth, image by image.
#ifndef PLEURA_CHALLENGE_SUBMISSION_H
#define PLEURA_CHALLENGE_SUBMISSION_H

#include "challenge/labels.h"
#include "challenge/metrics/contours.h"
#include "challenge/score.h"
#include "dataset/ids/sizes.h"

struct submission_sizes {
    struct sizes images;     // of the images, to which the submission's run lengths refer
    struct image_size truth; // what the truth's refer to, where not 0; else the images' own
};

// What is found out of each image, by its number in the truth.
struct submission_scores {
    struct overlap *overlaps;
    struct contour_scores *contours; // NULL: not asked for
    double tolerance;                // of contours, in pixels
};

// Fills the scores of all images of the truth. The submission (a path, or "-") must have one
// row for each of these images and no other; where it has not, the error counts and names ids that
// come twice, that the truth lacks and that the submission lacks. Run lengths are compared as they
// are, no mask is drawn, unless the truth's refer to another size or contours are asked for.
CHECKED bool submission_compare(const struct labels *truth, const char *path,
                                const struct submission_sizes *sizes,
                                const struct submission_scores *scores, struct error *error);

#endif

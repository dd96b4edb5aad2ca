// A submission compared with the truth, image by image.
#ifndef PLEURA_CHALLENGE_SUBMISSION_H
#define PLEURA_CHALLENGE_SUBMISSION_H

#include "challenge/labels.h"
#include "challenge/score.h"
#include "dataset/ids/sizes.h"

struct submission_sizes {
    struct sizes images;     // of the images, to which the submission's run lengths refer
    struct image_size truth; // what the truth's refer to, where not 0; else the images' own
};

// Fills overlaps[i] for image number i of the truth. The submission (a path, or "-") must have one
// row for each of these images and no other; where it has not, the error counts and names ids that
// come twice, that the truth lacks and that the submission lacks. Run lengths are compared as they
// are, no mask is drawn, unless the truth's refer to another size.
CHECKED bool submission_compare(const struct labels *truth, const char *path,
                                const struct submission_sizes *sizes, struct overlap *overlaps,
                                struct error *error);

#endif

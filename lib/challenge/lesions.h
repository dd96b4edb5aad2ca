// A sample's `rle` from the rows of a table or from a mask image.
#ifndef PLEURA_CHALLENGE_LESIONS_H
#define PLEURA_CHALLENGE_LESIONS_H

#include "challenge/labels.h"
#include "image/resize.h"

// Memory for one image after the other; starts as zeros.
struct lesions {
    size_t height, width; // what the rows' run lengths refer to; 0: each image's own size
    struct runs runs;
    struct runs_text text;
    struct image drawn, fitted;
    struct value *items;
    size_t capacity;
};

// Reads the union of the rows of image `index` into lesions->runs, which refer to height x
// width: where the rows refer to another size they are brought to this one (resize_nearest). Fails
// for run lengths that do not fit, naming file, line and id.
CHECKED bool lesions_unite(struct lesions *lesions, const struct labels *labels, size_t index,
                           size_t height, size_t width, struct error *error);

// The list of run lengths, referring to height x width, of the image in row `index` of the
// labels: the rows as they are; where they refer to another size, one text of their union, brought
// to this one (resize_nearest). It lives until the next call and as long as the labels. Fails for
// run lengths that do not fit, naming file, line and id.
CHECKED bool lesions_of_row(struct lesions *lesions, const struct labels *labels, size_t index,
                            size_t height, size_t width, struct value *list, struct error *error);

// The same of a mask of 0 and 1.
CHECKED bool lesions_of_mask(struct lesions *lesions, const struct image *mask, struct value *list,
                             struct error *error);

void lesions_free(struct lesions *lesions);

#endif

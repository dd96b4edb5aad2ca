// The true masks of records, by their ids.
#ifndef PLEURA_CHALLENGE_TRUTH_H
#define PLEURA_CHALLENGE_TRUTH_H

#include "challenge/lesions.h"
#include "dataset/ids/sizes.h"

// Starts with the labels, and what their run lengths refer to: `sizes` of each image its own (NULL:
// none is known), or else lesions.height x lesions.width (0: the record's size).
struct truth {
    const struct labels *labels;
    const struct sizes *sizes;
    struct lesions lesions;
    unsigned char *seen; // by the labels' indices
};

// The true mask of a record's image, at the record's size, in truth->lesions.runs. Fails for an id
// that the labels lack or that has come before.
CHECKED bool truth_find(struct truth *truth, const struct record *record, struct error *error);

// How many images of the labels have not come; *first is the first of them.
size_t truth_missing(const struct truth *truth, struct text *first);

void truth_free(struct truth *truth);

#endif

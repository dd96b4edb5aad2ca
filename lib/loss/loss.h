// The terms that a loss is the weighted sum of: what each is, and their table.
#ifndef PLEURA_LOSS_LOSS_H
#define PLEURA_LOSS_LOSS_H

#include "core/setting.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum loss_index {
#define LOSS(name, devices) LOSS_##name,
#include "loss/losses.def"
#undef LOSS
    LOSSES
};

enum { MAX_LOSS_SETTINGS = 4 };

// What a network puts out, and a term may read: flags.
enum loss_heads {
    LOSS_MAIN_HEAD = 1,       // one logit a pixel
    LOSS_AUXILIARY_HEADS = 2, // likewise
    LOSS_GLOBAL_HEAD = 4,     // one logit an image: does its mask have a pixel?
    LOSS_MAPS = LOSS_MAIN_HEAD | LOSS_AUXILIARY_HEADS,
};

// One image's logits of one head, and what a term is to know beside them.
struct loss_part {
    const float *logits;  // `pixels` of them, of the global head one
    const uint8_t *mask;  // `pixels` of 0 (empty) and 1 (lesion)
    float *gradient;      // as many as logits
    size_t pixels;        // of an image
    size_t images;        // of the batch
    uint64_t lesion;      // pixels of this mask that are 1
    uint64_t lesions;     // of all masks of the batch
    double weight;        // of the term, times the head's
    double scale;         // of gradients alone
    const double *values; // of the term's settings
    void *scratch;        // the term's scratch_bytes
};

// A term of the loss.
struct loss_term {
    const char *name;  // in logs
    const char *title; // in help texts
    unsigned heads;    // enum loss_heads
    bool optional;     // logs and messages leave it out where its weight is 0
    struct setting weight;
    struct setting settings[MAX_LOSS_SETTINGS]; // unused ones are zeros
    // Returns weight * what the part adds to the batch's loss, and adds scale * weight * its
    // derivatives to the gradient. Parts of a batch are worked on in parallel; their sum over the
    // images is the loss of a head.
    double (*add)(const struct loss_part *part);
    size_t (*scratch_bytes)(size_t pixels); // NULL: none
};

extern const struct loss_term *const loss_terms[LOSSES];

// The numbers of a loss: weights (0: the term is left out), and each term's settings in its order.
struct loss_options {
    double weights[LOSSES];
    double values[LOSSES][MAX_LOSS_SETTINGS];
};

// Whether logs and messages name term `term`.
bool loss_is_told(const struct loss_options *options, int term);

// The usual values of all weights and settings, which are segmentation's.
struct loss_options loss_options_usual(void);

#endif

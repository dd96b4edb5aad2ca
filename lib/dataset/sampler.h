// The order of samples: epochs, shuffling, balance. Pure arithmetic on positions, so that sample
// number p can be had without the ones before it.
#ifndef PLEURA_DATASET_SAMPLER_H
#define PLEURA_DATASET_SAMPLER_H

#include "core/error.h"

#include <stddef.h>
#include <stdint.h>

// Which draws belong together: the stream constants of random_seed.
enum sampler_draw {
    DRAW_ORDER = 1,
    DRAW_LESION = 2,
    DRAW_EMPTY = 3,
    DRAW_AUGMENT = 4,
    DRAW_CHANGE = 5,
};

#define BALANCE_NONE (-1.0)

struct sampler_options {
    uint64_t seed;
    bool shuffle;       // a new order each epoch, drawn from (seed, epoch)
    bool lesion_only;   // leave images without lesion out
    double balance;     // share of lesion images, 0 to 1, counted in millionths; or BALANCE_NONE
    double balance_end; // with balance, what it has become at the last sample; or BALANCE_NONE
    bool lesion_epochs; // with balance: an epoch is one pass over the images with a lesion
    size_t batch;       // an epoch's last images that do not fill a batch are left out; at least 1
    uint64_t epochs;    // 0: without end
    uint64_t samples;   // end after so many, whatever the epochs; 0: no such limit
};

// A list of images that is gone through again and again.
struct sampler_list {
    uint32_t *members; // indices of images, in their unshuffled order
    uint32_t *order;   // of the members, in cycle `cycle`
    size_t count;
    size_t length; // how many of them one cycle takes
    uint64_t cycle;
    uint64_t draw; // DRAW_...
};

struct sampler {
    struct sampler_options options;
    struct sampler_list lists[2]; // all images; or those with a lesion and those without
    uint64_t epoch_length;
    uint64_t total; // samples; UINT64_MAX without end
};

struct sampler_pick {
    uint32_t image; // index of the image
    uint64_t epoch; // from 0
};

// A sampler of the images order[0 .. count). has_lesion[i] tells of image i; it is looked at only
// with lesion_only or balance. Fails when nothing is left to sample, or less than a batch.
CHECKED bool sampler_init(struct sampler *sampler, const struct sampler_options *options,
                          const uint32_t *order, size_t count, const bool *has_lesion,
                          struct error *error);

// Sample number `position`, 0 <= position < total.
// Without balance an epoch is one pass over the images. With balance R, the first i samples (of all
// epochs) have floor(i R) lesions; where R slides to E over n samples, floor(i R + i^2 (E - R) /
// 2n): sample i is drawn with the share R + (E - R) (i + 1/2) / n. The images with a lesion and
// those without are two lists, each shuffled and cycled on its own, and an epoch only counts as
// many samples as there are images. With lesion_epochs it counts as many as go once through those
// with a lesion, as PneumoSampler of the challenge's first place has it (which draws those without
// anew each epoch, some of them twice). The shuffled order of the current epoch is kept in the
// sampler: going forward is cheap.
struct sampler_pick sampler_at(struct sampler *sampler, uint64_t position);

void sampler_free(struct sampler *sampler);

#endif

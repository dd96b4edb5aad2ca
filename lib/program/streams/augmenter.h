// Samples through threads: each is read, augmented and written in the order it was put in.
#ifndef PLEURA_PROGRAM_STREAMS_AUGMENTER_H
#define PLEURA_PROGRAM_STREAMS_AUGMENTER_H

#include "dataset/augmentation/augment.h"
#include "dataset/shards/catalog.h"
#include "program/cli/cli.h"

struct augmenter;

// Starts a stream of samples and threads of which each holds two samples at most: as the common
// options say, with the header `history`, and a progress line that expects `total` samples (0: not
// known). `catalog` may be NULL; it must outlive the augmenter, as `rule` must. All functions end
// the program on any error.
struct augmenter *augmenter_start(const struct augment_rule *rule, const struct catalog *catalog,
                                  const struct common_options *common,
                                  const struct history *history, uint64_t total);

// Puts in an entry of the catalog as sample number `position`.
void augmenter_put_entry(struct augmenter *augmenter, uint64_t position, size_t entry);

// Puts in a copy of a sample from `source`, a name for messages.
void augmenter_put_sample(struct augmenter *augmenter, uint64_t position,
                          const struct record *sample, const char *source);

// Writes what is under way, ends the stream and the threads, frees.
void augmenter_end(struct augmenter *augmenter);

#endif

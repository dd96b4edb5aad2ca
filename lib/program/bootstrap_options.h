// The options --resamples and --seed of programs that give intervals by the bootstrap.
#ifndef PLEURA_PROGRAM_BOOTSTRAP_OPTIONS_H
#define PLEURA_PROGRAM_BOOTSTRAP_OPTIONS_H

#include "challenge/metrics/bootstrap.h"
#include "program/cli/cli.h"

struct bootstrap_options {
    int64_t resamples, seed;
};

#define BOOTSTRAP_USUAL                                                                            \
    { .resamples = 2000, .seed = 1234 }

// Two rows of a program's table; `options` is a struct bootstrap_options, `letter` that of
// --resamples, or 0.
#define BOOTSTRAP_ROWS(options, letter)                                                            \
    {"resamples", letter, OPTION_INTEGER, &(options).resamples, "N", "resamples of the bootstrap", \
     1,           1e7,    OPTION_SILENT},                                                          \
    {                                                                                              \
        "seed", 0, OPTION_INTEGER, &(options).seed, "N", "seed of the bootstrap", 0, 9e15,         \
            OPTION_SILENT                                                                          \
    }

static inline struct bootstrap bootstrap_of(const struct bootstrap_options *options) {
    return (struct bootstrap){(size_t)options->resamples, (uint64_t)options->seed};
}

#endif

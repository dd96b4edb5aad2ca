// Masks as programs get them: probabilities with a threshold or a calibrated rule, or masks, of
// images that decisions keep or not. For filters: every error of the streams ends the program.
#ifndef PLEURA_PROGRAM_STREAMS_MASKS_H
#define PLEURA_PROGRAM_STREAMS_MASKS_H

#include "challenge/decisions.h"
#include "image/image.h"
#include "program/cli/cli.h"

#define MASKS_USUAL_THRESHOLD 0.5

// The options of rle-encode and seg that say what counts as lesion.
struct mask_options {
    double threshold; // MASKS_USUAL_THRESHOLD unless given
    const char *rule; // stream of the rule, which has a threshold; NULL: none
    const char *decisions;
};

// Three rows of a program's table; `options` is a struct mask_options.
#define MASK_ROWS(options)                                                                         \
    {"threshold",                                                                                  \
     0,                                                                                            \
     OPTION_NUMBER,                                                                                \
     &(options).threshold,                                                                         \
     "P",                                                                                          \
     "a pixel is lesion where its probability is above P",                                         \
     0,                                                                                            \
     1,                                                                                            \
     OPTION_RECORDED},                                                                             \
        {"rule",                                                                                   \
         0,                                                                                        \
         OPTION_FILE,                                                                              \
         &(options).rule,                                                                          \
         "STREAM",                                                                                 \
         "take the threshold from the rule that calibrate wrote",                                  \
         0,                                                                                        \
         0,                                                                                        \
         OPTION_RECORDED},                                                                         \
    {                                                                                              \
        "decisions", 'd', OPTION_FILE, &(options).decisions, "STREAM",                             \
            "empty masks for the images that are not kept in this stream of decisions", 0, 0,      \
            OPTION_RECORDED                                                                        \
    }

struct mask_stream {
    struct stream_reader *reader;
    struct decisions decisions;
    double threshold;
    bool probabilities; // or masks
    struct record record;
    enum decision decision; // of the record
    struct image mask;      // of the record, once it is taken
};

// Opens the stream ("-": stdin) of probabilities or samples, the rule, and the decisions.
void mask_stream_open(struct mask_stream *masks, const char *path,
                      const struct mask_options *options, size_t max_record);

// Reads the next record and its decision; false at the end.
bool mask_stream_next(struct mask_stream *masks);

// Makes masks->mask of the record read last, whatever was decided. False for an id that has come
// before, for a probability that is not finite and a mask's byte above 1.
CHECKED bool mask_stream_take(struct mask_stream *masks, struct error *error);

// Ends the program, too, for a decision that no image has asked for.
void mask_stream_close(struct mask_stream *masks);

#endif

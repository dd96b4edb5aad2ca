// What a set of X-rays, its labels and a test set are, and what would go wrong with them later.
#ifndef PLEURA_PROGRAM_SURVEY_SURVEY_H
#define PLEURA_PROGRAM_SURVEY_SURVEY_H

#include "challenge/labels.h"
#include "image/format.h"
#include "program/survey/tally.h"
#include "program/xray_files/files.h"

#include <stdint.h>

enum survey_unlabelled { SURVEY_KEEP, SURVEY_DROP, SURVEY_TEST };

// What is to be looked at. Texts are the caller's and must outlive the survey.
struct survey_request {
    const char *labels, *masks, *ids; // paths; NULL for none
    enum survey_unlabelled unlabelled;
    size_t height, width; // of what the run lengths refer to; 0: each image's own
    bool pixels;          // decode, too
    bool skip;            // an unreadable file is left out in place of ending a later stage
    bool quiet;           // no progress
    size_t threads;
};

enum survey_state {
    SURVEY_READABLE,
    SURVEY_REFUSED,  // would not be decoded
    SURVEY_NAMELESS, // its name cannot be an id
    SURVEY_FOREIGN,  // found in a folder, of no format that is read
    SURVEY_UNWANTED, // an image that has no labels, or that the list of ids does not name
    SURVEY_DOUBLE,   // a file before it has the same id
};

// What is seen once an image is decoded.
struct survey_decoded {
    uint64_t digest;
    size_t levels; // different grey levels; 0: not decoded
    bool dark;     // almost all of it
};

struct survey_image {
    struct image_header header;
    struct text message; // why it is refused, nameless or foreign
    enum survey_state state;
    struct survey_decoded decoded;
    size_t lesion; // pixels of a decoded mask
};

// Where in a list of sorted numbers the figures of a distribution are: its least, greatest and
// middle one and what lies between.
enum { SURVEY_QUANTILES = 7 };
struct survey_quantile {
    const char *name;
    double position; // 0 .. 1
};
extern const struct survey_quantile SURVEY_QUANTILE[SURVEY_QUANTILES];

// The labels of the training images.
struct survey_lesions {
    size_t labelled, unlabelled;    // images
    size_t without_image;           // ids that have labels but no image
    size_t rows;                    // of the images, -1 not counted
    bool measured;                  // the following is known: run lengths and decoded masks tell it
    size_t lesions;                 // images with one
    double area[SURVEY_QUANTILES];  // of these, in pixels
    double share[SURVEY_QUANTILES]; // as a share of the image
    struct tally rows_per_image;    // of these
};

// The files that one operand stands for.
struct survey_operand {
    const char *path;
    size_t first, count;
};

// What became of the images of a set when they were decoded. Each counts at most once among the
// three in the middle.
struct survey_pixels {
    size_t decoded;
    size_t blank; // one grey level
    size_t few;   // fewer than 16
    size_t dark;
    size_t
        doubles; // another image, of either set, has the same pixels; blank ones are not compared
};

struct survey_set {
    const char *name; // for messages
    struct survey_operand *operands;
    size_t operand_count, operand_capacity;
    struct xray_files files;
    struct survey_image *images; // one a file
    struct ids ids;              // of the readable images
    bool given;
    bool missing; // an operand that stands for no file, which is told
    struct tally formats, transfer_syntaxes, sizes, bits, photometrics; // readable or refused
    struct tally left_out;                                              // why
    struct survey_pixels pixels;
    struct texts texts;
};

// Starts as zeros.
struct survey {
    struct survey_set train, test, masks;
    struct labels labels;
    bool labelled; // there are labels, and they could be read
    bool decoded;  // not headers alone
    struct survey_lesions lesions;
    struct tally failures, notices; // what is true of the example, and of how many
};

// Adds what an operand names to a set: a file, a folder, or with "-" a list of names on stdin. What
// cannot be found becomes a failure. False without memory only.
CHECKED bool survey_add(struct survey *survey, struct survey_set *set, const char *path,
                        struct error *error);

// Looks at everything: survey->failures says what would fail later. False without memory only.
CHECKED bool survey_run(struct survey *survey, const struct survey_request *request,
                        struct error *error);

void survey_free(struct survey *survey);

#endif

// A rule: what turns an ensemble's probabilities into masks. An image has a lesion where enough of
// its pixels lie above one threshold; its mask is what lies above another. (The first place of the
// SIIM-ACR challenge called the three numbers a triplet.)
#ifndef PLEURA_CHALLENGE_CALIBRATION_RULE_H
#define PLEURA_CHALLENGE_CALIBRATION_RULE_H

#include "stream/record.h"

enum rule_limit {
    RULE_AREA, // an image is kept whose area is above `limit` pixels
    RULE_RATIO // the images are kept whose area is above that at rank `limit` x images
};

struct rule {
    double decide; // a pixel counts for the area where its probability is above
    enum rule_limit kind;
    double limit; // pixels, or a share from 0 to 1
    double mask;  // a pixel of a kept image is lesion where its probability is above
};

const char *rule_limit_name(enum rule_limit kind); // "area", "ratio"

// Reads the one record of a stream of kind `rule` (a path, or "-"). Fails for numbers that no rule
// has, and for a stream with no record or several.
CHECKED bool rule_read(struct rule *rule, const char *path, size_t max_record, struct error *error);

// The rule's fields of a record, of which there are three.
#define RULE_FIELDS 3
void rule_fields(const struct rule *rule, struct field fields[RULE_FIELDS]);

// Writes the rule in words, for a stream's history: "rule: decide 0.5, area 1000, mask 0.3".
#define RULE_WORDS_SIZE 200
void rule_words(const struct rule *rule, char words[RULE_WORDS_SIZE]);

#endif

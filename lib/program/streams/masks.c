// Masks as programs get them.
#include "program/streams/masks.h"

#include "challenge/calibration/rule.h"
#include "challenge/ensemble.h"
#include "program/die.h"
#include "program/streams/streams.h"

#include <string.h>

// The threshold that was given, or the rule's.
static double threshold_of(const struct mask_options *options, size_t max_record) {
    struct rule rule;
    struct error error;
    if (options->rule == NULL) {
        return options->threshold;
    }
    if (options->threshold != MASKS_USUAL_THRESHOLD) {
        die_usage("--threshold: the rule has one");
    }
    if (!rule_read(&rule, options->rule, max_record, &error)) {
        die("%s", error.text);
    }
    return rule.mask;
}

void mask_stream_open(struct mask_stream *masks, const char *path,
                      const struct mask_options *options, size_t max_record) {
    struct error error;
    if (options->decisions != NULL && strcmp(options->decisions, path) == 0) {
        die_usage("--decisions %s: the masks come from there too", path);
    }
    *masks = (struct mask_stream){.threshold = threshold_of(options, max_record)};
    masks->reader = stream_open_or_die(path, NULL, max_record);
    const char *kind = stream_kind(masks->reader);
    masks->probabilities = strcmp(kind, KIND_PROBABILITIES) == 0;
    if (!masks->probabilities && strcmp(kind, KIND_SAMPLES) != 0) {
        die("%s: holds %s, and probabilities or samples are needed here", path, kind);
    }
    if (!decisions_open(&masks->decisions, options->decisions, max_record, &error)) {
        die("%s", error.text);
    }
}

bool mask_stream_next(struct mask_stream *masks) {
    struct error error;
    if (!stream_read(masks->reader, &masks->record)) {
        return false;
    }
    masks->decision = DECISION_USED;
    if (!decisions_take(&masks->decisions, masks->record.id, &masks->decision, &error)) {
        die("%s", error.text);
    }
    return true;
}

bool mask_stream_take(struct mask_stream *masks, struct error *error) {
    const struct record *record = &masks->record;
    if (masks->decision == DECISION_USED) {
        return fail(error, "'%.*s' a second time", TEXT_ARG(record->id));
    }
    return masks->probabilities
               ? mask_from_probability(record, masks->threshold, &masks->mask, error)
               : mask_from_sample(record, &masks->mask, error);
}

void mask_stream_close(struct mask_stream *masks) {
    struct error error;
    if (!decisions_end(&masks->decisions, &error)) {
        die("%s", error.text);
    }
    decisions_free(&masks->decisions);
    stream_close(masks->reader);
    image_free(&masks->mask);
}

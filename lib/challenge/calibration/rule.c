// Rules in streams.
#include "challenge/calibration/rule.h"

#include "image/image.h"
#include "stream/reader.h"

#include <math.h>
#include <stdio.h>

const char *rule_limit_name(enum rule_limit kind) {
    return kind == RULE_AREA ? "area" : "ratio";
}

// A number from 0 to `most`.
static bool read_number(const struct record *record, const char *name, double most, double *number,
                        struct error *error) {
    const struct value *value = record_find(record, name);
    if (value == NULL || value->type != VALUE_NUMBER) {
        return fail(error, "%.*s: no number '%s' in it", TEXT_ARG(record->id), name);
    }
    *number = value->number;
    return (*number >= 0 && *number <= most) ||
           fail(error, "%.*s: '%s' is %g, and must lie between 0 and %g", TEXT_ARG(record->id),
                name, *number, most);
}

static bool read_record(struct rule *rule, const struct record *record, struct error *error) {
    const bool area = record_find(record, "area") != NULL;
    if (area == (record_find(record, "ratio") != NULL)) {
        return fail(error, "%.*s: one of 'area' and 'ratio' is needed", TEXT_ARG(record->id));
    }
    rule->kind = area ? RULE_AREA : RULE_RATIO;
    if (!read_number(record, "decide", 1, &rule->decide, error) ||
        !read_number(record, rule_limit_name(rule->kind), area ? (double)IMAGE_MAX_PIXELS : 1,
                     &rule->limit, error) ||
        !read_number(record, "mask", 1, &rule->mask, error)) {
        return false;
    }
    return !area || floor(rule->limit) == rule->limit ||
           fail(error, "%.*s: 'area' is %g, and must be whole", TEXT_ARG(record->id), rule->limit);
}

bool rule_read(struct rule *rule, const char *path, size_t max_record, struct error *error) {
    struct stream_reader *reader = stream_open_kind(path, KIND_RULE, max_record, error);
    enum stream_status status = STREAM_RECORD;
    size_t count = 0;
    bool valid = reader != NULL;
    while (valid && status == STREAM_RECORD) {
        struct record record;
        status = stream_next(reader, &record, error);
        valid = status != STREAM_FAILED;
        if (status == STREAM_RECORD && count++ == 0 && !read_record(rule, &record, error)) {
            valid = fail_within(error, "%s", stream_place(reader));
        }
    }
    stream_close(reader);
    return valid &&
           (count == 1 || fail(error, "%s: has %zu rules, and one is needed", path, count));
}

void rule_fields(const struct rule *rule, struct field fields[RULE_FIELDS]) {
    fields[0] = (struct field){text_of("decide"), value_number(rule->decide)};
    fields[1] = (struct field){text_of(rule_limit_name(rule->kind)), value_number(rule->limit)};
    fields[2] = (struct field){text_of("mask"), value_number(rule->mask)};
}

void rule_words(const struct rule *rule, char words[RULE_WORDS_SIZE]) {
    (void)snprintf(words, RULE_WORDS_SIZE, "rule: decide %.10g, %s %.10g, mask %.10g", rule->decide,
                   rule_limit_name(rule->kind), rule->limit, rule->mask);
}

// Several streams in step: one record from each gives one record, their mean or deviation.
#ifndef PLEURA_CHALLENGE_MERGE_H
#define PLEURA_CHALLENGE_MERGE_H

#include "stream/record.h"

// The rule of a merge, and the memory for its records; the caller sets the first six members, the
// rest starts as zeros.
struct merge {
    size_t count;             // streams
    const char *const *names; // of the streams, for messages
    const double *weights;    // not negative, their sum above 0
    bool deviation;           // standard deviations in place of means
    enum dtype type;          // of the means; DTYPE_COUNT: as in the first stream
    const char *from_first; // of checkpoints: a record with this id is the first stream's, and what
                            // it says of the network must be the same in all; NULL: none
    struct record record;
    struct field fields[RECORD_MAX_FIELDS];
    struct tensor tensors[RECORD_MAX_FIELDS];
    const struct tensor **inputs; // the tensors of one name, one a stream
    unsigned char *bytes;
    size_t capacity;
};

// Merges one record of each stream into merge->record, which lives as long as they do and until the
// next call. `record_number` (from 1) is for messages.
//
// The ids must be equal. Fields come in the first stream's order: tensors of floating type, which
// all must have with the same shape, become their mean or deviation (ensemble.h); other tensors
// must be equal in type, shape and bytes; numbers, texts and lists are the first stream's. A mean
// that is not finite is an error: no stream then holds one that came from a NaN. What only the
// other streams have is left out. Errors name the stream that differs.
CHECKED bool merge_records(struct merge *merge, const struct record *inputs, uint64_t record_number,
                           struct error *error);

// Whether a record that passes unchanged, of the only stream, is one: its numbers are finite.
CHECKED bool merge_pass(const struct merge *merge, const struct record *record,
                        struct error *error);

void merge_free(struct merge *merge);

#endif

// What a stream holds, for a person (a table) or for a program (JSON lines).
#ifndef PLEURA_PROGRAM_STREAMS_SUMMARY_H
#define PLEURA_PROGRAM_STREAMS_SUMMARY_H

#include "program/output.h"
#include "stream/record.h"
#include "stream/writer.h"

// The table's first two columns grow with what comes, so that nothing has to be kept.
struct summary {
    struct output *output;
    bool json, weights;
    size_t id_width, name_width;
    uint64_t records;
    uint64_t parameters; // of kind weights: elements of all 'value', but for running statistics
};

// Table: lines that start with # tell file, kind and history; then one line a value. JSON: one
// object a line, the header's with `file` added.
struct summary summary_start(struct output *output, bool json, const char *path, const char *kind,
                             const struct history *history);

// Table: id, name, type, shape, least, mean and greatest element; of what is no tensor the value,
// shortened. What could steer a terminal is shown as \xNN.
// JSON: {"id": ..., NAME: value, ...}; a tensor is {"type", "shape", "min", "mean", "max"}, and NaN
// and infinities are null.
void summary_record(struct summary *summary, const struct record *record);

// The number of records, and of parameters where there are some.
void summary_end(struct summary *summary);

#endif

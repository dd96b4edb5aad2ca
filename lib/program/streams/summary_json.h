// A stream's header and records as lines of JSON (RFC 8259); see summary.h.
#ifndef PLEURA_PROGRAM_STREAMS_SUMMARY_JSON_H
#define PLEURA_PROGRAM_STREAMS_SUMMARY_JSON_H

#include "program/output.h"
#include "stream/record.h"
#include "stream/writer.h"

// A header: path, kind and history.
void summary_json_header(struct output *output, const char *path, const char *kind,
                         const struct history *history);

// A record: id and fields; tensors by type, shape and statistics.
void summary_json_record(struct output *output, const struct record *record);

#endif

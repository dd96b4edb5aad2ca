// The three kinds of map that a stream consists of, read from their items.
#ifndef PLEURA_STREAM_PARSE_H
#define PLEURA_STREAM_PARSE_H

#include "stream/record.h"
#include "stream/tokens.h"

enum object_kind { OBJECT_RECORD, OBJECT_HEADER, OBJECT_END };

// Memory for the values of one object after the other.
struct parsed {
    enum object_kind kind;
    struct record record; // id and fields; a header and an end have fields only
    size_t field_count, tensor_count, value_count, value_capacity;
    struct field fields[RECORD_MAX_FIELDS];
    struct tensor tensors[RECORD_MAX_FIELDS];
    struct value *values; // of lists
};

// Reads one object: a map with text keys that has an "id" (a record), or else "pleura" (a header),
// or else "end". What comes out follows the rules of record_check and points into the tokens' bytes
// and into *parsed, which starts as zeros.
CHECKED bool parse_object(struct parsed *parsed, const struct tokens *tokens, struct error *error);

void parse_free(struct parsed *parsed);

#endif

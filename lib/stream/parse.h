// The three kinds of map that a stream consists of, read from their items.
#ifndef PLEURA_STREAM_PARSE_H
#define PLEURA_STREAM_PARSE_H

#include "stream/record.h"
#include "stream/tokens.h"

enum object_kind { OBJECT_RECORD, OBJECT_HEADER, OBJECT_END };

// What one object after the other says.
struct parsed {
    enum object_kind kind;
    struct record record; // id and fields; a header and an end have fields only
    size_t field_count, tensor_count;
    struct field fields[RECORD_MAX_FIELDS];
    struct tensor tensors[RECORD_MAX_FIELDS];
};

// Reads one object: a map with text keys that has an "id" (a record), or else "pleura" (a header),
// or else "end". What comes out follows the rules of record_check and points into the tokens'
// bytes, into *parsed, which starts as zeros, and into the tokens' items: those of lists become
// values in their places, so that a record of many values takes no second array.
CHECKED bool parse_object(struct parsed *parsed, struct tokens *tokens, struct error *error);

// Empties the lists of the object that was parsed last and gives the tokens' memory back, for those
// who hold many records at once and need no lists of some of them.
void parse_drop_lists(struct parsed *parsed, struct tokens *tokens);

// Whether a text can be a stream's kind: a word that fits into messages.
#define KIND_MAX 31 // bytes
bool parse_is_kind(const struct value *kind);

#endif

// Pieces of JSON (RFC 8259).
#ifndef PLEURA_PROGRAM_JSON_H
#define PLEURA_PROGRAM_JSON_H

#include "program/output.h"

// Writes a text in quotes. Bytes that form no character (only a path can have some) become U+FFFD.
// DEL and the C1 controls are escaped, too, since a line may end up on a terminal.
void json_text(struct output *output, const char *text, size_t length);

// Writes the shortest decimal that comes back as the same double; null where it is not finite.
void json_number(struct output *output, double number);

#endif

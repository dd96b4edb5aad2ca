// The members of a .safetensors header, one by one.
#ifndef PLEURA_WEIGHTS_SAFETENSORS_HEADER_H
#define PLEURA_WEIGHTS_SAFETENSORS_HEADER_H

#include "stream/record.h"
#include "weights/arena.h"

struct safetensors_header {
    const char *bytes;
    size_t length, offset; // `offset` starts as 0
    struct arena *arena;
};

// A name, decoded, and the JSON of its value as it stands there.
struct safetensors_member {
    struct text name, value;
};

// The next member of the JSON object; name.bytes is NULL behind the last one. Of the value only its
// end is found: whether it is JSON is for its reader to see. Fails with *error.
CHECKED bool safetensors_next(struct safetensors_header *header, struct safetensors_member *member,
                              struct error *error);

#endif

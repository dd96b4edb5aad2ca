// The .safetensors format: 8 bytes with the header's length, a header of JSON, the tensors' bytes.
#ifndef PLEURA_WEIGHTS_SAFETENSORS_SAFETENSORS_H
#define PLEURA_WEIGHTS_SAFETENSORS_SAFETENSORS_H

#include "core/sink.h"
#include "weights/source.h"
#include "weights/table.h"

// Adds the tensors of a file. Refuses a header that is no JSON object of tensors, types and shapes
// that do not give the bytes, bytes outside of the file, overlaps and gaps. Types of the format
// that are not read (complex, 8 bits and less of a float) are left out, with a note; metadata other
// than ours are ignored.
CHECKED bool safetensors_read(const struct weight_source *source, struct weight_table *table,
                              struct error *error);

// Writes all tensors as F32, in the table's order; `network` and `side` go into its metadata. Ends
// the program on a failed write.
CHECKED bool safetensors_write(struct sink sink, const struct weight_table *table,
                               struct error *error);

#endif

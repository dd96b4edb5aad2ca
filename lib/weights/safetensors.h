// The .safetensors format: 8 bytes with the header's length, a header of JSON, the tensors' bytes.
#ifndef PLEURA_WEIGHTS_SAFETENSORS_H
#define PLEURA_WEIGHTS_SAFETENSORS_H

#include "core/output.h"
#include "weights/table.h"

// Adds the tensors of a whole file in memory. Refuses a header that is no JSON object of tensors,
// types and shapes that do not give the bytes, bytes outside of the file, overlaps and gaps.
CHECKED bool safetensors_read(const unsigned char *bytes, size_t length, struct weight_table *table,
                              struct error *error);

// Writes all tensors as F32, in the table's order; `network` and `side` go into its metadata. Ends
// the program on a failed write.
void safetensors_write(struct output *output, const struct weight_table *table);

#endif

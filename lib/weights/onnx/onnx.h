// Files of ONNX: the constant tensors of a model's graph.
#ifndef PLEURA_WEIGHTS_ONNX_ONNX_H
#define PLEURA_WEIGHTS_ONNX_ONNX_H

#include "weights/source.h"
#include "weights/table.h"

// Whether a file's first bytes may be those of a model.
bool onnx_is(const unsigned char *bytes, size_t length);

// Adds the initialisers of floating numbers, each also under the names that nodes of Identity give
// it: an exporter of PyTorch writes tensors that are equal once. The table is told what is left
// out, and where norms seem to be folded. Fails for numbers that lie in other files, which are not
// opened.
CHECKED bool onnx_read(const struct weight_source *source, struct weight_table *table,
                       struct error *error);

#endif

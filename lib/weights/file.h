// Files of weights, recognised by content.
#ifndef PLEURA_WEIGHTS_FILE_H
#define PLEURA_WEIGHTS_FILE_H

#include "weights/table.h"

// Reads a checkpoint of ours, a .safetensors file, a PyTorch .pth or a model of ONNX; *error names
// the file. The table has notes for a user of what is left out and how names were changed
// (weight_table_say); it is the caller's to free, on failure, too.
//
// What a file can make this take is bounded by its own length: 60 MiB, or four times the file and a
// 64th, tensors included. Bytes that come through a pipe are kept besides.
CHECKED bool weights_read_file(const char *path, struct weight_table *table, struct error *error);

// The same for .safetensors, .pth and ONNX in memory.
CHECKED bool weights_read_bytes(const unsigned char *bytes, size_t length,
                                struct weight_table *table, struct error *error);

#endif

// Files of weights, recognised by content.
#ifndef PLEURA_WEIGHTS_FILE_H
#define PLEURA_WEIGHTS_FILE_H

#include "weights/table.h"

// Reads a checkpoint of ours, a .safetensors file, or a PyTorch .pth; *error names the file. The
// table is the caller's to free, on failure, too.
CHECKED bool weights_read_file(const char *path, struct weight_table *table, struct error *error);

// The same for .safetensors and .pth in memory.
CHECKED bool weights_read_bytes(const unsigned char *bytes, size_t length,
                                struct weight_table *table, struct error *error);

#endif

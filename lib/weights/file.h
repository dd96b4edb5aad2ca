// Files of weights, recognised by content.
#ifndef PLEURA_WEIGHTS_FILE_H
#define PLEURA_WEIGHTS_FILE_H

#include "weights/table.h"

enum { WEIGHTS_MAX_NETWORKS = 100 };

// Reads a checkpoint of ours, a .safetensors file, a PyTorch .pth or a model of ONNX; *error names
// the file. Checkpoints may stand one behind another (`cat`): *count networks, of which more than
// `limit` are an error. The tables have notes for a user of what is left out and how names were
// changed (weight_table_say); they start as zeros, and are the caller's to free, on failure, too.
// Where the first one's `state_dict` is set, a file that is no .pth is an error.
//
// What a file can make this take is bounded by its own length: 60 MiB, or four times the file and a
// 64th, tensors included. Bytes that come through a pipe are kept besides.
CHECKED bool weights_read_networks(const char *path, struct weight_table *tables, size_t limit,
                                   size_t *count, struct error *error);

// The same for a file that must hold one network.
CHECKED bool weights_read_file(const char *path, struct weight_table *table, struct error *error);

// Reads a file of weights once, not from a pipe, to describe it; *error names the file.
CHECKED bool weights_describe(const char *path, struct weights_description *description,
                              struct error *error);

// The same as weights_read_file for .safetensors, .pth and ONNX in memory.
CHECKED bool weights_read_bytes(const unsigned char *bytes, size_t length,
                                struct weight_table *table, struct error *error);

#endif

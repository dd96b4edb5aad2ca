// TensorBoard's event files: records of protocol buffers (event.proto) in TFRecord's frame: the
// length (8 bytes, the least first), its checksum, the bytes, their checksum. A checksum is CRC32C,
// masked: turned right by 15 bits, plus 0xa282ead8 (tensorflow.org/tutorials/load_data/tfrecord).
#ifndef PLEURA_PROGRAM_TENSORBOARD_EVENT_FILE_H
#define PLEURA_PROGRAM_TENSORBOARD_EVENT_FILE_H

#include "program/output.h"

#include <stdint.h>

struct scalar {
    const char *tag; // the curve's name
    float value;
};

// The record that a file begins with. `time`: seconds since 1970, here and below.
void event_file_begin(struct output *output, double time);

// A record with a point of each of some curves.
void event_file_add(struct output *output, double time, int64_t step, const struct scalar *scalars,
                    size_t count);

#endif

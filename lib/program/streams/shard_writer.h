// Writing a shard folder (dataset/shards/shards.h).
#ifndef PLEURA_PROGRAM_STREAMS_SHARD_WRITER_H
#define PLEURA_PROGRAM_STREAMS_SHARD_WRITER_H

#include "stream/record.h"
#include "stream/writer.h"

struct shard_writer;

// Starts writing to `folder`, which is made if need be, in shards that end with the record that
// reaches `size` bytes. `history` must outlive the writer. The functions of the writer end the
// program on any error and then leave nothing new behind.
struct shard_writer *shard_writer_open(const char *folder, size_t size,
                                       const struct history *history);

// Appends a sample of `lesion` pixels, whose own size is height x width; an id that was there
// before is an error.
void shard_writer_add(struct shard_writer *writer, const struct record *sample, int64_t lesion,
                      size_t height, size_t width);

// Names the shards, replaces the index, removes what older runs left (and no other file), frees.
void shard_writer_finish(struct shard_writer *writer);

#endif

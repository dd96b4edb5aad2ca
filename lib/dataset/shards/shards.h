// A shard folder: samples in files of a bounded size, and an index for reading any of them.
//
//   DIR/shard-NNNNN-DIGEST.mpk   a whole tensor stream of samples; DIGEST is its hash (xxh3)
//   DIR/index.mpk                a tensor stream of kind index, a record a sample: shard (text),
//                                offset and length (bytes), lesion (pixels; -1 without labels),
//                                size (the image's height and width), xxh3 (the hash of these
//                                bytes, 16 hexadecimal digits)
//
// The index is replaced last and at once, so a folder has the old samples or the new ones, whenever
// a program that writes it is killed.
#ifndef PLEURA_DATASET_SHARDS_SHARDS_H
#define PLEURA_DATASET_SHARDS_SHARDS_H

#include "stream/record.h"
#include "stream/writer.h"

#define SHARD_INDEX "index.mpk"

// True for shard-NNNNN-DIGEST.mpk: five digits or more, sixteen hexadecimal ones. Such a name has
// no way out of its folder.
bool shard_name_valid(struct text name);

// Reads a hash as the index has it, sixteen hexadecimal digits; false for anything else.
CHECKED bool shard_digest_parse(struct text text, uint64_t *digest);

struct shard_writer;

// Starts writing to `folder`, which is made if need be, in shards that end with the record that
// reaches `size` bytes. `history` must outlive the writer. The functions of the writer end the
// program on any error and then leave nothing new behind.
struct shard_writer *shards_create(const char *folder, size_t size, const struct history *history);

// Appends a sample of `lesion` pixels, whose own size is height x width; an id that was there
// before is an error.
void shards_add(struct shard_writer *writer, const struct record *sample, int64_t lesion,
                size_t height, size_t width);

// Names the shards, replaces the index, removes what older runs left (and no other file), frees.
void shards_finish(struct shard_writer *writer);

// Checks a shard folder: the index and every shard whole, an entry for each record with its place,
// id, bytes, lesion and size, each id once, no shard that the index does not name.
CHECKED bool shards_verify(const char *folder, size_t max_record, struct error *error);

#endif

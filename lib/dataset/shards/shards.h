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

#define SHARD_INDEX "index.mpk"
#define SHARD_PREFIX "shard-"
#define SHARD_NAME_SIZE 64

// True for shard-NNNNN-DIGEST.mpk: five digits or more, sixteen hexadecimal ones. Such a name has
// no way out of its folder.
bool shard_name_valid(struct text name);

// Reads a hash as the index has it, sixteen hexadecimal digits; false for anything else.
CHECKED bool shard_digest_parse(struct text text, uint64_t *digest);

// The name of a finished shard.
void shard_name(char name[SHARD_NAME_SIZE], size_t index, uint64_t hash);

// Checks a shard folder: the index and every shard whole, an entry for each record with its place,
// id, bytes, lesion and size, each id once, no shard that the index does not name.
CHECKED bool shards_verify(const char *folder, size_t max_record, struct error *error);

#endif

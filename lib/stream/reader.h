// Reading tensor streams, concatenated ones included, with every check the format asks for.
#ifndef PLEURA_STREAM_READER_H
#define PLEURA_STREAM_READER_H

#include "stream/record.h"
#include "stream/writer.h"

struct stream_reader;

enum stream_status { STREAM_RECORD, STREAM_END, STREAM_FAILED };

// Opens `path` ("-": stdin) and reads the first header. NULL with *error on failure.
// Records above `max_record` bytes are refused. Every error names file, record and byte.
CHECKED struct stream_reader *stream_open(const char *path, size_t max_record, struct error *error);

// The same for a file that a program looks for by itself, in a folder: only a regular file of that
// folder is opened. A named pipe in its place could hold the program up for ever, and a link could
// lead anywhere.
CHECKED struct stream_reader *stream_open_regular(const char *path, size_t max_record,
                                                  struct error *error);

// The same as stream_open for a stream that must be of this kind (NULL: any).
CHECKED struct stream_reader *stream_open_kind(const char *path, const char *kind,
                                               size_t max_record, struct error *error);

// "samples", "probabilities", ...
const char *stream_kind(const struct stream_reader *reader);
const struct history *stream_history(const struct stream_reader *reader);

// The next record; it lives until the next call. STREAM_END only when the last stream's count and
// hash are right and nothing follows. After FAILED the reader may only be closed.
CHECKED enum stream_status stream_next(struct stream_reader *reader, struct record *record,
                                       struct error *error);

// Whether the input pauses behind the record read last: nothing of what follows has come, and it
// has not ended. stream_next would wait.
bool stream_pauses(const struct stream_reader *reader);

// Empties the lists of the record read last and gives their memory back.
void stream_drop_lists(struct stream_reader *reader);

// "FILE: record N, byte M": where the record read last stands, for messages about it.
const char *stream_place(struct stream_reader *reader);

// Which of several concatenated streams the record read last is of: 0 is the first. Those before it
// have been checked whole.
uint64_t stream_number(const struct stream_reader *reader);

// Byte offset of the record read last, its length, and the hash (xxh3) of its bytes. While the
// record lives.
uint64_t stream_record_offset(const struct stream_reader *reader);
size_t stream_record_length(const struct stream_reader *reader);
uint64_t stream_record_digest(const struct stream_reader *reader);

// Right behind stream_open: everything that has been read, and what will be, is added to `all`. At
// STREAM_END that are all bytes of the input.
struct digest;
void stream_hash_all(struct stream_reader *reader, struct digest *all);

void stream_close(struct stream_reader *reader);

#endif

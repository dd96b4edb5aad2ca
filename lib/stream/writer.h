// Writing a tensor stream: header, records, end mark with count and hash.
#ifndef PLEURA_STREAM_WRITER_H
#define PLEURA_STREAM_WRITER_H

#include "program/output.h"
#include "stream/record.h"

// What a stream holds.
#define KIND_SAMPLES "samples"
#define KIND_PROBABILITIES "probabilities"
#define KIND_DECISIONS "decisions"
#define KIND_WEIGHTS "weights"
#define KIND_INDEX "index"

#define STREAM_VERSION 1
#define HISTORY_MAX 256

// The lines that tell how a stream came about, oldest first.
struct history {
    size_t count;
    struct text lines[HISTORY_MAX];
};

// Appends a line; one that is there already, or one too many, is left out.
void history_add(struct history *history, struct text line);
void history_add_all(struct history *history, const struct history *more);

struct stream_writer;

// Starts a stream with a header. Like the output, ends the program on a failed write.
struct stream_writer *stream_create(struct output *output, const char *kind,
                                    const struct history *history);

// Ends the program, too, for a record that no reader would take (see record_check).
void stream_write(struct stream_writer *writer, const struct record *record);

// The hash (xxh3) of the bytes of the record written last.
uint64_t stream_written_digest(const struct stream_writer *writer);

// Bytes written so far: where the next record starts.
uint64_t stream_offset(const struct stream_writer *writer);

// Writes the end mark and frees the writer, not the output.
void stream_finish(struct stream_writer *writer);

// The end mark of a stream of `count` records with this hash, in its one permitted form.
// Returns its length; 32 bytes are enough.
size_t stream_end_mark(unsigned char *mark, size_t size, uint64_t count, uint64_t hash);

#endif

// Writing a tensor stream: header, records, end mark with count and hash.
#ifndef PLEURA_STREAM_WRITER_H
#define PLEURA_STREAM_WRITER_H

#include "core/sink.h"
#include "stream/record.h"

// What a stream holds.
#define KIND_SAMPLES "samples"
#define KIND_PROBABILITIES "probabilities"
#define KIND_DEVIATIONS "deviations"
#define KIND_DECISIONS "decisions"
#define KIND_RULE "rule"
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

// The same with copies of the lines, for streams that are closed before the history is written;
// history_free frees them, and is for histories of copies alone. False without memory.
CHECKED bool history_copy_all(struct history *history, const struct history *more);
void history_free(struct history *history);

struct stream_writer;

// Starts a stream with a header. It is handed on (see sink.h) as soon as it is whole, as every
// record is. NULL with *error for a line of history that is not UTF-8, and without memory.
CHECKED struct stream_writer *stream_begin(struct sink sink, const char *kind,
                                           const struct history *history, struct error *error);

// Writes a record. False with *error for one that no reader would take (see record_check).
CHECKED bool stream_add(struct stream_writer *writer, const struct record *record,
                        struct error *error);

// The hash (xxh3) of the bytes of the record written last.
uint64_t stream_written_digest(const struct stream_writer *writer);

// Bytes written so far: where the next record starts.
uint64_t stream_offset(const struct stream_writer *writer);

// Writes the end mark and frees the writer.
void stream_finish(struct stream_writer *writer);

// Frees a writer whose stream stays without an end mark. NULL is fine.
void stream_abandon(struct stream_writer *writer);

// The end mark of a stream of `count` records with this hash, in its one permitted form.
// Returns its length; 32 bytes are enough.
size_t stream_end_mark(unsigned char *mark, size_t size, uint64_t count, uint64_t hash);

#endif

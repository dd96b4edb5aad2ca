// Tensor streams of programs: every error ends the program.
#ifndef PLEURA_PROGRAM_STREAMS_STREAMS_H
#define PLEURA_PROGRAM_STREAMS_STREAMS_H

#include "program/output.h"
#include "stream/reader.h"
#include "stream/writer.h"

// Opens a stream that must be of this kind (NULL: any).
struct stream_reader *stream_open_or_die(const char *path, const char *kind, size_t max_record);

// Looks at a file that is read later: ends the program where it cannot be opened, is not of this
// kind, has no record, or in its first one no tensor `tensor` of two dimensions. A pipe, which
// gives its bytes once, must only be there; so must stdin.
void stream_look_ahead(const char *path, const char *kind, const char *tensor, size_t max_record);

// False at the end.
bool stream_read(struct stream_reader *reader, struct record *record);

// `PLACE: what`, for an error in the record read last.
__attribute__((noreturn)) void stream_die(struct stream_reader *reader, const struct error *error);

// Starts a stream with a header. It ends with stream_finish.
struct stream_writer *stream_create(struct output *output, const char *kind,
                                    const struct history *history);

// Writes a record; one that no reader would take (see record_check) is an error.
void stream_write(struct stream_writer *writer, const struct record *record);

#endif

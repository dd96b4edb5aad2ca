// Where a program's result goes: stdout, or a file that is whole or absent.
#ifndef PLEURA_PROGRAM_OUTPUT_H
#define PLEURA_PROGRAM_OUTPUT_H

#include "core/sink.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct output;

// What comes out: bytes are refused on a terminal, text is not.
enum output_content { OUTPUT_BYTES, OUTPUT_TEXT };

// Opens `path` (which must outlive the output), or stdout for NULL and "-". A regular file is
// written without a name and gets it in output_close, so that neither an error nor kill -9 leaves a
// part of it, and an older file stays until then; the new one takes over its permissions. Where the
// file system has no nameless files, it is written under a temporary name, PATH.<digits>.part,
// which goes on an error and stays only after a kill. Devices and pipes are written directly. Ends
// the program on any error.
struct output *output_open(const char *path, enum output_content content);

// The same for a name that a program chooses by itself, in a folder: what is there already must be
// a regular file, no link. A named pipe, say, could hold the program up for ever.
struct output *output_open_regular(const char *path, enum output_content content);

// Appends; small pieces are gathered, except on a terminal. Ends the program on a failed write.
void output_write(struct output *output, const void *bytes, size_t length);

// The same for a terminated text, as it is.
void output_text(struct output *output, const char *text);

void output_printf(struct output *output, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// Writes what has been gathered.
void output_flush(struct output *output);

// What has been written so far is whole in itself, a record or a line: the reader of a pipe gets it
// now. A file, which nobody sees before its end, goes on gathering.
void output_hand_on(struct output *output);

// Flushes, syncs to disk, gives the file its name and frees. Ends the program on any error.
void output_close(struct output *output);

// Gives the whole file `file` the name `path`, too, on the same file system; an older file of that
// name is replaced at once. False where the file system gives no second names. Ends the program on
// any other error.
bool output_link(const char *file, const char *path);

// The output as a sink.
struct sink output_sink(struct output *output);

// The path for messages ("stdout" where there is none).
const char *output_name(const struct output *output);

#endif

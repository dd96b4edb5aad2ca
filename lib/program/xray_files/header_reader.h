// The headers of X-ray files, read by worker processes in the order of the files: a file that is
// damaged in a way nobody thought of, cut while it is read, or on a bad disk, is an error like any
// other.
#ifndef PLEURA_PROGRAM_XRAY_FILES_HEADER_READER_H
#define PLEURA_PROGRAM_XRAY_FILES_HEADER_READER_H

#include "image/format.h"

struct header_reader;

struct header_reply {
    bool readable; // nothing in the header stands in the way of decoding
    bool known;    // the file is of a format that is read here, as far as could be seen
    struct image_header header;
    const char *message; // why it is not readable; stays until the next header_reader_take
};

// Prepares `processes` workers (at least 1). Ends the program where they cannot be had.
struct header_reader *header_reader_start(size_t processes);

// True when so many files are under way that one must be taken before the next is put.
bool header_reader_full(const struct header_reader *reader);

// Hands over a file's path; the reader must not be full.
void header_reader_put(struct header_reader *reader, const char *path);

// Waits for the oldest file's reply; false when none is under way.
bool header_reader_take(struct header_reader *reader, struct header_reply *reply);

// Ends the processes, files under way included, and frees everything.
void header_reader_stop(struct header_reader *reader);

#endif

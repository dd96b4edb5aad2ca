// What gives no sample, and why: a list for programs (CSV), and a line a reason for a person. For
// filters: every error ends the program.
#ifndef PLEURA_PROGRAM_XRAY_FILES_LEFT_OUT_H
#define PLEURA_PROGRAM_XRAY_FILES_LEFT_OUT_H

#include "program/output.h"
#include "program/xray_files/files.h"

// Starts as zeros: no list.
struct left_out {
    struct output *list; // rows ImageId,Path,Reason; NULL: none
    bool quiet;          // no notices
    bool skip; // a file that cannot become a sample is left out, and does not end the program
};

// Starts the list, which comes into place with left_out_close.
void left_out_open(struct left_out *left, const char *path);

// Adds a row to the list; what is no UTF-8 is written as \xNN.
void left_out_add(struct left_out *left, struct text id, const char *path, const char *reason);

// A file that cannot become a sample: ends the program, or (`skip`) is told of and left out.
void left_out_file(struct left_out *left, const struct xray_file *file, const char *reason);

// A file whose name cannot be an id goes by left_out_file, and is true.
bool left_out_nameless(struct left_out *left, const struct xray_file *file);

// False, with the reason, for a file of no known format, going by its first bytes. One that cannot
// be read is the decoder's to refuse.
bool xray_file_known_format(const char *path, struct error *reason);

// Takes out of files[first ..], which were found below `folder`, those that are no images going by
// their first bytes, and counts them in a notice a reason; by left_out_file those whose names
// cannot be ids. Nothing but such files is an error.
void left_out_foreign(struct left_out *left, struct xray_files *files, size_t first,
                      const char *folder);

void left_out_close(struct left_out *left);

#endif

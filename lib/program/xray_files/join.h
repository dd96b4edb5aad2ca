// X-ray files and the table that their lesions are in (rows of a CSV, mask files), joined by id
// before anything is decoded. For filters: every error ends the program.
#ifndef PLEURA_PROGRAM_XRAY_FILES_JOIN_H
#define PLEURA_PROGRAM_XRAY_FILES_JOIN_H

#include "program/xray_files/left_out.h"

enum unlabelled { UNLABELLED_KEEP, UNLABELLED_DROP, UNLABELLED_ONLY };

struct join {
    const char *name;      // of the table, for messages
    const char *what;      // it holds: "row", "mask"
    const struct ids *ids; // of its rows
    enum unlabelled files; // without a row: keep them, drop them, or drop the others
    bool whole;            // the files are all there is: rows without one are worth a notice
};

// Sets each file's `row`, and its id to the row's (image_id_find); takes out the files that are not
// wanted, with a notice and in the list of what is left out. A table without rows, rows of which
// none has a file, and files of which none is left are errors.
void join_files(const struct join *join, struct xray_files *files, struct left_out *left);

#endif

// The X-ray files that records of a stream have come from, found by the records' ids.
#ifndef PLEURA_PROGRAM_OBJECTS_SOURCE_FILES_H
#define PLEURA_PROGRAM_OBJECTS_SOURCE_FILES_H

#include "program/cli/cli.h"
#include "program/xray_files/files.h"
#include "stream/record.h"

// Starts as zeros but for `named`.
struct source_files {
    const struct option_files *named; // files and folders
    struct xray_files files;          // what was there when they were looked at last
    struct source_name *names;        // of these, sorted
    size_t name_count;
    char *path; // of the file read last
    uint8_t *bytes;
    size_t length;
};

// Reads the DICOM file that has this id, as decode makes ids of names, or of which this is the row
// (image_id_find); its path and bytes stay until the next call. Looks again into the folders for an
// id that they did not have: files may come while a program is at work. Fails where there is no
// such file or more than one, and for what cannot be read.
CHECKED bool source_files_read(struct source_files *sources, struct text id, struct error *error);

void source_files_free(struct source_files *sources);

#endif

// The X-ray files a person names: single ones, whole folders, lists; each with the id it stands
// for.
#ifndef PLEURA_PROGRAM_XRAY_FILES_FILES_H
#define PLEURA_PROGRAM_XRAY_FILES_FILES_H

#include "dataset/ids/ids.h"

#include <stddef.h>

struct xray_file {
    char *path;
    char *id;   // image_id_of_path: any bytes, but for those of left_out_foreign
    bool found; // in a folder: may be something else than an X-ray
    size_t row; // the index of its row, or mask, in a table (join.h); IDS_ABSENT: none
};

// Starts as zeros.
struct xray_files {
    struct xray_file *items;
    size_t count, capacity;
};

// A file that is named by itself; xray_file_free frees it.
CHECKED bool xray_file_make(struct xray_file *file, const char *path, struct error *error);

// Adds a file, or every regular file below a folder in the bytewise order of the paths; hidden ones
// and links to folders are left out.
CHECKED bool xray_files_add(struct xray_files *files, const char *path, struct error *error);

// Adds the paths of a list on stdin, each ended by `separator` ('\n' or 0).
CHECKED bool xray_files_add_list(struct xray_files *files, char separator, struct error *error);

// Keeps the files with these ids (image_id_find), in the order of the ids, which become the files'
// own. Fails for an id that has no file.
CHECKED bool xray_files_select(struct xray_files *files, const struct ids *ids,
                               struct error *error);

// Frees a file that is no part of a list.
void xray_file_free(struct xray_file *file);

void xray_files_free(struct xray_files *files);

#endif

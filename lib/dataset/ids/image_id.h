// What an image is called: its file's name without extensions, and the same of a CSV's row.
#ifndef PLEURA_DATASET_IDS_IMAGE_ID_H
#define PLEURA_DATASET_IDS_IMAGE_ID_H

#include "dataset/ids/ids.h"

// An id without the extensions of image files at its end (image_extensions, in any case; several in
// a row): how ids in a CSV are read. Points into the id; never empty unless it is.
struct text image_id_strip(struct text id);

// The id of a file: its name without its extension, then as above. An extension starts with a
// letter and has at most five characters, so that a name which is a bare UID ("1.2.840.113619")
// stays whole. Points into the path.
struct text image_id_of_path(const char *path);

// The index of a file's id among the ids of a table; else that of the id without what is behind its
// last dot and begins with a letter ("X" for "X.nih_00000013_003"); else IDS_ABSENT.
size_t image_id_find(const struct ids *ids, struct text id);

// A file's id without what is behind its last dot and begins with a letter, the other id by which
// its row may call it; else the id as it is. Points into the id.
struct text image_id_shorter(struct text id);

// Whether an id may be a file's name in a folder that it must not lead out of, with an ending of so
// many bytes behind it: no slash, no NUL, no dot in front, 255 bytes at most.
bool image_id_names_file(struct text id, size_t ending);

#endif

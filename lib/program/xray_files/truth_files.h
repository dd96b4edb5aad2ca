// The truth for those who compare: a CSV, or mask images as --masks gives them to decode. For
// filters: every error ends the program.
#ifndef PLEURA_PROGRAM_XRAY_FILES_TRUTH_FILES_H
#define PLEURA_PROGRAM_XRAY_FILES_TRUTH_FILES_H

#include "challenge/labels.h"
#include "dataset/ids/sizes.h"

// Whether a path for the truth is a folder: of masks, and not a CSV. With masks --size is wrong
// usage; `size` is NULL where it was not given.
bool truth_is_masks(const char *path, const char *size);

// Reads the truth: a CSV as labels_read does; or, with `masks`, all mask images below a folder
// (mask_files.h), decoded in `processes` worker processes, each at most a minute at work on one:
// adds their run lengths to the labels, which start as zeros, and their sizes. Files that are no
// images are told of unless `quiet`.
void truth_read(const char *path, bool masks, size_t processes, bool quiet, struct labels *labels,
                struct sizes *sizes);

#endif

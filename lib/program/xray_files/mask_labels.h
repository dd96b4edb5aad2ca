// Mask images as labels: what --masks gives decode, for those who compare. For filters: every error
// ends the program.
#ifndef PLEURA_PROGRAM_XRAY_FILES_MASK_LABELS_H
#define PLEURA_PROGRAM_XRAY_FILES_MASK_LABELS_H

#include "challenge/labels.h"
#include "dataset/ids/sizes.h"

// Whether a path for the truth is a folder: of masks, and not a CSV.
bool is_mask_folder(const char *path);

// Decodes all masks below a folder (mask_files.h) in `processes` worker processes, each at most a
// minute at work on one: adds their run lengths to the labels, which start as zeros, and their
// sizes. Files that are no images are told of unless `quiet`.
void mask_labels_read(const char *folder, size_t processes, bool quiet, struct labels *labels,
                      struct sizes *sizes);

#endif

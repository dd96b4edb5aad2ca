// Masks as image files in a folder, each with its image's id. For filters: every error ends the
// program.
#ifndef PLEURA_PROGRAM_XRAY_FILES_MASK_FILES_H
#define PLEURA_PROGRAM_XRAY_FILES_MASK_FILES_H

#include "image/image.h"
#include "program/xray_files/left_out.h"

// Starts as zeros. The id of files.items[i] is ids.items[i].
struct mask_files {
    struct xray_files files;
    struct ids ids;
};

// Finds the masks below a folder, as X-rays are found. Two files with one id are an error.
void mask_files_find(struct mask_files *masks, const char *folder, struct left_out *left);

void mask_files_free(struct mask_files *masks);

// Makes a mask of 0 and 1 of a mask image's grey levels: 0 is background, and one other level is
// lesion. Of a file that was compressed with losses (`lossy`) levels up to 63 are background and
// those from 192 on lesion. Fails for any other levels: an X-ray, a map of probabilities, several
// labels or soft edges are no mask.
CHECKED bool mask_files_binarise(struct image *image, bool lossy, struct error *error);

#endif

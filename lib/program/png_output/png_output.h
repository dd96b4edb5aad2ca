// Where colour images of samples go: into one PNG, one for each in a folder, or one of all side by
// side. For filters: every error ends the program.
#ifndef PLEURA_PROGRAM_PNG_OUTPUT_PNG_OUTPUT_H
#define PLEURA_PROGRAM_PNG_OUTPUT_PNG_OUTPUT_H

#include "image/rgb_image.h"
#include "stream/record.h"

struct png_output;

// Opens the folder `directory`, made if need be, for files ID.png; or, where that is NULL, `output`
// (NULL: stdout) for one image, or with `columns` above 0 for a sheet with so many images in a row.
// What an error leaves of the folder's files is removed.
struct png_output *png_output_open(const char *output, const char *directory, size_t columns);

// Adds an image, which is taken over. An id that cannot be a file's name or that has come before
// is an error in a folder, and so is a second image where one is wanted.
void png_output_add(struct png_output *png, struct rgb_image *image, struct text id);

// All is well, and at least one image has come: the files get their names.
void png_output_close(struct png_output *png);

#endif

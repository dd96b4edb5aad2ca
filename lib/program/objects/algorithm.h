// What DICOM objects call the algorithm that they are of.
#ifndef PLEURA_PROGRAM_OBJECTS_ALGORITHM_H
#define PLEURA_PROGRAM_OBJECTS_ALGORITHM_H

#include "program/cli/cli.h"

enum { ALGORITHM_TEXT_SIZE = 65 }; // 64 characters and a NUL, as DICOM has them

struct algorithm {
    char name[ALGORITHM_TEXT_SIZE], version[ALGORITHM_TEXT_SIZE];
};

// Describes the algorithm by its files of weights: `name` (NULL: "Pleura", and the network where
// all files are of one), and as the version the hash (xxh3) of the file, or of several files'
// hashes; "unknown" without a file. Wrong usage for a name that is not of ASCII, has a backslash or
// more than 64 characters; ends the program where a file cannot be read.
void algorithm_describe(struct algorithm *algorithm, const struct option_files *weights,
                        const char *name);

#endif

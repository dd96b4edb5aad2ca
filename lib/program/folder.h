// Folders that a program writes into. Every error ends the program.
#ifndef PLEURA_PROGRAM_FOLDER_H
#define PLEURA_PROGRAM_FOLDER_H

#include <stdbool.h>

// Makes the folder; what is there already must be one. Returns whether it was not there.
bool folder_make(const char *folder);

// The same, and locks it against other programs that ask for the lock: it is this one's until it
// ends, however it ends. *made, unless `made` is NULL: whether the folder was not there. Returns
// its descriptor, which stays open, since the lock goes with it.
int folder_take(const char *folder, bool *made);

#endif

// Folders that are made or locked.
#include "program/folder.h"

#include "program/die.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

bool folder_make(const char *folder) {
    struct stat status;
    if (mkdir(folder, 0777) == 0) {
        return true;
    }
    if (errno != EEXIST) {
        die("%s: %s", folder, strerror(errno));
    }
    if (stat(folder, &status) != 0 || !S_ISDIR(status.st_mode)) {
        die("%s: %s", folder, strerror(ENOTDIR));
    }
    return false;
}

int folder_take(const char *folder, bool *made) {
    const bool new = folder_make(folder);
    const int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) {
        die("%s: %s", folder, strerror(errno));
    }
    if (flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        die("%s: another %s is at work there", folder, program_invocation_short_name);
    }
    if (made != NULL) {
        *made = new;
    }
    return descriptor;
}

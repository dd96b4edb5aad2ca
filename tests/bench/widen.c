// widen: runs a command whose stdin and stdout, where they are pipes, hold 1 MiB, as those of
// Pleura's programs do.
#include "core/error.h"
#include "program/die.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
    if (argc < 2) {
        die_usage("no command");
    }
    (void)fcntl(STDIN_FILENO, F_SETPIPE_SZ, 1 << 20);
    (void)fcntl(STDOUT_FILENO, F_SETPIPE_SZ, 1 << 20);
    (void)execvp(argv[1], argv + 1);
    die("%s: %s", argv[1], strerror(errno));
}

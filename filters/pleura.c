// pleura: one front command for all programs, so that their short names clash with nothing.
#include "core/error.h"
#include "program/cli.h"
#include "program/die.h"

#include <dirent.h>
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// The folder of the programs: PREFIX/libexec/pleura for PREFIX/bin/pleura, else this program's own.
static void find_programs(char *folder, size_t size) {
    char self[PATH_MAX];
    const ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length < 0) {
        die("/proc/self/exe: %s", strerror(errno));
    }
    self[length] = 0;
    const char *here = dirname(self);
    (void)snprintf(folder, size, "%s/../libexec/pleura", here);
    if (access(folder, X_OK) != 0) {
        (void)snprintf(folder, size, "%s", here);
    }
}

static int is_program(const struct dirent *entry) {
    return strpbrk(entry->d_name, ".") == NULL && strcmp(entry->d_name, "pleura") != 0;
}

static int list_programs(const char *folder) {
    struct dirent **entries = NULL;
    const int count = scandir(folder, &entries, is_program, alphasort);
    if (count < 0) {
        die("%s: %s", folder, strerror(errno));
    }
    for (int i = 0; i < count; i++) {
        (void)printf("%s\n", entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return fflush(stdout) == 0 ? 0 : 1;
}

int main(int argc, char **argv) {
    const struct program program = {
        .name = "pleura",
        .summary = "find a pneumothorax in chest X-rays: the programs of Pleura",
        .usage = "[NAME [ARGUMENT]...]",
        .description =
            "Runs the program NAME of Pleura with its arguments; without a NAME, lists the "
            "programs. 'pleura NAME --help' explains one, and so does 'man pleura-NAME' where "
            "the manual is installed.\n\n"
            "This is research software and not a medical device: nothing it prints is a finding.",
        .examples = "pleura decode xrays/ | pleura inspect\npleura merge --help",
        .max_operands = -1,
    };
    char folder[PATH_MAX + 32];
    char path[2 * PATH_MAX];
    find_programs(folder, sizeof folder);
    if (argc > 1 && argv[1][0] == '-') {
        (void)cli_parse(&program, argc, argv);
    }
    if (argc < 2) {
        return list_programs(folder);
    }
    if (strchr(argv[1], '/') != NULL || strcmp(argv[1], "pleura") == 0) {
        die_usage("'%s' is not the name of a program", argv[1]);
    }
    (void)snprintf(path, sizeof path, "%s/%s", folder, argv[1]);
    (void)execv(path, argv + 1);
    if (errno == ENOENT) {
        die_usage("there is no program '%s': 'pleura' alone lists them", argv[1]);
    }
    die("%s: %s", path, strerror(errno));
}

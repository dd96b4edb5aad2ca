// pleura: one front command for all programs, so that their short names clash with nothing, and for
// make with the rules of the method.
#include "core/file.h"
#include "program/cli/cli.h"
#include "program/die.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

// The names of all programs, as the Makefile has them: what else may lie in the folder is not run.
#ifndef PROGRAM_NAMES
#define PROGRAM_NAMES "inspect"
#endif
static const char *const names[] = {PROGRAM_NAMES};

enum { SUMMARY_SIZE = 400 };

// What a program says of itself.
struct listed {
    int answer; // to read from
    pid_t process;
    char text[SUMMARY_SIZE]; // the purpose
    const char *summary;     // in `text`
};

// The folder of the programs: PREFIX/libexec/pleura for PREFIX/bin/pleura, else this program's own.
static void find_programs(char *folder, size_t size) {
    char here[PATH_MAX];
    struct error error;
    if (!file_program_folder(here, sizeof here, &error)) {
        die("%s", error.text);
    }
    (void)snprintf(folder, size, "%s/../libexec/pleura", here);
    if (access(folder, X_OK) != 0) {
        (void)snprintf(folder, size, "%s", here);
    }
}

// The method's rules: PREFIX/share/pleura for PREFIX/bin/pleura. False where they are not
// installed; `path` then says where they would be.
static bool find_rules(char *path, size_t size) {
    char here[PATH_MAX];
    struct error error;
    if (!file_program_folder(here, sizeof here, &error)) {
        die("%s", error.text);
    }
    const char *last = strrchr(here, '/');
    (void)snprintf(path, size, "%.*s/share/pleura/pipelines/pipelines.mk",
                   last == NULL ? 0 : (int)(last - here), here);
    return access(path, R_OK) == 0;
}

// Asks the program for its summary; all are asked before the first answer is read.
static bool ask(struct listed *listed, const char *folder, const char *name) {
    char path[2 * PATH_MAX];
    char *const arguments[] = {path, (char[]){"--summary"}, NULL};
    int ends[2];
    posix_spawn_file_actions_t actions;
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    if (access(path, X_OK) != 0) {
        return false;
    }
    if (pipe2(ends, O_CLOEXEC) != 0) {
        die("pipe: %s", strerror(errno));
    }
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    const int status = posix_spawn(&listed->process, path, &actions, NULL, arguments, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(ends[1]);
    if (status != 0) {
        die("%s: %s", path, strerror(status));
    }
    listed->answer = ends[0];
    return true;
}

static void take_answer(struct listed *listed, const char *name) {
    int status = 0;
    FILE *answer = fdopen(listed->answer, "r");
    if (answer == NULL || fgets(listed->text, sizeof listed->text, answer) == NULL) {
        die("%s does not say what it is for", name);
    }
    (void)fclose(answer);
    (void)waitpid(listed->process, &status, 0);
    listed->text[strcspn(listed->text, "\n")] = 0;
    char *tab = strchr(listed->text, '\t');
    if (tab == NULL) {
        die("%s does not say what it is for", name);
    }
    *tab = 0;
    listed->summary = tab + 1;
}

static void list_purpose(const struct listed *programs, enum purpose purpose) {
    const char *title = purpose_title(purpose);
    bool first = true;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (programs[i].summary == NULL || strcmp(programs[i].text, title) != 0) {
            continue;
        }
        if (first) {
            (void)printf("\n%s:\n", title);
            first = false;
        }
        (void)printf("  %-14s%s\n", names[i], programs[i].summary);
    }
}

static void list_programs(const char *folder) {
    static struct listed programs[COUNT_OF(names)];
    bool there[COUNT_OF(names)];
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        there[i] = ask(&programs[i], folder, names[i]);
    }
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (there[i]) {
            take_answer(&programs[i], names[i]);
        }
    }
    (void)printf("Programs of Pleura ('pleura NAME --help' explains one):\n");
    for (int purpose = PURPOSE_OTHER + 1; purpose < PURPOSES; purpose++) {
        list_purpose(programs, (enum purpose)purpose);
    }
    list_purpose(programs, PURPOSE_OTHER);
    char rules[PATH_MAX + 64];
    if (find_rules(rules, sizeof rules)) {
        (void)printf("\nall of these, stage by stage:\n"
                     "  make          the method's targets: 'pleura make help' lists them\n");
    }
}

static void list_names(const char *folder) {
    char path[2 * PATH_MAX];
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        if (access(path, X_OK) == 0) {
            (void)printf("%s\n", names[i]);
        }
    }
}

// make with the method's rules; `arguments` are its own, behind the word `make`.
__attribute__((noreturn)) static void run_make(char **arguments) {
    char rules[PATH_MAX + 64];
    size_t count = 0;
    if (!find_rules(rules, sizeof rules)) {
        die("%s is not there: the method's targets are installed with the programs; in the source "
            "tree make has them",
            rules);
    }
    while (arguments[count] != NULL) {
        count++;
    }
    char **all = calloc(count + 4, sizeof *all);
    if (all == NULL) {
        die("no memory");
    }
    all[0] = (char[]){"make"};
    all[1] = (char[]){"-f"};
    all[2] = rules;
    memcpy(all + 3, arguments, count * sizeof *all);
    (void)execvp(all[0], all);
    die("make: %s", strerror(errno));
}

__attribute__((noreturn)) static void run_program(const char *folder, char **argv) {
    char path[2 * PATH_MAX];
    if (strchr(argv[0], '/') != NULL || strcmp(argv[0], "pleura") == 0) {
        die_usage("'%s' is not the name of a program", argv[0]);
    }
    (void)snprintf(path, sizeof path, "%s/%s", folder, argv[0]);
    (void)execv(path, argv);
    if (errno == ENOENT) {
        die_usage("there is no program '%s': 'pleura' alone lists them", argv[0]);
    }
    die("%s: %s", path, strerror(errno));
}

int main(int argc, char **argv) {
    bool only_names = false;
    const struct option_row rows[] = {
        {"names", 'n', OPTION_FLAG, &only_names, NULL, "list the programs' names, one a line", 0, 0,
         OPTION_SILENT},
    };
    const struct program program = {
        .name = "pleura",
        .summary = "find a pneumothorax in chest X-rays: the programs of Pleura",
        .usage = "[NAME [ARGUMENT]...]",
        .description =
            "Runs the program NAME of Pleura with its arguments; without a NAME, lists the "
            "programs by what they are for. 'pleura NAME --help' explains one, and so does 'man "
            "pleura-NAME' where the manual is installed.\n\n"
            "Where Pleura is installed, 'pleura make TARGET...' runs the method, from X-rays to a "
            "submission: it is make with the method's rules, and writes into the folder where it "
            "is "
            "called alone. 'pleura make help' lists the targets. Stages and their numbers are "
            "those of "
            "config.json there, else of the one in /usr/share/pleura.\n\n"
            "This is research software and not a medical device: nothing it prints is a finding.",
        .examples = "pleura decode xrays/ | pleura inspect\npleura merge --help\npleura make demo",
        .options = rows,
        .option_count = COUNT_OF(rows),
        .max_operands = 0,
    };
    char folder[PATH_MAX + 32];
    find_programs(folder, sizeof folder);
    if (argc > 1 && strcmp(argv[1], "make") == 0) {
        run_make(argv + 2);
    }
    if (argc > 1 && argv[1][0] != '-') {
        run_program(folder, argv + 1);
    }
    (void)cli_parse(&program, argc, argv);
    if (only_names) {
        list_names(folder);
    } else {
        list_programs(folder);
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        die("stdout: %s", strerror(errno));
    }
    return 0;
}

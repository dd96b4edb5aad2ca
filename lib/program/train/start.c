// Starting a training run.
#include "program/train/start.h"

#include "program/die.h"
#include "program/folder.h"
#include "program/train/saving.h"
#include "train/checkpoint/parameters.h"
#include "weights/file.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void start_parameters(struct trainer *trainer, const char *init) {
    const struct optimizer *optimizer = &trainer->optimizer;
    struct weight_table table = {.count = 0};
    struct error error;
    if (!parameters_start(optimizer->backend, optimizer->graph, optimizer->executor,
                          (uint64_t)trainer->options->seed, &error)) {
        die("%s", error.text);
    }
    if (init == NULL) {
        return;
    }
    if (!weights_read_file(init, &table, &error)) {
        die("%s", error.text);
    }
    if (!trainer->options->quiet) {
        weight_table_say(&table, init);
    }
    const struct layer_name prefix = parameters_prefix(optimizer->graph, &table);
    if (!parameters_take(optimizer->backend, optimizer->graph, optimizer->executor, &table,
                         prefix.text, TAKE_ALL, &error)) {
        die("%s: %s", init, error.text);
    }
    weight_table_free(&table);
}

static void resume(struct trainer *trainer, const char *path, int64_t skipped) {
    const struct training_plan plan = {.iterations = trainer->options->iterations,
                                       .accumulate = trainer->options->accumulate,
                                       .batch = (int64_t)trainer->batch.capacity};
    struct error error;
    if (!training_load(path, &trainer->optimizer, &plan, &trainer->state, &error)) {
        die("%s", error.text);
    }
    if (trainer->state.samples < skipped) {
        die("--skipped %" PRId64 ": the checkpoint has used %" PRId64 " samples only", skipped,
            trainer->state.samples);
    }
    for (int64_t i = skipped; i < trainer->state.samples; i++) {
        if (!trainer->first_waits && !sources_read(trainer->samples, trainer->record)) {
            die("the samples end before the one to go on with; does --skipped lack?");
        }
        trainer->first_waits = false;
    }
}

// The path of a file of the folder; what is there already must be a regular file.
static void regular_path(const struct trainer_options *options, const char *name,
                         char path[PATH_MAX]) {
    struct stat status;
    trainer_path(options, name, path);
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode)) {
        die("%s: not a regular file", path);
    }
}

// The iteration of a file that is called as a kept checkpoint is; 0 where none is.
static int64_t kept_iteration(const char *name) {
    char kept[KEPT_NAME_SIZE];
    if (strncmp(name, "best-", 5) != 0) {
        return 0;
    }
    const int64_t iteration = strtoll(name + 5, NULL, 10);
    trainer_kept_name(iteration, kept);
    return strcmp(name, kept) == 0 ? iteration : 0;
}

// Kept checkpoints that the state does not know, of evaluations that are to come again or of
// another run, would be too many.
static void remove_strays(const struct trainer *trainer) {
    const struct trainer_options *options = trainer->options;
    char path[PATH_MAX];
    DIR *folder = opendir(options->folder);
    if (folder == NULL) {
        die("%s: %s", options->folder, strerror(errno));
    }
    errno = 0; // which alone tells the end from a failure
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL; errno = 0) {
        const int64_t iteration = kept_iteration(entry->d_name);
        if (iteration > 0 && !best_list_has(&trainer->state.kept, iteration)) {
            trainer_path(options, entry->d_name, path);
            if (unlink(path) != 0) {
                die("%s: %s", path, strerror(errno));
            }
        }
    }
    if (errno != 0) {
        die("%s: %s", options->folder, strerror(errno));
    }
    (void)closedir(folder);
}

// The folder is locked, and has no last.mpk.
static void start_anew(struct trainer *trainer, const struct start_options *options,
                       const char *last) {
    if (options->skipped > 0) {
        die("--skipped: there is no %s to go on from", last);
    }
    start_parameters(trainer, options->init);
    optimizer_start_average(&trainer->optimizer);
}

void trainer_start(struct trainer *trainer, const struct start_options *options) {
    char last[PATH_MAX];
    char other[PATH_MAX];
    (void)folder_take(trainer->options->folder, NULL);
    regular_path(trainer->options, "best.mpk", other);
    regular_path(trainer->options, "log.jsonl", other);
    regular_path(trainer->options, "last.mpk", last);
    const bool left = access(last, F_OK) == 0;
    if (left && !options->resume) {
        die("%s is there already: --resume goes on with it; else remove it", last);
    }
    if (left) {
        resume(trainer, last, options->skipped);
    } else {
        start_anew(trainer, options, last);
    }
    if (trainer->options->keep_best > 1) {
        remove_strays(trainer);
    }
}

// Starting a training run.
#include "train/start.h"

#include "train/parameters.h"
#include "weights/file.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void start_parameters(struct trainer *trainer, const char *init) {
    const struct optimizer *optimizer = &trainer->optimizer;
    struct weight_table table = {.count = 0};
    struct error error;
    parameters_start(optimizer->backend, optimizer->graph, optimizer->network,
                     (uint64_t)trainer->options->seed);
    if (init == NULL) {
        return;
    }
    if (!weights_read_file(init, &table, &error)) {
        die("%s", error.text);
    }
    const struct name prefix = parameters_prefix(optimizer->graph, &table);
    if (!parameters_take(optimizer->backend, optimizer->graph, optimizer->network, &table,
                         prefix.text, TAKE_ALL, &error)) {
        die("%s: %s", init, error.text);
    }
    weight_table_free(&table);
}

static void resume(struct trainer *trainer, const char *path, int64_t skipped) {
    struct error error;
    if (!training_load(path, &trainer->optimizer, &trainer->state, &error)) {
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

void trainer_start(struct trainer *trainer, const struct start_options *options) {
    const char *folder = trainer->options->folder;
    char last[PATH_MAX];
    if (snprintf(last, sizeof last, "%s/last.mpk", folder) >= (int)sizeof last) {
        die("%s: too long a path", folder);
    }
    if (mkdir(folder, 0777) != 0 && errno != EEXIST) {
        die("%s: %s", folder, strerror(errno));
    }
    const bool left = access(last, F_OK) == 0;
    if (options->resume && left) {
        resume(trainer, last, options->skipped);
        return;
    }
    if (left) {
        die("%s is there already: --resume goes on with it; else remove it", last);
    }
    if (options->skipped > 0) {
        die("--skipped: there is no %s to go on from", last);
    }
    start_parameters(trainer, options->init);
}

// Writing checkpoints.
#include "program/train/saving.h"

#include "program/die.h"
#include "program/output.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void trainer_path(const struct trainer_options *options, const char *name, char path[PATH_MAX]) {
    if (snprintf(path, PATH_MAX, "%s/%s", options->folder, name) >= PATH_MAX) {
        die("%s: too long a path", options->folder);
    }
}

void trainer_kept_name(int64_t iteration, char name[KEPT_NAME_SIZE]) {
    (void)snprintf(name, KEPT_NAME_SIZE, "best-%" PRId64 ".mpk", iteration);
}

static void save(const struct trainer *trainer, const char *path, bool resumable) {
    struct error error;
    struct output *output = output_open_regular(path, OUTPUT_BYTES);
    if (!training_write(output_sink(output), &trainer->optimizer, &trainer->state, resumable,
                        trainer->history, &error)) {
        die("%s", error.text);
    }
    output_close(output);
}

void save_last(const struct trainer *trainer) {
    char path[PATH_MAX];
    trainer_path(trainer->options, "last.mpk", path);
    save(trainer, path, true);
}

// Puts the evaluation among the best ones, and writes its checkpoint, at `path`, if it is one of
// them. The one that is not among them any more goes before, so that there are never more than
// wanted. A run that is killed in between comes here again.
static bool keep(struct trainer *trainer, char path[PATH_MAX]) {
    struct training_state *state = &trainer->state;
    char name[KEPT_NAME_SIZE];
    int64_t dropped = 0;
    if (!best_list_add(&state->kept, (struct ranked){state->iteration, state->score}, &dropped)) {
        return false;
    }
    if (dropped > 0) {
        trainer_kept_name(dropped, name);
        trainer_path(trainer->options, name, path);
        if (unlink(path) != 0 && errno != ENOENT) {
            die("%s: %s", path, strerror(errno));
        }
    }
    trainer_kept_name(state->iteration, name);
    trainer_path(trainer->options, name, path);
    save(trainer, path, false);
    return true;
}

void save_evaluated(struct trainer *trainer, bool best) {
    char kept[PATH_MAX];
    char path[PATH_MAX];
    const bool has_file = trainer->state.kept.limit > 1 && keep(trainer, kept);
    if (!best) {
        return;
    }
    trainer_path(trainer->options, "best.mpk", path);
    // One file with two names, where the file system has these, is written once.
    if (!has_file || !output_link(kept, path)) {
        save(trainer, path, false);
    }
}

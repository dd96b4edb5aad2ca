// Jobs with memory of their own, used in turn.
#include "program/streams/augmenter.h"

#include "core/pool.h"
#include "program/die.h"
#include "program/progress.h"
#include "program/streams/streams.h"

#include <malloc.h>
#include <stdlib.h>

#define FROM_MEMORY SIZE_MAX
#define MAX_BESIDE_PIXELS ((uint64_t)64 << 10) // values, or bytes of a record besides its image

struct augment_job {
    uint64_t position;
    size_t entry; // of the catalog, or FROM_MEMORY: `loaded` has the sample
    const char *source;
    struct loaded_record loaded;
    struct augmented out;
    bool good;
    struct error error;
};

struct augmenter {
    const struct augment_rule *rule;
    const struct catalog *catalog;
    struct output *output;
    struct stream_writer *writer;
    struct progress progress;
    struct pool *pool;
    struct augment_job *jobs;
    size_t depth;
    uint64_t started;
};

static void work(void *context, void *argument) {
    const struct augmenter *augmenter = context;
    struct augment_job *job = argument;
    job->good = job->entry == FROM_MEMORY ||
                catalog_read(augmenter->catalog, job->entry, &job->loaded, &job->error);
    if (job->good && !augment_sample(augmenter->rule, job->position, &job->loaded.record, &job->out,
                                     &job->error)) {
        job->good = fail_within(&job->error, "%s", job->source);
    }
}

struct augmenter *augmenter_start(const struct augment_rule *rule, const struct catalog *catalog,
                                  const struct common_options *common,
                                  const struct history *history, uint64_t total) {
    struct augmenter *augmenter = calloc(1, sizeof *augmenter);
    const size_t threads = (size_t)common->threads;
    const size_t depth = 2 * threads;
    struct error error;
    if (augmenter == NULL || (augmenter->jobs = calloc(depth, sizeof *augmenter->jobs)) == NULL) {
        die("no memory for %zu samples", depth);
    }
    augmenter->rule = rule;
    augmenter->catalog = catalog;
    augmenter->depth = depth;
    augmenter->output = output_open(common->output, OUTPUT_BYTES);
    augmenter->writer = stream_create(augmenter->output, KIND_SAMPLES, history);
    augmenter->progress = progress_start("samples", total, common->quiet);
    augmenter->pool = pool_start(threads, depth, work, augmenter, &error);
    if (augmenter->pool == NULL) {
        die("%s", error.text);
    }
    return augmenter;
}

// Writes the oldest sample under way. False when there is none.
static bool write_oldest(struct augmenter *augmenter) {
    const struct augment_job *job = pool_take(augmenter->pool);
    if (job == NULL) {
        return false;
    }
    if (!job->good) {
        die("%s", job->error.text);
    }
    stream_write(augmenter->writer, &job->out.record);
    progress_step(&augmenter->progress);
    return true;
}

static struct augment_job *free_job(struct augmenter *augmenter) {
    if (pool_full(augmenter->pool)) {
        (void)write_oldest(augmenter);
    }
    return &augmenter->jobs[augmenter->started++ % augmenter->depth];
}

// A value of a list takes 24 bytes in memory and can be a single one in a stream. A record that may
// hold many is worked on alone, and its memory given back.
static void finish_alone(struct augmenter *augmenter, struct augment_job *job) {
    while (write_oldest(augmenter)) {
    }
    loaded_record_free(&job->loaded);
    (void)malloc_trim(0); // each thread's part of the heap would keep it
}

void augmenter_put_entry(struct augmenter *augmenter, uint64_t position, size_t entry) {
    const struct catalog *catalog = augmenter->catalog;
    struct augment_job *job = free_job(augmenter);
    job->position = position;
    job->entry = entry;
    job->source = catalog->files[catalog->entries[entry].file].path;
    pool_put(augmenter->pool, job);
    const struct catalog_entry *stored = &catalog->entries[entry];
    const uint64_t pixels = (uint64_t)stored->height * stored->width;
    if (pixels > 0 && stored->length > pixels + MAX_BESIDE_PIXELS) {
        finish_alone(augmenter, job);
    }
}

void augmenter_put_sample(struct augmenter *augmenter, uint64_t position,
                          const struct record *sample, const char *source) {
    struct augment_job *job = free_job(augmenter);
    struct error error;
    job->position = position;
    job->entry = FROM_MEMORY;
    job->source = source;
    if (!record_copy(&job->loaded, sample, &error)) {
        die("%s: %s", source, error.text);
    }
    pool_put(augmenter->pool, job);
    if (job->loaded.value_count > MAX_BESIDE_PIXELS) {
        finish_alone(augmenter, job);
    }
}

void augmenter_end(struct augmenter *augmenter) {
    while (write_oldest(augmenter)) {
    }
    progress_end(&augmenter->progress);
    pool_stop(augmenter->pool);
    stream_finish(augmenter->writer);
    output_close(augmenter->output);
    for (size_t i = 0; i < augmenter->depth; i++) {
        loaded_record_free(&augmenter->jobs[i].loaded);
        augmented_free(&augmenter->jobs[i].out);
    }
    free(augmenter->jobs);
    free(augmenter);
}

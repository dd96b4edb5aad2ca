// synth: a folder of made-up chest X-rays with labels, laid out like the challenge's.
#include "challenge/csv/csv.h"
#include "challenge/labels.h"
#include "core/pool.h"
#include "image/codec/png_codec.h"
#include "image/dicom/dicom.h"
#include "image/runs.h"
#include "phantom/phantom.h"
#include "program/cli/cli.h"
#include "program/die.h"
#include "program/folder.h"
#include "program/output.h"
#include "program/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
    int64_t train, test, side, seed, quality;
    double lesions, area, contrast;
    const char *format;
    struct common_options common;
};

// One X-ray, from its number to the bytes of its file and the texts of its annotations.
struct synth_job {
    const struct options *options;
    uint64_t index;
    bool lesion;
    char id[64];
    uint8_t *bytes;
    size_t length;
    struct runs_text *annotations; // one at the least: "-1"
    size_t annotation_count;
    struct error error;
    bool good;
};

static bool annotate(struct synth_job *job, const struct phantom *phantom) {
    const size_t count = phantom->lesion_count > 0 ? phantom->lesion_count : 1;
    struct runs runs = {0};
    bool good = (job->annotations = calloc(count, sizeof *job->annotations)) != NULL;
    job->annotation_count = count;
    for (size_t i = 0; good && i < count; i++) {
        good =
            (phantom->lesion_count == 0 || runs_trace(&runs, &phantom->lesions[i], &job->error)) &&
            runs_format(&job->annotations[i], &runs, &job->error);
    }
    runs_free(&runs);
    return good;
}

static void make_xray(void *context, void *argument) {
    (void)context;
    struct synth_job *job = argument;
    const struct options *options = job->options;
    const struct lesion_style style = {.area = (float)options->area,
                                       .contrast = (float)options->contrast};
    struct phantom phantom;
    job->good = phantom_draw(&phantom, (uint64_t)options->seed, job->index, (size_t)options->side,
                             job->lesion ? &style : NULL, &job->error);
    if (!job->good) {
        return;
    }
    job->good = annotate(job, &phantom);
    if (job->good && strcmp(options->format, "png") == 0) {
        job->good = png_encode_gray(&phantom.image, 6, &job->bytes, &job->length, &job->error);
    } else if (job->good) {
        job->good = dicom_write_gray(&phantom.image, job->id, (int)options->quality, &job->bytes,
                                     &job->length, &job->error);
    }
    phantom_free(&phantom);
}

// Lesions are spread evenly, so that any count has its share: image i has one when the running
// total floor(i * share) goes up.
static bool has_lesion(const struct options *options, uint64_t index) {
    const double share = options->lesions;
    return (uint64_t)((double)(index + 1) * share + 1e-9) >
           (uint64_t)((double)index * share + 1e-9);
}

static struct synth_job *start_job(const struct options *options, uint64_t index) {
    struct synth_job *job = calloc(1, sizeof *job);
    if (job == NULL) {
        die("no memory");
    }
    job->options = options;
    job->index = index;
    job->lesion = has_lesion(options, index);
    (void)snprintf(job->id, sizeof job->id, "synth-%" PRId64 "-%06" PRIu64, options->seed, index);
    return job;
}

struct table {
    struct output *output;
    char *path;
};

struct tables {
    struct table train, test_truth, sample;
};

static void write_rows(struct output *table, const struct synth_job *job) {
    for (size_t i = 0; i < job->annotation_count; i++) {
        const struct text row[2] = {text_of(job->id),
                                    {job->annotations[i].bytes, job->annotations[i].length}};
        csv_write(output_sink(table), row, 2);
    }
}

static void finish_job(struct synth_job *job, const char *folder, const struct tables *tables) {
    const struct options *options = job->options;
    const bool training = job->index < (uint64_t)options->train;
    char *path = NULL;
    if (!job->good) {
        die("%s: %s", job->id, job->error.text);
    }
    const char *extension = strcmp(options->format, "png") == 0 ? "png" : "dcm";
    if (asprintf(&path, "%s/%s/%s.%s", folder, training ? "train" : "test", job->id, extension) <
        0) {
        die("no memory");
    }
    struct output *file = output_open_regular(path, OUTPUT_BYTES);
    output_write(file, job->bytes, job->length);
    output_close(file);
    write_rows(training ? tables->train.output : tables->test_truth.output, job);
    if (!training) {
        const struct text row[2] = {text_of(job->id), text_of("-1")};
        csv_write(output_sink(tables->sample.output), row, 2);
    }
    for (size_t i = 0; i < job->annotation_count; i++) {
        free(job->annotations[i].bytes);
    }
    free(job->annotations);
    free(job->bytes);
    free(job);
    free(path);
}

static void make_folder(const char *folder, const char *name) {
    char *path = NULL;
    if (asprintf(&path, "%s%s", folder, name) < 0) {
        die("no memory");
    }
    (void)folder_make(path);
    free(path);
}

static struct table open_table(const char *folder, const char *name) {
    const struct text header[2] = {text_of(COLUMN_ID), text_of(COLUMN_RUNS)};
    struct table table = {NULL, NULL};
    if (asprintf(&table.path, "%s/%s", folder, name) < 0) {
        die("no memory");
    }
    table.output = output_open_regular(table.path, OUTPUT_TEXT);
    csv_write(output_sink(table.output), header, 2);
    return table;
}

static void close_table(struct table table) {
    output_close(table.output);
    free(table.path);
}

static void make_all(const char *folder, const struct options *options) {
    const uint64_t total = (uint64_t)(options->train + options->test);
    const size_t threads = (size_t)options->common.threads;
    make_folder(folder, "");
    make_folder(folder, "/train");
    make_folder(folder, "/test");
    const struct tables tables = {open_table(folder, "train-rle.csv"),
                                  open_table(folder, "test-truth.csv"),
                                  open_table(folder, "sample_submission.csv")};
    struct progress progress = progress_start("X-rays", total, options->common.quiet);
    struct error error;
    struct pool *pool = pool_start(threads, 2 * threads, make_xray, NULL, &error);
    if (pool == NULL) {
        die("%s", error.text);
    }
    for (uint64_t put = 0, taken = 0; taken < total; taken++) {
        for (; put < total && !pool_full(pool); put++) {
            pool_put(pool, start_job(options, put));
        }
        finish_job(pool_take(pool), folder, &tables);
        progress_step(&progress);
    }
    pool_stop(pool);
    close_table(tables.train);
    close_table(tables.test_truth);
    close_table(tables.sample);
    progress_end(&progress);
}

static const char description[] =
    "Writes made-up chest X-rays to a folder laid out like the challenge's: DIR/train with "
    "DIR/train-rle.csv (ImageId,EncodedPixels; a row an annotation, -1 for none), DIR/test with "
    "DIR/sample_submission.csv, and DIR/test-truth.csv, which the challenge keeps to itself. They "
    "show lungs, ribs, heart, noise, and in some a pneumothorax: a dark rim without lung texture "
    "behind a fine bright line.\n\n"
    "Equal options give equal bytes, whatever the machine and the number of threads. The pictures "
    "are for trying and testing programs; nothing can be learned from them about patients.";

int main(int argc, char **argv) {
    struct options options = {.train = 200,
                              .test = 50,
                              .side = 1024,
                              .seed = 1,
                              .quality = 90,
                              .lesions = 0.22,
                              .area = 0.021,
                              .contrast = 0,
                              .format = "dicom",
                              .common = cli_common_defaults()};
    const struct option_row rows[] = {
        {"train", 'n', OPTION_INTEGER, &options.train, "N", "X-rays with labels", 0, 1000000,
         OPTION_SILENT},
        {"test", 'm', OPTION_INTEGER, &options.test, "N", "X-rays to be predicted", 0, 1000000,
         OPTION_SILENT},
        {"lesions", 'l', OPTION_NUMBER, &options.lesions, "SHARE",
         "share of X-rays with a pneumothorax", 0, 1, OPTION_SILENT},
        {"area", 0, OPTION_NUMBER, &options.area, "SHARE",
         "of the image that the middle one of the lesions covers", 0.002, 0.1, OPTION_SILENT},
        {"contrast", 0, OPTION_NUMBER, &options.contrast, "X",
         "darken the lesions' air by so much of the whole range; 0: hard to see in many", 0, 0.5,
         OPTION_SILENT},
        {"side", 's', OPTION_INTEGER, &options.side, "N", "width and height", 64, 4096,
         OPTION_SILENT},
        {"seed", 0, OPTION_INTEGER, &options.seed, "N", "other patients", 0, 1e15, OPTION_SILENT},
        {"format", 'f', OPTION_CHOICE, &options.format, "dicom|png", "kind of files", 0, 0,
         OPTION_SILENT},
        {"quality", 0, OPTION_INTEGER, &options.quality, "Q",
         "JPEG quality inside DICOM, 0 for uncompressed", 0, 100, OPTION_SILENT},
    };
    const struct program program = {
        .name = "synth",
        .summary = "made-up chest X-rays in the challenge's layout",
        .purpose = PURPOSE_READ,
        .usage = "[OPTION]... DIR",
        .description = description,
        .examples = "synth --train 40 --test 10 xrays\nsynth --format png --side 256 small",
        .options = rows,
        .option_count = COUNT_OF(rows),
        .common = &options.common,
        .common_options = COMMON_QUIET | COMMON_THREADS,
        .min_operands = 1,
        .max_operands = 1,
    };
    const struct operands operands = cli_parse(&program, argc, argv);
    make_all(operands.items[0], &options);
    return 0;
}

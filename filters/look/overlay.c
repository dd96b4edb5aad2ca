// overlay: samples as PNG images, with the true lesion and the predicted one outlined.
#include "challenge/ensemble.h"
#include "dataset/ids/sizes.h"
#include "dataset/sample.h"
#include "image/resize.h"
#include "image/rgb_image.h"
#include "program/cli/cli.h"
#include "program/die.h"
#include "program/png_output/png_output.h"
#include "program/progress.h"
#include "program/streams/sources.h"

#include <stdlib.h>
#include <string.h>

static const struct colour TRUTH = {64, 220, 96};

struct options {
    const char *directory, *predictions;
    double threshold;
    int64_t side, thickness, sheet;
    struct common_options common;
};

static void must(bool good, struct sources *source, const struct error *error) {
    if (!good) {
        sources_die(source, error);
    }
}

// The longer side becomes options->side pixels; 0 keeps the size.
static void scale_image(struct image *image, const struct options *options,
                        struct sources *samples) {
    struct error error;
    struct image scaled;
    const size_t longer = image->height > image->width ? image->height : image->width;
    if (options->side == 0 || longer == (size_t)options->side) {
        return;
    }
    const double scale = (double)options->side / (double)longer;
    const size_t height = (size_t)((double)image->height * scale + 0.5);
    const size_t width = (size_t)((double)image->width * scale + 0.5);
    must(image_alloc(&scaled, height > 0 ? height : 1, width > 0 ? width : 1, &error), samples,
         &error);
    const struct image_view view = image_view_of(image);
    must(resize_bilinear(&scaled, &view, &error), samples, &error);
    image_free(image);
    *image = scaled;
}

// Brings a mask to the image's size and draws its outline.
static void draw_mask(struct rgb_image *coloured, struct image *mask, struct colour colour,
                      const struct options *options, struct sources *source) {
    struct error error;
    struct image scaled;
    const struct image_view view = image_view_of(mask);
    const size_t thickness = (size_t)options->thickness;
    must(image_alloc(&scaled, coloured->height, coloured->width, &error), source, &error);
    must(resize_nearest(&scaled, &view, &error), source, &error);
    must(rgb_image_outline(coloured, &scaled, colour, thickness, &error), source, &error);
    image_free(&scaled);
}

// The sample's truth: its `mask`, or its run lengths at the size they refer to; false when
// unlabelled.
static bool truth_of(struct image *mask, const struct record *sample, struct sources *samples,
                     const struct options *options) {
    struct error error;
    if (record_find(sample, "mask") != NULL) {
        must(mask_from_sample(sample, mask, &error), samples, &error);
        return true;
    }
    struct sample_mask label = {.max_pixels = options->common.max_pixels};
    must(sample_mask_read(&label, sample, &error), samples, &error);
    const bool labelled = label.labelled;
    if (labelled) {
        must(image_alloc(mask, label.height, label.width, &error), samples, &error);
        runs_draw(mask, &label.runs);
    }
    sample_mask_free(&label);
    return labelled;
}

// The prediction's record, a probability or a mask, must be the sample's: both streams go in step.
static void prediction_of(struct image *mask, const struct record *sample,
                          struct sources *predictions, double threshold) {
    struct error error;
    struct record record;
    if (!sources_read(predictions, &record)) {
        die("%.*s: the predictions end before it", TEXT_ARG(sample->id));
    }
    if (!text_equal(record.id, sample->id)) {
        (void)fail(&error, "%.*s, where the samples have %.*s", TEXT_ARG(record.id),
                   TEXT_ARG(sample->id));
        sources_die(predictions, &error);
    }
    const bool read = strcmp(predictions->kind, KIND_SAMPLES) == 0
                          ? mask_from_sample(&record, mask, &error)
                          : mask_from_probability(&record, threshold, mask, &error);
    size_t height = 0;
    size_t width = 0;
    must(read && size_of_record(sample, &height, &width, &error), predictions, &error);
    if (mask->height != height || mask->width != width) {
        (void)fail(&error, "%.*s: a prediction of %zu x %zu, where the image is %zu x %zu",
                   TEXT_ARG(record.id), mask->height, mask->width, height, width);
        sources_die(predictions, &error);
    }
}

// ---- drawing

static void draw_sample(struct png_output *destination, const struct record *sample,
                        struct sources *samples, struct sources *predictions,
                        const struct options *options) {
    struct error error;
    const struct tensor *tensor = NULL;
    struct image image;
    struct image mask = {NULL, 0, 0};
    struct rgb_image coloured;
    must(record_tensor(sample, "image", 2, &tensor, &error), samples, &error);
    if (tensor->type != DTYPE_U1) {
        must(fail(&error, "'image' is not of type |u1"), samples, &error);
    }
    must(image_alloc(&image, tensor->shape[0], tensor->shape[1], &error), samples, &error);
    memcpy(image.pixels, tensor->data, tensor->bytes);
    scale_image(&image, options, samples);
    must(rgb_image_from_gray(&coloured, &image, &error), samples, &error);
    if (truth_of(&mask, sample, samples, options)) {
        draw_mask(&coloured, &mask, TRUTH, options, samples);
        image_free(&mask);
    }
    if (predictions != NULL) {
        prediction_of(&mask, sample, predictions, options->threshold);
        draw_mask(&coloured, &mask, COLOUR_PREDICTION, options, predictions);
        image_free(&mask);
    }
    png_output_add(destination, &coloured, sample->id);
    image_free(&image);
}

static void open_predictions(struct sources *predictions, const struct options *options) {
    char *const path = (char *)(uintptr_t)options->predictions;
    sources_open(predictions, &path, 1, NULL, options->common.max_record);
    if (strcmp(predictions->kind, KIND_PROBABILITIES) != 0 &&
        strcmp(predictions->kind, KIND_DEVIATIONS) != 0 &&
        strcmp(predictions->kind, KIND_SAMPLES) != 0) {
        die("%s: holds %s, and probabilities, deviations or samples are needed here",
            options->predictions, predictions->kind);
    }
}

// `predictions`: NULL where there are none.
static void draw_all(struct sources *samples, struct sources *predictions,
                     const struct options *options) {
    struct png_output *destination =
        png_output_open(options->common.output, options->directory, (size_t)options->sheet);
    struct progress progress = progress_start("pictures", 0, options->common.quiet);
    struct record record;
    while (sources_read(samples, &record)) {
        draw_sample(destination, &record, samples, predictions, options);
        progress_step(&progress);
    }
    if (progress.done == 0) {
        die("%s: no samples in it", sources_path(samples));
    }
    if (predictions != NULL && sources_read(predictions, &record)) {
        die("%s: goes on with %.*s behind the last sample", options->predictions,
            TEXT_ARG(record.id));
    }
    progress_end(&progress);
    png_output_close(destination);
}

int main(int argc, char **argv) {
    struct options options = {.threshold = 0.5, .common = cli_common_defaults()};
    const struct option_row rows[] = {
        {"directory", 'd', OPTION_FILE, &options.directory, "DIR",
         "write DIR/ID.png for each sample; DIR is made if need be. The pictures come into DIR "
         "when "
         "all are drawn",
         0, 0, OPTION_SILENT},
        {"sheet", 0, OPTION_INTEGER, &options.sheet, "COLUMNS",
         "write one image of all samples side by side, so many in a row", 1, 1000, OPTION_SILENT},
        {"predictions", 'p', OPTION_FILE, &options.predictions, "FILE",
         "probabilities, deviations (merge --deviation) or masks in the order of the samples, "
         "outlined in red",
         0, 0, OPTION_SILENT},
        {"threshold", 0, OPTION_NUMBER, &options.threshold, "P",
         "a pixel is predicted above this probability", 0, 1, OPTION_SILENT},
        {"side", 's', OPTION_INTEGER, &options.side, "N",
         "bring the longer side to N pixels (default: as it is)", 0, 16384, OPTION_SILENT},
        {"thickness", 0, OPTION_INTEGER, &options.thickness, "N",
         "of the outlines, in pixels (default: by the size)", 0, 100, OPTION_SILENT},
    };
    const struct program program = {
        .name = "overlay",
        .summary = "pictures of samples with lesions outlined",
        .purpose = PURPOSE_LOOK,
        .usage = "[OPTION]... [SAMPLES]",
        .description =
            "Draws each sample's image with the outline of its true lesion (green; from mask or "
            "rle) and of the predicted one (red; from probabilities, or from masks as rle-decode "
            "makes them, at the image's own size). One sample goes to stdout or to -o as a PNG; "
            "several go to a folder. "
            "SAMPLES are a stream or a shard folder; without, stdin is read.",
        .examples = "decode --labels train-rle.csv xray.dcm | overlay -o xray.png\n"
                    "overlay --predictions mean.mpk --directory pictures samples.mpk\n"
                    "decode --ids submission.csv test/ | overlay -p <(rle-decode submission.csv) "
                    "-d pictures",
        .options = rows,
        .option_count = COUNT_OF(rows),
        .common = &options.common,
        .common_options = COMMON_STREAM | COMMON_MAX_PIXELS,
        .max_operands = 1,
    };
    const struct operands operands = cli_parse(&program, argc, argv);
    if (options.directory != NULL && (options.common.output != NULL || options.sheet > 0)) {
        die_usage("--directory and %s: one of them", options.sheet > 0 ? "--sheet" : "--output");
    }
    struct sources samples;
    struct sources predictions = {.items = NULL};
    sources_open(&samples, operands.items, (size_t)operands.count, KIND_SAMPLES,
                 options.common.max_record);
    if (options.predictions != NULL) {
        open_predictions(&predictions, &options);
    }
    draw_all(&samples, options.predictions != NULL ? &predictions : NULL, &options);
    sources_close(&samples);
    sources_close(&predictions);
    return 0;
}

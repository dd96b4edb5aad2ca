// rle-decode: run lengths in a CSV become masks in a stream.
#include "challenge/labels.h"
#include "dataset/ids/sizes.h"
#include "program/cli/cli.h"
#include "program/die.h"
#include "program/progress.h"
#include "program/streams/streams.h"

#include <string.h>

struct options {
    const char *size, *sizes;
    struct common_options common;
};

// The mask of image `index`, in an image that is made anew where its size differs.
static bool draw(const struct labels *labels, size_t index, const struct sizes *sizes,
                 struct runs *runs, struct image *image, struct error *error) {
    size_t height = 0;
    size_t width = 0;
    if (!sizes_find(sizes, labels->ids.items[index], &height, &width, error) ||
        !labels_unite(labels, index, height, width, runs, error)) {
        return false;
    }
    if (image->height != height || image->width != width) {
        image_free(image);
        if (!image_alloc(image, height, width, error)) {
            return false;
        }
    }
    runs_draw(image, runs);
    return true;
}

static void write_masks(struct stream_writer *writer, const struct labels *labels,
                        const struct sizes *sizes, bool quiet) {
    struct progress progress = progress_start("images", labels->ids.count, quiet);
    struct image image = {NULL, 0, 0};
    struct runs runs = {.count = 0};
    struct error error;
    for (size_t i = 0; i < labels->ids.count; i++) {
        if (!draw(labels, i, sizes, &runs, &image, &error)) {
            die("%s", error.text);
        }
        const struct tensor tensor =
            tensor_plane(DTYPE_U1, image.height, image.width, image.pixels);
        const struct field fields[] = {{text_of("mask"), value_tensor(&tensor)}};
        const struct record record = {labels->ids.items[i], COUNT_OF(fields), fields};
        stream_write(writer, &record);
        progress_step(&progress);
    }
    progress_end(&progress);
    runs_free(&runs);
    image_free(&image);
}

static void run(const struct options *options, const struct operands *operands) {
    const char *path = operands->count > 0 ? operands->items[0] : "-";
    struct sizes sizes = {.height = 0};
    struct labels labels = {.name = NULL};
    struct error error;
    if (options->sizes == NULL &&
        !labels_parse_size(options->size != NULL ? options->size : "1024x1024", &sizes.height,
                           &sizes.width, &error)) {
        die_usage("--size %s", error.text);
    }
    if (options->sizes != NULL && strcmp(options->sizes, path) == 0) {
        die_usage("--sizes %s: the run lengths come from there, too", path);
    }
    struct output *output = output_open(options->common.output, OUTPUT_BYTES);
    if ((options->sizes != NULL &&
         !sizes_read(&sizes, options->sizes, options->common.max_record, &error)) ||
        !labels_read(&labels, path, true, &error)) {
        die("%s", error.text);
    }
    const struct history history = {1, {text_of(operands->history)}};
    struct stream_writer *writer = stream_create(output, KIND_SAMPLES, &history);
    write_masks(writer, &labels, &sizes, options->common.quiet);
    stream_finish(writer);
    output_close(output);
    labels_free(&labels);
    sizes_free(&sizes);
}

int main(int argc, char **argv) {
    struct options options = {.common = cli_common_defaults()};
    const struct option_row rows[] = {
        {"size", 's', OPTION_TEXT, &options.size, "HxW",
         "height and width of all masks (default: 1024x1024)", 0, 0, OPTION_RECORDED},
        {"sizes", 0, OPTION_FILE, &options.sizes, "STREAM",
         "of each mask its own: those of the records of STREAM with the same ids", 0, 0,
         OPTION_RECORDED},
    };
    const struct program program = {
        .name = "rle-decode",
        .summary = "turn run lengths in a CSV into masks",
        .purpose = PURPOSE_DECIDE,
        .usage = "[OPTION]... [CSV]",
        .description =
            "Reads rows `ImageId,EncodedPixels` and writes a stream of samples with a `mask` of 0 "
            "and 1 for every id, in the order in which the ids first appear. Several rows of one "
            "id are united; -1 is the empty mask.\n\n"
            "Run lengths are `gap run gap run ...` down the columns, each gap counted from the end "
            "of the run before. Runs that leave the image, and anything that is not such a list, "
            "end the program with status 1 and the number of the line.\n\n"
            "The sizes for --sizes may come from samples, probabilities, or the index.mpk of a "
            "shard folder. An id that it lacks is an error.\n\n"
            "Reads stdin when no CSV is named, or for '-'.",
        .examples = "rle-decode train-rle.csv | inspect\n"
                    "rle-decode --sizes shards/index.mpk submission.csv | inspect\n"
                    "rle-decode submission.csv | rle-encode -o canonical.csv",
        .options = rows,
        .option_count = COUNT_OF(rows),
        .common = &options.common,
        .common_options = COMMON_STREAM,
        .max_operands = 1,
    };
    const struct operands operands = cli_parse(&program, argc, argv);
    if (options.size != NULL && options.sizes != NULL) {
        die_usage("--size and --sizes: one or the other");
    }
    run(&options, &operands);
    return 0;
}

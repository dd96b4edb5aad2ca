// rle-decode: run lengths in a CSV become masks in a stream.
#include "core/cli.h"
#include "core/progress.h"
#include "data/labels.h"
#include "stream/writer.h"

struct options {
    const char *size;
    struct common_options common;
};

static void write_masks(struct stream_writer *writer, const struct labels *labels,
                        struct image *image, bool quiet) {
    struct progress progress = progress_start("images", labels->ids.count, quiet);
    struct runs runs = {.count = 0};
    struct error error;
    for (size_t i = 0; i < labels->ids.count; i++) {
        if (!labels_unite(labels, i, image->height, image->width, &runs, &error)) {
            die("%s", error.text);
        }
        runs_draw(image, &runs);
        const struct tensor tensor =
            tensor_plane(DTYPE_U1, image->height, image->width, image->pixels);
        const struct field fields[] = {{text_of("mask"), value_tensor(&tensor)}};
        const struct record record = {labels->ids.at[i], COUNT_OF(fields), fields};
        stream_write(writer, &record);
        progress_step(&progress);
    }
    progress_end(&progress);
    runs_free(&runs);
}

int main(int argc, char **argv) {
    struct options options = {.size = "1024x1024", .common = common_defaults()};
    const struct option_row rows[] = {
        {"size", 's', OPTION_TEXT, &options.size, "HxW",
         "height and width of the masks (default: 1024x1024)", 0, 0, OPTION_RECORDED},
    };
    const struct program program = {
        .name = "rle-decode",
        .summary = "turn run lengths in a CSV into masks",
        .usage = "[OPTION]... [CSV]",
        .description =
            "Reads rows `ImageId,EncodedPixels` and writes a stream of samples with a `mask` of 0 "
            "and 1 for every id, in the order in which the ids first appear. Several rows of one "
            "id are united; -1 is the empty mask.\n\n"
            "Run lengths are `gap run gap run ...` down the columns, each gap counted from the end "
            "of the run before. Runs that leave the image, and anything that is not such a list, "
            "end the program with status 1 and the number of the line.\n\n"
            "Reads stdin when no CSV is named, or for '-'.",
        .examples = "rle-decode train-rle.csv | inspect\n"
                    "rle-decode submission.csv | rle-encode -o canonical.csv",
        .options = rows,
        .option_count = COUNT_OF(rows),
        .common = &options.common,
        .common_options = COMMON_OUTPUT | COMMON_QUIET,
        .operands_most = 1,
    };
    const struct operands operands = cli_parse(&program, argc, argv);
    struct error error;
    struct image image = {.pixels = NULL};
    size_t height = 0;
    size_t width = 0;
    if (!labels_parse_size(options.size, &height, &width, &error)) {
        die_usage("--size %s", error.text);
    }
    struct output *output = output_open(options.common.output, OUTPUT_BYTES);
    struct labels labels = {.name = NULL};
    if (!labels_read(&labels, operands.count > 0 ? operands.at[0] : "-", true, &error) ||
        !image_alloc(&image, height, width, &error)) {
        die("%s", error.text);
    }
    const struct history history = {1, {text_of(operands.history)}};
    struct stream_writer *writer = stream_create(output, KIND_SAMPLES, &history);
    write_masks(writer, &labels, &image, options.common.quiet);
    stream_finish(writer);
    output_close(output);
    image_free(&image);
    labels_free(&labels);
    return 0;
}

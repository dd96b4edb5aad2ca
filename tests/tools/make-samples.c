// make-samples: a stream of small made-up samples for the tests of programs.
#include "core/numbers/random.h"
#include "program/cli/cli.h"
#include "program/die.h"
#include "program/streams/streams.h"

#include <stdio.h>
#include <stdlib.h>

struct options {
    int64_t count, height, width, every, seed;
    bool extra;
    const char *prefix;
    struct common_options common;
};

// A box of lesion as run lengths: down the columns, each gap from the end of the run before.
static void box(char *text, size_t size, const struct options *options, int64_t top, int64_t left,
                int64_t height, int64_t width) {
    int64_t gap = left * options->height + top;
    int used = 0;
    for (int64_t x = 0; x < width; x++) {
        used += snprintf(text + used, size - (size_t)used, "%s%lld %lld", x > 0 ? " " : "",
                         (long long)gap, (long long)height);
        gap = options->height - height;
    }
}

static void write_sample(struct stream_writer *writer, const struct options *options,
                         int64_t number, unsigned char *pixels) {
    char id[200];
    char rows[2][4000];
    struct value list[2] = {{.type = VALUE_TEXT}};
    struct random random = random_seed((uint64_t)options->seed, 77, (uint64_t)number);
    for (int64_t i = 0; i < options->height * options->width; i++) {
        pixels[i] = (unsigned char)(random_next(&random) >> 56);
    }
    // Ids that neither come sorted nor end in sorted digits.
    (void)snprintf(id, sizeof id, "%s%lld", options->prefix, (long long)(number * 7919 % 100003));
    const bool lesion = options->every > 0 && number % options->every == 0;
    const int64_t height = options->height / 3 + 1;
    const int64_t width = options->width / 4 + 1;
    if (lesion) { // two annotations that overlap
        box(rows[0], sizeof rows[0], options, 1, 1, height, width);
        box(rows[1], sizeof rows[1], options, 2, 2, height, width);
        list[0] = value_text(text_of(rows[0]));
        list[1] = value_text(text_of(rows[1]));
    }
    const struct tensor image =
        tensor_plane(DTYPE_U1, (size_t)options->height, (size_t)options->width, pixels);
    struct field fields[3] = {{text_of("image"), value_tensor(&image)}};
    struct record record = {text_of(id), 1, fields};
    if (options->extra) {
        fields[record.count++] = (struct field){text_of("site"), value_integer(number)};
    }
    if (options->every > 0) {
        fields[record.count++] = (struct field){text_of("rle"), value_list(list, lesion ? 2 : 0)};
    }
    stream_write(writer, &record);
}

int main(int argc, char **argv) {
    struct options options = {.count = 10,
                              .height = 24,
                              .width = 32,
                              .every = 4,
                              .prefix = "x",
                              .common = cli_common_defaults()};
    const struct option_row rows[] = {
        {"count", 'n', OPTION_INTEGER, &options.count, "N", "samples", 0, 1e6, OPTION_SILENT},
        {"height", 'h', OPTION_INTEGER, &options.height, "N", "pixels", 1, 4096, OPTION_SILENT},
        {"width", 'w', OPTION_INTEGER, &options.width, "N", "pixels", 1, 1024, OPTION_SILENT},
        {"every", 'l', OPTION_INTEGER, &options.every, "N",
         "every Nth has a lesion, from the first on; 0: no labels", 0, 1e6, OPTION_SILENT},
        {"seed", 's', OPTION_INTEGER, &options.seed, "N", "of the pixels", 0, 1e6, OPTION_SILENT},
        {"prefix", 'p', OPTION_TEXT, &options.prefix, "TEXT", "of the ids", 0, 0, OPTION_SILENT},
        {"extra", 'x', OPTION_FLAG, &options.extra, NULL, "a field 'site' no program knows", 0, 0,
         OPTION_SILENT},
    };
    const struct program program = {
        .name = "make-samples",
        .summary = "a stream of small made-up samples",
        .usage = "[OPTION]...",
        .description = "For tests.",
        .options = rows,
        .option_count = COUNT_OF(rows),
        .common = &options.common,
        .common_options = COMMON_OUTPUT,
    };
    (void)cli_parse(&program, argc, argv);
    unsigned char *pixels = calloc((size_t)options.height, (size_t)options.width);
    if (pixels == NULL) {
        die("no memory");
    }
    struct output *output = output_open(options.common.output, OUTPUT_BYTES);
    const struct history history = {1, {text_of("make-samples")}};
    struct stream_writer *writer = stream_create(output, KIND_SAMPLES, &history);
    for (int64_t i = 0; i < options.count; i++) {
        write_sample(writer, &options, i, pixels);
    }
    stream_finish(writer);
    output_close(output);
    free(pixels);
    return 0;
}

// make-probabilities: a stream of probabilities whose areas are known, for the tests of programs.
#include "core/numbers/fp16.h"
#include "program/cli/cli.h"
#include "program/die.h"
#include "program/streams/streams.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
    int64_t height, width;
    double inside, outside;
    const char *prefix, *type;
    struct common_options common;
};

// The first `area` pixels of the rows have the one probability, the rest the other.
static void write_image(struct stream_writer *writer, const struct options *options, int number,
                        size_t area) {
    const size_t size = (size_t)(options->height * options->width);
    const bool is_fp16 = strcmp(options->type, "f2") == 0;
    float *values = malloc(size * sizeof *values);
    uint16_t *fp16 = malloc(size * sizeof *fp16);
    if (values == NULL || fp16 == NULL) {
        die("no memory");
    }
    for (size_t i = 0; i < size; i++) {
        values[i] = (float)(i < area ? options->inside : options->outside);
    }
    fp16_write(fp16, values, size);
    const struct tensor tensor =
        tensor_plane(is_fp16 ? DTYPE_F2 : DTYPE_F4, (size_t)options->height, (size_t)options->width,
                     is_fp16 ? (const void *)fp16 : (const void *)values);
    const struct field field = {text_of("probability"), value_tensor(&tensor)};
    char id[200];
    (void)snprintf(id, sizeof id, "%s%d", options->prefix, number);
    stream_write(writer, &(struct record){text_of(id), 1, &field});
    free(values);
    free(fp16);
}

int main(int argc, char **argv) {
    struct options options = {.height = 8,
                              .width = 8,
                              .inside = 0.75,
                              .outside = 0.25,
                              .prefix = "p",
                              .type = "f2",
                              .common = cli_common_defaults()};
    const struct option_row rows[] = {
        {"height", 'h', OPTION_INTEGER, &options.height, "N", "pixels", 0, 1e5, OPTION_SILENT},
        {"width", 'w', OPTION_INTEGER, &options.width, "N", "pixels", 0, 1e5, OPTION_SILENT},
        {"inside", 'i', OPTION_NUMBER, &options.inside, "P", "of the area", -1e9, 1e9,
         OPTION_SILENT},
        {"outside", 'u', OPTION_NUMBER, &options.outside, "P", "of the rest", -1e9, 1e9,
         OPTION_SILENT},
        {"prefix", 'p', OPTION_TEXT, &options.prefix, "TEXT", "of the ids", 0, 0, OPTION_SILENT},
        {"type", 'y', OPTION_CHOICE, &options.type, "f2|f4", "of the elements", 0, 0,
         OPTION_SILENT},
    };
    const struct program program = {
        .name = "make-probabilities",
        .summary = "a stream of probabilities with known areas",
        .usage = "[OPTION]... AREA...",
        .description = "For tests.",
        .options = rows,
        .option_count = COUNT_OF(rows),
        .common = &options.common,
        .common_options = COMMON_OUTPUT,
        .max_operands = -1,
    };
    const struct operands operands = cli_parse(&program, argc, argv);
    struct output *output = output_open(options.common.output, OUTPUT_BYTES);
    const struct history history = {1, {text_of("make-probabilities")}};
    struct stream_writer *writer = stream_create(output, KIND_PROBABILITIES, &history);
    for (int i = 0; i < operands.count; i++) {
        write_image(writer, &options, i, strtoul(operands.items[i], NULL, 10));
    }
    stream_finish(writer);
    output_close(output);
    return 0;
}

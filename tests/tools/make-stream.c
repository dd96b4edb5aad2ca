// make-stream: tensor streams of any kind and size for the tests of programs.
#include "core/numbers/fp16.h"
#include "core/numbers/random.h"
#include "program/cli/cli.h"
#include "program/die.h"
#include "program/streams/streams.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
    int64_t records, seed;
    size_t bytes;
    const char *kind, *id, *line;
    bool everything;
    struct common_options common;
};

// Records of one tensor `value` of |u1.
static void write_plain(struct stream_writer *writer, const struct options *options) {
    struct random random = random_seed((uint64_t)options->seed, 0, 0);
    unsigned char *bytes = calloc(1, options->bytes + 8);
    if (bytes == NULL) {
        die("no memory");
    }
    // Enough of it is random to differ from record to record.
    for (size_t i = 0; i + 8 <= options->bytes && i < 65536; i += 8) {
        const uint64_t word = random_next(&random);
        memcpy(bytes + i, &word, sizeof word);
    }
    const struct tensor value = {.type = DTYPE_U1,
                                 .rank = 1,
                                 .shape = {options->bytes},
                                 .data = bytes,
                                 .bytes = options->bytes};
    const struct field field = {text_of("value"), value_tensor(&value)};
    for (int64_t i = 0; i < options->records; i++) {
        char id[1100];
        (void)snprintf(id, sizeof id, "%s%lld", options->id, (long long)i);
        bytes[0] = (unsigned char)i;
        stream_write(writer, &(struct record){text_of(id), 1, &field});
    }
    free(bytes);
}

// Two records with a value of every type, among them what is hard to print.
static void write_everything(struct stream_writer *writer) {
    const unsigned char u1[6] = {0, 1, 2, 3, 4, 250};
    const uint16_t u2[2] = {1, 65535};
    const int32_t i4[2] = {-2147483647, 5};
    const int64_t i8[1] = {-9007199254740993};
    const float exact[4] = {0.5f, -2, 0, 65504};
    const uint32_t f4[3] = {0x3F800000, 0x7FC00000, 0}; // 1, NaN, 0
    const double f8[3] = {1e300, -1e-300, 0.1};
    uint16_t f2[4];
    fp16_write(f2, exact, 4);
    const struct tensor tensors[] = {
        tensor_plane(DTYPE_U1, 2, 3, u1),
        {.type = DTYPE_U2, .rank = 1, .shape = {2}, .data = u2, .bytes = sizeof u2},
        {.type = DTYPE_I4, .rank = 1, .shape = {2}, .data = i4, .bytes = sizeof i4},
        {.type = DTYPE_I8, .data = i8, .bytes = sizeof i8},
        tensor_plane(DTYPE_F2, 2, 2, f2),
        {.type = DTYPE_F4, .rank = 1, .shape = {3}, .data = f4, .bytes = sizeof f4},
        {.type = DTYPE_F8, .rank = 4, .shape = {1, 1, 3, 1}, .data = f8, .bytes = sizeof f8},
        tensor_plane(DTYPE_F4, 0, 7, NULL),
    };
    const struct value nested[] = {value_number(0.1), value_list(NULL, 0)};
    const struct value items[] = {value_text(text_of("1 2")), value_integer(-3),
                                  value_list(nested, 2)};
    const struct field fields[] = {
        {text_of("u1"), value_tensor(&tensors[0])},
        {text_of("u2"), value_tensor(&tensors[1])},
        {text_of("i4"), value_tensor(&tensors[2])},
        {text_of("i8"), value_tensor(&tensors[3])},
        {text_of("f2"), value_tensor(&tensors[4])},
        {text_of("f4"), value_tensor(&tensors[5])},
        {text_of("f8"), value_tensor(&tensors[6])},
        {text_of("none"), value_tensor(&tensors[7])},
        {text_of("list"), value_list(items, 3)},
        {text_of("no list"), value_list(NULL, 0)},
        {text_of("text \"\\\n\x1b[31m\xC2\x9B"), value_text(text_of("\xCE\xA9\t\x7F"))},
        {text_of("huge"), {.type = VALUE_UNSIGNED, .natural = UINT64_MAX}},
        {text_of("integer"), value_integer(-9007199254740993)},
        {text_of("number"), value_number(0.17)},
    };
    stream_write(writer, &(struct record){text_of("first"), COUNT_OF(fields), fields});
    stream_write(writer, &(struct record){text_of("\xCE\xA9 2\n"), 0, NULL});
}

int main(int argc, char **argv) {
    struct options options = {.records = 3,
                              .bytes = 16,
                              .kind = KIND_SAMPLES,
                              .id = "r",
                              .line = "make-stream",
                              .common = cli_common_defaults()};
    const struct option_row rows[] = {
        {"records", 'n', OPTION_INTEGER, &options.records, "N", "how many", 0, 1e9, OPTION_SILENT},
        {"bytes", 'b', OPTION_BYTES, &options.bytes, "SIZE", "of each record's tensor", 0, 4e9,
         OPTION_SILENT},
        {"kind", 'k', OPTION_TEXT, &options.kind, "WORD", "of the stream", 0, 0, OPTION_SILENT},
        {"id", 'i', OPTION_TEXT, &options.id, "TEXT", "in front of each id's number", 0, 0,
         OPTION_SILENT},
        {"line", 'l', OPTION_TEXT, &options.line, "TEXT", "the history", 0, 0, OPTION_SILENT},
        {"seed", 's', OPTION_INTEGER, &options.seed, "N", "of the bytes", 0, 1e9, OPTION_SILENT},
        {"everything", 'e', OPTION_FLAG, &options.everything, NULL,
         "two records with values of all types instead", 0, 0, OPTION_SILENT},
    };
    const struct program program = {
        .name = "make-stream",
        .summary = "tensor streams of any kind and size",
        .usage = "[OPTION]...",
        .description = "For tests.",
        .options = rows,
        .option_count = COUNT_OF(rows),
        .common = &options.common,
        .common_options = COMMON_OUTPUT,
    };
    (void)cli_parse(&program, argc, argv);
    struct output *output = output_open(options.common.output, OUTPUT_BYTES);
    const struct history history = {1, {text_of(options.line)}};
    struct stream_writer *writer = stream_create(output, options.kind, &history);
    if (options.everything) {
        write_everything(writer);
    } else {
        write_plain(writer, &options);
    }
    stream_finish(writer);
    output_close(output);
    return 0;
}

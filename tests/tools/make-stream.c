// make-stream KIND: a stream of any kind from a description on stdin, for the tests of programs.
//
// A line is a record: its id, then NAME=VALUE for each field, separated by blanks (an id or a text
// holds no blanks; "%" and two hexadecimal digits stand for any byte). A VALUE is
//   TYPE:SHAPE:NUMBERS   a tensor: "f2:2x3:0.25", "u1:4:1*2,0": N*K stands for N, K times, and the
//                        last number fills the rest
//   5                    an integer
//   text:WORD            a text
#include "core/cli.h"
#include "core/half.h"
#include "stream/writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FIELDS 8

struct options {
    struct common_options common;
};

static enum dtype type_named(const char *word, size_t length) {
    for (int i = 0; i < DTYPE_COUNT; i++) {
        const char *code = dtype_code((enum dtype)i) + 1;
        if (strlen(code) == length && memcmp(code, word, length) == 0) {
            return (enum dtype)i;
        }
    }
    die("'%.*s': no type of tensor", (int)length, word);
}

static void store(unsigned char *to, enum dtype type, double number) {
    const uint16_t half = half_from_float((float)number);
    const float single = (float)number;
    const int64_t whole = (int64_t)number;
    switch (type) {
    case DTYPE_F2: memcpy(to, &half, sizeof half); break;
    case DTYPE_F4: memcpy(to, &single, sizeof single); break;
    case DTYPE_F8: memcpy(to, &number, sizeof number); break;
    default: memcpy(to, &whole, dtype_size(type)); break;
    }
}

static void fill(struct tensor *tensor, const char *numbers) {
    const size_t size = dtype_size(tensor->type);
    unsigned char *data = calloc(tensor->bytes + 1, 1);
    char *at = NULL;
    double number = 0;
    size_t times = 0;
    if (data == NULL) {
        die("no memory");
    }
    for (size_t i = 0; i < tensor->bytes; i += size) {
        if (times == 0) {
            number = strtod(numbers, &at);
            times = *at == '*' ? strtoul(at + 1, &at, 10) : 1;
            times = *at == ',' ? times : tensor->bytes;
            numbers = at + 1;
        }
        store(data + i, tensor->type, number);
        times--;
    }
    tensor->data = data;
}

static struct value parse_value(const char *text, struct tensor *tensor) {
    const char *colon = strchr(text, ':');
    if (colon == NULL) {
        return value_integer(strtoll(text, NULL, 10));
    }
    if (strncmp(text, "text:", 5) == 0) {
        return value_text(text_of(colon + 1));
    }
    *tensor = (struct tensor){.type = type_named(text, (size_t)(colon - text))};
    tensor->bytes = dtype_size(tensor->type);
    char *at = NULL;
    for (const char *side = colon + 1;; side = at + 1) {
        tensor->shape[tensor->rank] = strtoul(side, &at, 10);
        tensor->bytes *= tensor->shape[tensor->rank++];
        if (*at != 'x' || tensor->rank == TENSOR_MAX_RANK) {
            break;
        }
    }
    fill(tensor, *at == ':' ? at + 1 : "0");
    return value_tensor(tensor);
}

// Puts "%41" back to "A", in place; returns the length.
static size_t unescape(char *text) {
    char *to = text;
    for (const char *from = text; *from != 0; to++) {
        unsigned byte = (unsigned char)*from;
        from += *from == '%' && sscanf(from + 1, "%2x", &byte) == 1 ? 3 : 1;
        *to = (char)byte;
    }
    return (size_t)(to - text);
}

static void write_record(struct stream_writer *writer, char *line) {
    struct tensor tensors[MAX_FIELDS] = {{.rank = 0}};
    struct field fields[MAX_FIELDS];
    char *rest = NULL;
    char *id = strtok_r(line, " \n", &rest);
    if (id == NULL) {
        return;
    }
    struct record record = {{id, unescape(id)}, 0, fields};
    for (char *word; (word = strtok_r(NULL, " \n", &rest)) != NULL; record.count++) {
        char *equals = strchr(word, '=');
        if (equals == NULL || record.count == MAX_FIELDS) {
            die("'%s': not NAME=VALUE, or too many", word);
        }
        *equals = 0;
        fields[record.count] =
            (struct field){text_of(word), parse_value(equals + 1, &tensors[record.count])};
    }
    stream_write(writer, &record);
    for (size_t i = 0; i < MAX_FIELDS; i++) {
        free((void *)(uintptr_t)tensors[i].data);
    }
}

int main(int argc, char **argv) {
    struct options options = {.common = common_defaults()};
    const struct program program = {
        .name = "make-stream",
        .summary = "a stream from a description on stdin",
        .usage = "KIND",
        .description = "For tests.",
        .common = &options.common,
        .common_options = COMMON_OUTPUT,
        .operands_least = 1,
        .operands_most = 1,
    };
    const struct operands operands = cli_parse(&program, argc, argv);
    struct output *output = output_open(options.common.output, OUTPUT_BYTES);
    const struct history history = {1, {text_of("make-stream")}};
    struct stream_writer *writer = stream_create(output, operands.at[0], &history);
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, stdin) > 0) {
        write_record(writer, line);
    }
    free(line);
    stream_finish(writer);
    output_close(output);
    return 0;
}

// make-png: a folder of PNG files of every colour type, depth and interlacing, a few pixels each.
#include "core/error.h"
#include "program/cli/cli.h"
#include "program/die.h"
#include "program/output.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

enum { HEIGHT = 5, WIDTH = 9 };

struct file {
    uint8_t bytes[4096];
    size_t length;
};

static void put_number(struct file *file, size_t number) {
    for (int shift = 24; shift >= 0; shift -= 8) {
        file->bytes[file->length++] = (uint8_t)(number >> shift);
    }
}

static void put_chunk(struct file *file, const char *name, const void *body, size_t length) {
    put_number(file, length);
    const uint8_t *start = file->bytes + file->length;
    memcpy(file->bytes + file->length, name, 4);
    file->length += 4;
    if (length > 0) {
        memcpy(file->bytes + file->length, body, length);
    }
    file->length += length;
    put_number(file, crc32(0, start, (uInt)(length + 4)));
}

static void put_header(struct file *file, uint8_t depth, uint8_t colour, uint8_t interlaced) {
    struct file header = {.length = 0};
    const uint8_t rest[] = {depth, colour, 0, 0, interlaced};
    put_number(&header, WIDTH);
    put_number(&header, HEIGHT);
    memcpy(header.bytes + header.length, rest, sizeof rest);
    memcpy(file->bytes, "\x89PNG\r\n\x1A\n", 8);
    file->length = 8;
    put_chunk(file, "IHDR", header.bytes, header.length + sizeof rest);
}

// Rows with any pixels, their filters in turn; each of Adam7's passes is an image.
static size_t fill_rows(uint8_t *rows, size_t bits, bool interlaced) {
    static const size_t passes[][4] = {// first row, first column, steps of both
                                       {0, 0, 8, 8}, {0, 4, 8, 8}, {4, 0, 8, 4}, {0, 2, 4, 4},
                                       {2, 0, 4, 2}, {0, 1, 2, 2}, {1, 0, 2, 1}, {0, 0, 1, 1}};
    const size_t first = interlaced ? 0 : 7;
    size_t length = 0;
    for (size_t i = first; i < first + (interlaced ? 7 : 1); i++) {
        const size_t *pass = passes[i];
        const size_t width = (WIDTH - pass[1] + pass[3] - 1) / pass[3];
        for (size_t y = pass[0]; y < HEIGHT; y += pass[2]) {
            rows[length++] = (uint8_t)(y % 5);
            for (size_t x = 0; x < (width * bits + 7) / 8; x++) {
                rows[length++] = (uint8_t)(37 * x + 101 * y);
            }
        }
    }
    return length;
}

static void put_colours(struct file *file, uint8_t depth, uint8_t colour) {
    uint8_t palette[3 << 8];
    if (colour == 3) {
        for (size_t i = 0; i < sizeof palette; i++) {
            palette[i] = (uint8_t)(5 * i);
        }
        put_chunk(file, "PLTE", palette, 3U << depth);
    }
    if (colour < 4) {
        put_chunk(file, "tRNS", "\0\1\0\1\0\1", colour == 0 ? 2 : colour == 2 ? 6 : 1);
    }
}

static void make(const char *folder, uint8_t depth, uint8_t colour, bool interlaced) {
    static const uint8_t channels[] = {1, 0, 3, 1, 2, 0, 4};
    struct file file;
    uint8_t rows[1024];
    uint8_t packed[1200];
    uLongf size = sizeof packed;
    char path[4096];
    const size_t length = fill_rows(rows, (size_t)depth * channels[colour], interlaced);
    put_header(&file, depth, colour, interlaced);
    put_chunk(&file, "gAMA", "\0\0\xB1\x8F", 4);
    put_colours(&file, depth, colour);
    // Stored, so that a changed byte is a changed pixel.
    if (compress2(packed, &size, rows, length, Z_NO_COMPRESSION) != Z_OK) {
        die("zlib");
    }
    put_chunk(&file, "IDAT", packed, size / 2);
    put_chunk(&file, "IDAT", packed + size / 2, size - size / 2);
    put_chunk(&file, "IEND", NULL, 0);
    (void)snprintf(path, sizeof path, "%s/colour%d-%d%s.png", folder, colour, depth,
                   interlaced ? "-adam7" : "");
    struct output *output = output_open(path, OUTPUT_BYTES);
    output_write(output, file.bytes, file.length);
    output_close(output);
}

int main(int argc, char **argv) {
    static const uint8_t sorts[][2] = {{1, 0}, {2, 0},  {4, 0},  {8, 0}, {16, 0},
                                       {8, 2}, {16, 2}, {1, 3},  {2, 3}, {4, 3},
                                       {8, 3}, {8, 4},  {16, 4}, {8, 6}, {16, 6}};
    const struct program program = {
        .name = "make-png",
        .summary = "PNG files of every sort",
        .usage = "FOLDER",
        .description = "For tests.",
        .min_operands = 1,
        .max_operands = 1,
    };
    const struct operands operands = cli_parse(&program, argc, argv);
    for (size_t i = 0; i < COUNT_OF(sorts); i++) {
        make(operands.items[0], sorts[i][0], sorts[i][1], false);
        make(operands.items[0], sorts[i][0], sorts[i][1], true);
    }
    return 0;
}

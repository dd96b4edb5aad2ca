// make-gray: a gray image with a box in it: an X-ray or a mask whose every pixel a test knows.
#include "core/error.h"
#include "image/codec/jpeg.h"
#include "image/codec/png_codec.h"
#include "image/dicom/dicom.h"
#include "program/cli/cli.h"
#include "program/die.h"
#include "program/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
    int64_t height, width, top, left, rows, columns, back, level, corner;
    const char *format;
    struct common_options common;
};

static void draw(struct image *image, const struct options *options) {
    struct error error;
    if (!image_alloc(image, (size_t)options->height, (size_t)options->width, &error)) {
        die("%s", error.text);
    }
    for (int64_t y = 0; y < options->height; y++) {
        for (int64_t x = 0; x < options->width; x++) {
            const bool inside = y >= options->top && y < options->top + options->rows &&
                                x >= options->left && x < options->left + options->columns;
            image->pixels[y * options->width + x] =
                (uint8_t)(inside ? options->level : options->back);
        }
    }
    if (options->corner >= 0) {
        image->pixels[0] = (uint8_t)options->corner;
    }
}

int main(int argc, char **argv) {
    struct options options = {.height = 64,
                              .width = 64,
                              .level = 255,
                              .corner = -1,
                              .format = "png",
                              .common = cli_common_defaults()};
    const struct option_row rows[] = {
        {"height", 0, OPTION_INTEGER, &options.height, "N", "pixels", 1, 4096, OPTION_SILENT},
        {"width", 0, OPTION_INTEGER, &options.width, "N", "pixels", 1, 4096, OPTION_SILENT},
        {"top", 0, OPTION_INTEGER, &options.top, "N", "of the box", 0, 4096, OPTION_SILENT},
        {"left", 0, OPTION_INTEGER, &options.left, "N", "of the box", 0, 4096, OPTION_SILENT},
        {"rows", 0, OPTION_INTEGER, &options.rows, "N", "of the box", 0, 4096, OPTION_SILENT},
        {"columns", 0, OPTION_INTEGER, &options.columns, "N", "of the box", 0, 4096, OPTION_SILENT},
        {"back", 0, OPTION_INTEGER, &options.back, "N", "level around it", 0, 255, OPTION_SILENT},
        {"level", 0, OPTION_INTEGER, &options.level, "N", "level of it", 0, 255, OPTION_SILENT},
        {"corner", 0, OPTION_INTEGER, &options.corner, "N", "level of the first pixel", 0, 255,
         OPTION_SILENT},
        {"format", 0, OPTION_CHOICE, &options.format, "png|jpeg|dicom", "of the file", 0, 0,
         OPTION_SILENT},
    };
    const struct program program = {
        .name = "make-gray",
        .summary = "a gray image with a box in it",
        .usage = "[OPTION]...",
        .description = "For tests.",
        .options = rows,
        .option_count = COUNT_OF(rows),
        .common = &options.common,
        .common_options = COMMON_OUTPUT,
    };
    (void)cli_parse(&program, argc, argv);
    struct image image;
    struct error error;
    uint8_t *bytes = NULL;
    size_t length = 0;
    draw(&image, &options);
    const bool written = strcmp(options.format, "png") == 0
                             ? png_encode_gray(&image, 6, &bytes, &length, &error)
                         : strcmp(options.format, "jpeg") == 0
                             ? jpeg_encode_gray(&image, 60, &bytes, &length, &error)
                             : dicom_write_gray(&image, "1.2.3", 0, &bytes, &length, &error);
    if (!written) {
        die("%s", error.text);
    }
    struct output *output = output_open(options.common.output, OUTPUT_BYTES);
    output_write(output, bytes, length);
    output_close(output);
    free(bytes);
    image_free(&image);
    return 0;
}

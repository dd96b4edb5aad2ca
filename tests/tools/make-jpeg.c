// make-jpeg: a folder of small JPEG files: gray and colour, baseline, progressive and arithmetic,
// CMYK, Exif of every orientation.
#include "core/error.h"
#include "program/cli/cli.h"
#include "program/die.h"
#include "program/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>

enum { HEIGHT = 12, WIDTH = 20, SOI_SIZE = 2 };

static void save(const char *folder, const char *name, const uint8_t *bytes, size_t length,
                 const uint8_t *segment, size_t segment_length) {
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s.jpg", folder, name);
    struct output *output = output_open(path, OUTPUT_BYTES);
    output_write(output, bytes, SOI_SIZE);
    output_write(output, segment, segment_length);
    output_write(output, bytes + SOI_SIZE, length - SOI_SIZE);
    output_close(output);
}

static void make(const char *folder, const char *name, int format, int sampling, int flags,
                 unsigned orientation) {
    uint8_t exif[] = {0xFF, 0xE1, 0, 34, 'E', 'x', 'i', 'f', 0,    0,    'M', 'M',
                      0,    42,   0, 0,  0,   8,   0,   1,   0x01, 0x12, 0,   3,
                      0,    0,    0, 1,  0,   0,   0,   0,   0,    0,    0,   0};
    exif[29] = (uint8_t)orientation;
    uint8_t pixels[HEIGHT * WIDTH * 4];
    for (size_t i = 0; i < sizeof pixels; i++) {
        pixels[i] = (uint8_t)(i * i / 7);
    }
    tjhandle turbo = tjInitCompress();
    unsigned char *bytes = NULL;
    unsigned long size = 0;
    if (turbo == NULL || tjCompress2(turbo, pixels, WIDTH, 0, HEIGHT, format, &bytes, &size,
                                     sampling, 50, flags) != 0) {
        die("libjpeg-turbo");
    }
    save(folder, name, bytes, size, exif, orientation == 0 ? 0 : sizeof exif);
    tjFree(bytes);
    (void)tjDestroy(turbo);
}

int main(int argc, char **argv) {
    const struct program program = {
        .name = "make-jpeg",
        .summary = "JPEG files of every sort",
        .usage = "FOLDER",
        .description = "For tests.",
        .min_operands = 1,
        .max_operands = 1,
    };
    const struct operands operands = cli_parse(&program, argc, argv);
    const char *folder = operands.items[0];
    make(folder, "gray", TJPF_GRAY, TJSAMP_GRAY, 0, 0);
    make(folder, "colour", TJPF_RGB, TJSAMP_420, 0, 0);
    make(folder, "progressive", TJPF_RGB, TJSAMP_444, TJFLAG_PROGRESSIVE, 0);
    make(folder, "cmyk", TJPF_CMYK, TJSAMP_444, 0, 0);
    for (unsigned i = 1; i <= 8; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "exif-%u", i);
        make(folder, name, TJPF_GRAY, TJSAMP_GRAY, 0, i);
    }
    if (setenv("TJ_ARITHMETIC", "1", 1) != 0) {
        die("no memory");
    }
    make(folder, "arithmetic", TJPF_GRAY, TJSAMP_GRAY, 0, 0);
    return 0;
}

// resize: the CPU seconds that resizing a sample to 768 x 768 takes, for a race with Pillow. Writes
// the image and the result, so that both resize the same and their bytes can be compared.
#include "image/resize.h"
#include "dataset/sample.h"
#include "program/cli/cli.h"
#include "program/die.h"
#include "program/streams/streams.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { SIDE = 768 };

static double cpu_seconds(void) {
    struct timespec time;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void write_pgm(const char *path, const struct image_view *image) {
    struct output *output = output_open(path, OUTPUT_BYTES);
    output_printf(output, "P5\n%zu %zu\n255\n", image->width, image->height);
    output_write(output, image->pixels, image->height * image->width);
    output_close(output);
}

int main(int argc, char **argv) {
    struct common_options common = cli_common_defaults();
    const struct program program = {
        .name = "resize",
        .summary = "time the resize of a stream's first sample to 768 x 768",
        .usage = "SAMPLES IMAGE.pgm RESULT.pgm COUNT",
        .description = "Prints the CPU seconds of one of COUNT times.",
        .common = &common,
        .min_operands = 4,
        .max_operands = 4,
    };
    const struct operands operands = cli_parse(&program, argc, argv);
    const long count = strtol(operands.items[3], NULL, 10);
    struct stream_reader *reader =
        stream_open_or_die(operands.items[0], KIND_SAMPLES, common.max_record);
    struct record record = {.count = 0};
    struct image_view image = {NULL, 0, 0, 0, false};
    struct image result = {NULL, 0, 0};
    struct error error;
    if (!stream_read(reader, &record) || !sample_image(&record, &image, &error)) {
        die("%s: no image", operands.items[0]);
    }
    const double start = cpu_seconds();
    for (long i = 0; i < count; i++) {
        image_free(&result); // Pillow allocates its result each time, too
        if (!image_alloc(&result, SIDE, SIDE, &error) ||
            !resize_bilinear(&result, &image, &error)) {
            die("%s", error.text);
        }
    }
    (void)printf("%.9f\n", (cpu_seconds() - start) / (double)count);
    const struct image_view view = image_view_of(&result);
    write_pgm(operands.items[1], &image);
    write_pgm(operands.items[2], &view);
    image_free(&result);
    stream_close(reader);
    return 0;
}

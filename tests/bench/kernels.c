// kernels: how fast the library's loops over one image or mask are against memcpy of their input.
#include "core/numbers/fp16.h"
#include "core/numbers/random.h"
#include "image/mask.h"
#include "image/resize.h"
#include "image/runs.h"
#include "program/die.h"
#include "stream/digest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SIDE = 1024, PIXELS = SIDE * SIDE, NARROW = 768, ROUNDS = 15, REPEATS = 8 };

struct planes {
    struct image gray, mask, other, narrow;
    uint16_t *halves;
    float *floats;
    uint8_t *copy;
    struct runs runs;
    struct digest *digest;
};

typedef bool kernel(struct planes *planes, struct error *error);

static bool hash(struct planes *planes, struct error *error) {
    (void)error;
    digest_add(planes->digest, planes->gray.pixels, PIXELS);
    return true;
}

static bool trace(struct planes *planes, struct error *error) {
    return runs_trace(&planes->runs, &planes->mask, error);
}

static bool draw(struct planes *planes, struct error *error) {
    (void)error;
    runs_draw(&planes->other, &planes->runs);
    return true;
}

static bool threshold(struct planes *planes, struct error *error) {
    (void)error;
    mask_above_fp16(&planes->other, planes->halves, 0.5);
    return true;
}

static bool read_halves(struct planes *planes, struct error *error) {
    (void)error;
    fp16_read(planes->floats, planes->halves, PIXELS);
    return true;
}

static bool write_halves(struct planes *planes, struct error *error) {
    (void)error;
    fp16_write(planes->halves, planes->floats, PIXELS);
    return true;
}

static bool dilate(struct planes *planes, struct error *error) {
    return mask_dilate(&planes->other, &planes->mask, 19, error);
}

static bool resize(struct planes *planes, struct error *error) {
    const struct image_view view = image_view_of(&planes->gray);
    return resize_bilinear(&planes->narrow, &view, error);
}

static double cpu_seconds(void) {
    struct timespec time;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static double time_kernel(kernel *function, struct planes *planes) {
    struct error error;
    const double start = cpu_seconds();
    for (int i = 0; i < REPEATS; i++) {
        if (!function(planes, &error)) {
            die("%s", error.text);
        }
    }
    return (cpu_seconds() - start) / REPEATS;
}

static double time_copy(struct planes *planes, const void *input, size_t bytes) {
    const double start = cpu_seconds();
    for (int i = 0; i < REPEATS; i++) {
        memcpy(planes->copy, input, bytes);
        __asm__ volatile("" : : "r"(planes->copy) : "memory"); // the copy is wanted
    }
    return (cpu_seconds() - start) / REPEATS;
}

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

// Prints the kernel's share of memcpy's speed, the median of the rounds.
static void compare(const char *name, kernel *function, struct planes *planes, const void *input,
                    size_t bytes) {
    double ratios[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        const double copy = time_copy(planes, input, bytes);
        ratios[i] = copy / time_kernel(function, planes);
    }
    qsort(ratios, ROUNDS, sizeof *ratios, ascending);
    (void)printf("%.3f %s\n", ratios[ROUNDS / 2], name);
}

// Noise, and a lesion: a ring section with an uneven rim.
static void fill(struct planes *planes) {
    struct random random = random_seed(1, 0, 0);
    for (int y = 0; y < SIDE; y++) {
        for (int x = 0; x < SIDE; x++) {
            const int pixel = y * SIDE + x;
            const int wobble = (x * 7 + y * 3) % 5;
            const int distance = (x - 512) * (x - 512) + (y - 600) * (y - 600);
            planes->gray.pixels[pixel] = (uint8_t)(random_next(&random) >> 56);
            planes->mask.pixels[pixel] = distance > (330 + wobble) * (330 + wobble) &&
                                         distance < (380 - wobble) * (380 - wobble) && y < 600;
            planes->floats[pixel] = (float)planes->gray.pixels[pixel] / 256.0f;
        }
    }
    fp16_write(planes->halves, planes->floats, PIXELS);
}

int main(void) {
    struct error error;
    struct planes planes = {.halves = calloc(PIXELS, sizeof *planes.halves),
                            .floats = calloc(PIXELS, sizeof *planes.floats),
                            .copy = calloc(4, PIXELS),
                            .digest = digest_new()};
    if (planes.halves == NULL || planes.floats == NULL || planes.copy == NULL ||
        !image_alloc(&planes.gray, SIDE, SIDE, &error) ||
        !image_alloc(&planes.mask, SIDE, SIDE, &error) ||
        !image_alloc(&planes.other, SIDE, SIDE, &error) ||
        !image_alloc(&planes.narrow, NARROW, NARROW, &error)) {
        die("no memory");
    }
    fill(&planes);
    compare("hash of an image", hash, &planes, planes.gray.pixels, PIXELS);
    compare("mask to runs", trace, &planes, planes.mask.pixels, PIXELS);
    compare("runs to mask", draw, &planes, planes.mask.pixels, PIXELS);
    compare("threshold of float16", threshold, &planes, planes.halves, 2 * (size_t)PIXELS);
    compare("float16 to float32", read_halves, &planes, planes.halves, 2 * (size_t)PIXELS);
    compare("float32 to float16", write_halves, &planes, planes.floats, 4 * (size_t)PIXELS);
    compare("dilation, 19 x 19", dilate, &planes, planes.mask.pixels, PIXELS);
    compare("resize 1024 to 768", resize, &planes, planes.gray.pixels, PIXELS);
    digest_free(planes.digest);
    runs_free(&planes.runs);
    image_free(&planes.gray);
    image_free(&planes.mask);
    image_free(&planes.other);
    image_free(&planes.narrow);
    free(planes.halves);
    free(planes.floats);
    free(planes.copy);
    return 0;
}

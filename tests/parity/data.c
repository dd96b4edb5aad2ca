// The figures of data.json.
#include "parity.h"
#include "program/die.h"

#include "challenge/ensemble.h"
#include "core/error.h"
#include "core/numbers/random.h"
#include "image/mask.h"
#include "image/resize.h"
#include "image/runs.h"
#include "train/schedule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static void *need(void *memory) {
    if (memory == NULL) {
        die("no memory");
    }
    return memory;
}

static void must(bool good, const struct error *error) {
    if (!good) {
        die("%s", error->text);
    }
}

static uint32_t checksum(const void *bytes, size_t length) {
    return (uint32_t)crc32_z(0, bytes, length);
}

static bool same_checksum(const json_t *entry, const char *name, const void *bytes, size_t length) {
    return (int64_t)checksum(bytes, length) == integer_member(entry, name);
}

static struct image sized_image(const json_t *size) {
    struct error error;
    struct image image;
    must(image_alloc(&image, (size_t)json_integer_value(json_array_get(size, 0)),
                     (size_t)json_integer_value(json_array_get(size, 1)), &error),
         &error);
    return image;
}

// floor((hash + 1) * 128) as bytes; with a rule "hash_uniform > limit" 0 and 1.
static struct image hash_image(const json_t *entry) {
    struct image image = sized_image(member(entry, "from"));
    const size_t count = image.height * image.width;
    double *values = need(malloc(count * sizeof *values));
    const char *rule = json_string_value(json_object_get(entry, "rule"));
    hash_uniform(text_member(entry, "image"), count, values);
    const double limit = rule != NULL ? strtod(strchr(rule, '>') + 1, NULL) : 0;
    for (size_t i = 0; i < count; i++) {
        image.pixels[i] = rule != NULL ? values[i] > limit : (uint8_t)((values[i] + 1) * 128);
    }
    free(values);
    return image;
}

static void compare_permutation(struct parity *parity, const json_t *entry) {
    const size_t count = (size_t)integer_member(entry, "n");
    const uint32_t seed = (uint32_t)integer_member(entry, "seed");
    uint32_t *order = need(malloc((count + 1) * sizeof *order));
    int64_t *wide = need(malloc((count + 1) * sizeof *wide));
    char figure[80];
    random_torch_permutation(order, count, seed);
    for (size_t i = 0; i < count; i++) {
        wide[i] = order[i];
    }
    const json_t *first = member(entry, "first");
    bool equal = same_checksum(entry, "crc32_of_int64", wide, count * sizeof *wide);
    for (size_t i = 0; i < json_array_size(first) && i < count; i++) {
        equal = equal && json_integer_value(json_array_get(first, i)) == wide[i];
    }
    (void)snprintf(figure, sizeof figure, "permutation of %zu, seed %u", count, seed);
    parity_figure(parity, figure, equal);
    free(order);
    free(wide);
}

typedef bool resize_function(struct image *out, const struct image_view *in, struct error *error);

static void compare_resize(struct parity *parity, const json_t *entry, const char *name,
                           resize_function *resize) {
    struct error error;
    struct image in = hash_image(entry);
    struct image out = sized_image(member(entry, "to"));
    const struct image_view view = image_view_of(&in);
    char figure[120];
    must(resize(&out, &view, &error), &error);
    (void)snprintf(figure, sizeof figure, "%s %zux%zu to %zux%zu", name, in.height, in.width,
                   out.height, out.width);
    parity_figure(parity, figure,
                  same_checksum(entry, "crc32", out.pixels, out.height * out.width));
    image_free(&in);
    image_free(&out);
}

static void compare_dilation(struct parity *parity, const json_t *entry) {
    struct error error;
    struct image in = hash_image(entry);
    struct image out;
    const size_t k = (size_t)integer_member(entry, "k");
    char figure[80];
    must(image_alloc(&out, in.height, in.width, &error), &error);
    must(mask_dilate(&out, &in, k, &error), &error);
    (void)snprintf(figure, sizeof figure, "dilation by %zu x %zu", k, k);
    parity_figure(parity, figure,
                  same_checksum(entry, "crc32", out.pixels, out.height * out.width));
    image_free(&in);
    image_free(&out);
}

// Both ways: the mask's text is the recorded one, and the text's mask is the mask.
static void compare_runs(struct parity *parity, const json_t *entry) {
    struct error error;
    const char *recorded = text_member(entry, "text");
    const bool ones = strcmp(text_member(entry, "image"), "all ones") == 0;
    const bool hashed = json_object_get(entry, "rule") != NULL;
    struct image mask = hashed ? hash_image(entry) : sized_image(member(entry, "from"));
    const size_t count = mask.height * mask.width;
    if (ones) {
        memset(mask.pixels, 1, count);
    }
    struct runs traced = {0};
    struct runs read = {0};
    struct runs_text text = {0};
    struct image drawn;
    must(image_alloc(&drawn, mask.height, mask.width, &error), &error);
    must(runs_trace(&traced, &mask, &error), &error);
    must(runs_format(&text, &traced, &error), &error);
    must(runs_parse(&read, recorded, strlen(recorded), mask.height, mask.width, &error), &error);
    runs_draw(&drawn, &read);
    char figure[120];
    (void)snprintf(figure, sizeof figure, "run lengths of %s", text_member(entry, "image"));
    parity_figure(parity, figure,
                  text.length == strlen(recorded) &&
                      memcmp(text.bytes, recorded, text.length) == 0 &&
                      memcmp(drawn.pixels, mask.pixels, count) == 0);
    runs_free(&traced);
    runs_free(&read);
    free(text.bytes);
    image_free(&mask);
    image_free(&drawn);
}

static void compare_threshold(struct parity *parity, const json_t *entry) {
    const json_t *list = member(entry, "areas");
    const size_t count = json_array_size(list);
    int64_t *areas = need(malloc((count + 1) * sizeof *areas));
    int64_t kept = 0;
    char figure[80];
    for (size_t i = 0; i < count; i++) {
        areas[i] = json_integer_value(json_array_get(list, i));
    }
    const double ratio = number_member(entry, "ratio");
    const int64_t threshold = ensemble_area_threshold(areas, count, ratio); // sorts them
    for (size_t i = 0; i < count; i++) {
        kept += areas[i] > threshold;
    }
    (void)snprintf(figure, sizeof figure, "area threshold, ratio %g", ratio);
    parity_figure(parity, figure,
                  threshold == integer_member(entry, "threshold") &&
                      kept == integer_member(entry, "kept"));
    free(areas);
}

static void compare_rates(struct parity *parity, const json_t *entry) {
    const int64_t iterations = integer_member(entry, "n_iter");
    const double base = number_member(entry, "base");
    const json_t *points = member(entry, "at");
    const struct schedule usual = schedule_usual();
    bool equal = true;
    char figure[80];
    for (size_t i = 0; i < json_array_size(points); i++) {
        const json_t *point = json_array_get(points, i);
        const double rate = json_number_value(json_array_get(point, 1));
        const double ours = schedule_rate(&usual, json_integer_value(json_array_get(point, 0)),
                                          iterations, base, 0);
        const double off = ours - rate;
        equal = equal && off <= 1e-15 * rate && off >= -1e-15 * rate;
    }
    (void)snprintf(figure, sizeof figure, "learning rate over %lld iterations",
                   (long long)iterations);
    parity_figure(parity, figure, equal);
}

void parity_data(struct parity *parity, const json_t *fixture) {
    size_t i;
    const json_t *entry;
    json_array_foreach(member(fixture, "permutation"), i, entry) {
        compare_permutation(parity, entry);
    }
    json_array_foreach(member(fixture, "resize"), i, entry) {
        compare_resize(parity, entry, "resize", resize_bilinear);
    }
    json_array_foreach(member(fixture, "resize_nearest"), i, entry) {
        compare_resize(parity, entry, "nearest", resize_nearest);
    }
    json_array_foreach(member(fixture, "dilate"), i, entry) {
        compare_dilation(parity, entry);
    }
    json_array_foreach(member(fixture, "rle"), i, entry) {
        compare_runs(parity, entry);
    }
    json_array_foreach(member(fixture, "area_threshold"), i, entry) {
        compare_threshold(parity, entry);
    }
    json_array_foreach(member(fixture, "learning_rate"), i, entry) {
        compare_rates(parity, entry);
    }
}

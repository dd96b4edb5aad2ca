// Fuzzes the tables: rows, labels with their run lengths, masks, and a submission scored against
// labels, as rle-decode, decode --labels, shard and score read them.
#include "fuzz.h"

#include "challenge/submission.h"

#include <string.h>

static void *allocate(size_t count, size_t size) {
    void *memory = calloc(count + 1, size);
    PROMISE(memory != NULL);
    return memory;
}

// What was read comes back from its own text and, where the image is small, from its mask.
static void check_runs(const struct runs *runs, size_t height, size_t width) {
    struct error error;
    struct runs_text text = {NULL, 0, 0};
    struct runs again = {NULL, 0, 0};
    PROMISE(runs_area(runs) <= height * width && runs_common(runs, runs) == runs_area(runs));
    PROMISE(runs_format(&text, runs, &error));
    PROMISE(runs_parse(&again, text.bytes, text.length, height, width, &error));
    PROMISE(runs_equal(runs, &again));
    if (height * width < 4096) {
        struct image mask;
        PROMISE(image_alloc(&mask, height, width, &error));
        runs_draw(&mask, runs);
        PROMISE(runs_trace(&again, &mask, &error) && runs_equal(runs, &again));
        image_free(&mask);
    }
    runs_free(&again);
    free(text.bytes);
}

static void check_masks(const struct labels *labels, size_t height, size_t width) {
    struct runs runs = {.count = 0};
    struct error error;
    for (size_t i = 0; i < labels->ids.count; i++) {
        PROMISE(ids_find(&labels->ids, labels->ids.items[i]) == i);
        if (labels_unite(labels, i, height, width, &runs, &error)) {
            check_runs(&runs, height, width);
        }
    }
    runs_free(&runs);
}

// A table that can be scored against itself is equal to itself.
static void check_submission(const struct labels *labels, const char *path) {
    struct error error;
    const struct submission_sizes sizes = {.images = {.height = 1024, .width = 1024}};
    struct overlap *overlaps = allocate(labels->ids.count, sizeof *overlaps);
    const struct submission_scores scores = {.overlaps = overlaps};
    if (submission_compare(labels, path, &sizes, &scores, &error)) {
        for (size_t i = 0; i < labels->ids.count; i++) {
            PROMISE(overlaps[i].truth == overlaps[i].both);
            PROMISE(overlaps[i].prediction == overlaps[i].both);
        }
    }
    free(overlaps);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    const struct memory_file file = memory_file_open(bytes, length);
    for (int runs_needed = 0; runs_needed < 2; runs_needed++) {
        struct labels labels = {.name = NULL};
        struct error error;
        if (labels_read(&labels, file.path, runs_needed, &error)) {
            check_masks(&labels, 1024, 1024);
            check_masks(&labels, 33, 57);
            check_submission(&labels, file.path);
        } else {
            PROMISE(strncmp(error.text, file.path, strlen(file.path)) == 0);
        }
        labels_free(&labels);
    }
    memory_file_close(&file);
    return 0;
}

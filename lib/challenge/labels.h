// Labels and submissions: CSV rows `ImageId,EncodedPixels`, gathered by image.
#ifndef PLEURA_CHALLENGE_LABELS_H
#define PLEURA_CHALLENGE_LABELS_H

#include "challenge/csv/csv.h"
#include "dataset/ids/ids.h"
#include "image/runs.h"

#define COLUMN_ID "ImageId"
#define COLUMN_RUNS "EncodedPixels"

// ---- row by row

// Opens a CSV with the columns ImageId and EncodedPixels; with `runs_needed` false the second may
// lack (a list of ids).
CHECKED struct csv *labels_open(const char *path, bool runs_needed, struct error *error);

// The next row: a valid id (UTF-8, 1 to RECORD_MAX_NAME bytes) without the extension of an image
// file (image_id_strip: "a" and "a.dcm" are one image), and its run lengths as text, empty for -1
// and where the column lacks. The run lengths themselves are not looked at.
CHECKED enum csv_status labels_next(struct csv *csv, struct text *id, struct text *runs,
                                    struct error *error);

// ---- all rows

struct label_row {
    struct text runs; // "gap run gap run ...", never empty
    uint64_t line;    // in the file, from 1
};

// Starts as zeros.
struct labels {
    char *name;             // of the file, for messages
    struct ids ids;         // in the order in which they first appear
    struct label_row *rows; // those of image i, in file order, are rows[first[i] .. first[i + 1])
    size_t *first;
    struct texts texts;
    struct loose_row *loose; // rows that are not sorted yet
    size_t loose_count, loose_capacity;
};

// Reads a CSV to its end. An image's mask is the union of its rows; -1 adds nothing to it. An image
// without rows here has no lesion. *labels is to be freed in any case.
CHECKED bool labels_read(struct labels *labels, const char *path, bool runs_needed,
                         struct error *error);

// The same of rows from elsewhere: each is added (an image without a lesion with empty runs), then
// all are sorted once, before any is asked for. `line` is for messages, or 0.
CHECKED bool labels_add(struct labels *labels, struct text id, struct text runs, uint64_t line,
                        struct error *error);
CHECKED bool labels_sort(struct labels *labels, struct error *error);

// The rows of image `index`; *count is how many.
const struct label_row *labels_rows(const struct labels *labels, size_t index, size_t *count);

// Reads the union of the rows of image `index`, whose size is height x width, in place of
// what *runs held. Errors name file, line and id.
CHECKED bool labels_unite(const struct labels *labels, size_t index, size_t height, size_t width,
                          struct runs *runs, struct error *error);

void labels_free(struct labels *labels);

// Reads "HxW", the size of an image that the limits of image.h allow.
CHECKED bool labels_parse_size(const char *text, size_t *height, size_t *width,
                               struct error *error);

#endif

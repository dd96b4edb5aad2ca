// Heights and widths of images by their ids: of each its own, or one for all.
#ifndef PLEURA_DATASET_IDS_SIZES_H
#define PLEURA_DATASET_IDS_SIZES_H

#include "dataset/ids/ids.h"

// Reads the value of `size`: a list of height and width, within the limits of image.h. False, and
// nothing said, for anything else.
CHECKED bool size_of_value(const struct value *value, size_t *height, size_t *width);

// A record's size: its `size`, else that of its `image`, `mask` or `probability`. Fails for a
// record without any, or of sides that images cannot have.
CHECKED bool size_of_record(const struct record *record, size_t *height, size_t *width,
                            struct error *error);

// Starts as zeros.
struct sizes {
    size_t height, width; // of all images, where not 0
    char *name;           // else: of the file that the sizes are from, for messages
    struct ids ids;
    struct image_size *items; // of ids.items[i]
    size_t capacity;
};

struct image_size {
    size_t height, width;
};

// Reads the size of each record of a stream, of any kind: the index of a shard folder, samples,
// probabilities. Ids are taken as those of a CSV (image_id_strip). An id with two sizes is an
// error.
CHECKED bool sizes_read(struct sizes *sizes, const char *path, size_t max_record,
                        struct error *error);

// Adds one; fails for an id that has another size already.
CHECKED bool sizes_add(struct sizes *sizes, struct text id, size_t height, size_t width,
                       struct error *error);

// Fails for an id of which no size is known.
CHECKED bool sizes_find(const struct sizes *sizes, struct text id, size_t *height, size_t *width,
                        struct error *error);

void sizes_free(struct sizes *sizes);

#endif

// Sizes in records, and by id.
#include "dataset/ids/sizes.h"

#include "core/array.h"
#include "dataset/ids/image_id.h"
#include "image/image.h"
#include "stream/reader.h"

#include <stdlib.h>
#include <string.h>

static bool allowed(uint64_t height, uint64_t width) {
    return height >= 1 && width >= 1 && height <= IMAGE_MAX_SIDE && width <= IMAGE_MAX_SIDE &&
           height * width <= IMAGE_MAX_PIXELS;
}

// ---- in records

bool size_of_value(const struct value *value, size_t *height, size_t *width) {
    const struct value *sides = value->type == VALUE_LIST ? value->list.items : NULL;
    if (sides == NULL || value->list.count != 2 || sides[0].type != VALUE_INTEGER ||
        sides[1].type != VALUE_INTEGER || sides[0].integer < 1 || sides[1].integer < 1 ||
        !allowed((uint64_t)sides[0].integer, (uint64_t)sides[1].integer)) {
        return false;
    }
    *height = (size_t)sides[0].integer;
    *width = (size_t)sides[1].integer;
    return true;
}

bool size_of_record(const struct record *record, size_t *height, size_t *width,
                    struct error *error) {
    static const char *const names[] = {"image", "mask", "probability"};
    const struct value *size = record_find(record, "size");
    if (size != NULL) {
        return size_of_value(size, height, width) ||
               fail(error, "%.*s: 'size' is not a list of height and width", TEXT_ARG(record->id));
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct tensor *tensor = NULL;
        if (record_find(record, names[i]) == NULL) {
            continue;
        }
        if (!record_tensor(record, names[i], 2, &tensor, error)) {
            return false;
        }
        *height = tensor->shape[0];
        *width = tensor->shape[1];
        return allowed(*height, *width) || fail(error, "%.*s: no image has %zu x %zu pixels",
                                                TEXT_ARG(record->id), *height, *width);
    }
    return fail(error, "%.*s: nothing in it tells the image's size", TEXT_ARG(record->id));
}

// ---- by id

bool sizes_add(struct sizes *sizes, struct text id, size_t height, size_t width,
               struct error *error) {
    size_t index = 0;
    bool added = false;
    if (!ids_add(&sizes->ids, id, &index, &added, error)) {
        return false;
    }
    struct image_size *items = array_grow(sizes->items, &sizes->capacity, index + 1, sizeof *items);
    if (items == NULL) {
        return fail(error, "no memory for %zu sizes", index + 1);
    }
    sizes->items = items;
    if (added) {
        sizes->items[index] = (struct image_size){height, width};
    }
    const struct image_size size = sizes->items[index];
    return (size.height == height && size.width == width) ||
           fail(error, "'%.*s' is %zu x %zu here, and %zu x %zu before", TEXT_ARG(id), height,
                width, size.height, size.width);
}

static bool read_records(struct sizes *sizes, struct stream_reader *reader, struct error *error) {
    for (;;) {
        struct record record;
        size_t height = 0;
        size_t width = 0;
        const enum stream_status status = stream_next(reader, &record, error);
        if (status != STREAM_RECORD) {
            return status == STREAM_END;
        }
        if (!size_of_record(&record, &height, &width, error) ||
            !sizes_add(sizes, image_id_strip(record.id), height, width, error)) {
            return fail_within(error, "%s", stream_place(reader));
        }
    }
}

bool sizes_read(struct sizes *sizes, const char *path, size_t max_record, struct error *error) {
    sizes->name = strdup(strcmp(path, "-") == 0 ? "stdin" : path);
    if (sizes->name == NULL) {
        return fail(error, "no memory");
    }
    struct stream_reader *reader = stream_open(path, max_record, error);
    const bool good = reader != NULL && read_records(sizes, reader, error);
    stream_close(reader);
    return good;
}

bool sizes_find(const struct sizes *sizes, struct text id, size_t *height, size_t *width,
                struct error *error) {
    *height = sizes->height;
    *width = sizes->width;
    if (sizes->height > 0) {
        return true;
    }
    const size_t index = ids_find(&sizes->ids, id);
    if (index == IDS_ABSENT) {
        return fail(error, "%s: no size of '%.*s' in it", sizes->name, TEXT_ARG(id));
    }
    *height = sizes->items[index].height;
    *width = sizes->items[index].width;
    return true;
}

void sizes_free(struct sizes *sizes) {
    ids_free(&sizes->ids);
    free(sizes->items);
    free(sizes->name);
    *sizes = (struct sizes){.height = 0};
}

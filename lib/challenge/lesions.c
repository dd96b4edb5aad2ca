// Run lengths as they are, or drawn, resized and traced.
#include "challenge/lesions.h"

#include "core/array.h"

#include <stdlib.h>

// Memory for so many texts.
static bool reserve(struct lesions *lesions, size_t count, struct error *error) {
    struct value *items =
        array_grow(lesions->items, &lesions->capacity, count > 0 ? count : 1, sizeof *items);
    if (items == NULL) {
        return fail(error, "no memory for %zu rows", count);
    }
    lesions->items = items;
    return true;
}

// One text of lesions->runs.
static bool format(struct lesions *lesions, struct value *list, struct error *error) {
    if (!runs_format(&lesions->text, &lesions->runs, error) || !reserve(lesions, 1, error)) {
        return false;
    }
    lesions->items[0] = value_text((struct text){lesions->text.bytes, lesions->text.length});
    *list = value_list(lesions->items, lesions->runs.count > 0 ? 1 : 0);
    return true;
}

bool lesions_of_mask(struct lesions *lesions, const struct image *mask, struct value *list,
                     struct error *error) {
    return runs_trace(&lesions->runs, mask, error) && format(lesions, list, error);
}

// Do the rows refer to this size?
static bool fits(const struct lesions *lesions, size_t height, size_t width) {
    return lesions->height == 0 || (lesions->height == height && lesions->width == width);
}

bool lesions_unite(struct lesions *lesions, const struct labels *labels, size_t index,
                   size_t height, size_t width, struct error *error) {
    if (fits(lesions, height, width)) {
        return labels_unite(labels, index, height, width, &lesions->runs, error);
    }
    if (!labels_unite(labels, index, lesions->height, lesions->width, &lesions->runs, error) ||
        !image_set_size(&lesions->drawn, lesions->height, lesions->width, error) ||
        !image_set_size(&lesions->fitted, height, width, error)) {
        return false;
    }
    runs_draw(&lesions->drawn, &lesions->runs);
    const struct image_view view = image_view_of(&lesions->drawn);
    return resize_nearest(&lesions->fitted, &view, error) &&
           runs_trace(&lesions->runs, &lesions->fitted, error);
}

bool lesions_of_row(struct lesions *lesions, const struct labels *labels, size_t index,
                    size_t height, size_t width, struct value *list, struct error *error) {
    size_t count = 0;
    const struct label_row *rows = labels_rows(labels, index, &count);
    if (!lesions_unite(lesions, labels, index, height, width, error)) {
        return false;
    }
    if (!fits(lesions, height, width)) {
        return format(lesions, list, error);
    }
    if (!reserve(lesions, count, error)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        lesions->items[i] = value_text(rows[i].runs);
    }
    *list = value_list(lesions->items, count);
    return true;
}

void lesions_free(struct lesions *lesions) {
    runs_free(&lesions->runs);
    free(lesions->text.bytes);
    image_free(&lesions->drawn);
    image_free(&lesions->fitted);
    free(lesions->items);
    *lesions = (struct lesions){.height = 0};
}

// Run lengths as they are, or drawn, resized and traced.
#include "data/lesions.h"

#include <stdlib.h>

// Memory for so many texts.
static bool reserve(struct lesions *lesions, size_t count, struct error *error) {
    if (count <= lesions->capacity) {
        return true;
    }
    struct value *items = reallocarray(lesions->items, count, sizeof *items);
    if (items == NULL) {
        return fail(error, "no memory for %zu rows", count);
    }
    lesions->items = items;
    lesions->capacity = count;
    return true;
}

static bool want_size(struct image *image, size_t height, size_t width, struct error *error) {
    if (image->height == height && image->width == width) {
        return true;
    }
    image_free(image);
    return image_alloc(image, height, width, error);
}

bool lesions_of_mask(struct lesions *lesions, const struct image *mask, struct value *list,
                     struct error *error) {
    if (!runs_trace(&lesions->runs, mask, error) ||
        !runs_format(&lesions->text, &lesions->runs, error) || !reserve(lesions, 1, error)) {
        return false;
    }
    lesions->items[0] = value_text((struct text){lesions->text.at, lesions->text.length});
    *list = value_list(lesions->items, lesions->runs.count > 0 ? 1 : 0);
    return true;
}

// The runs, which refer to the table's size, brought to height x width.
static bool resize(struct lesions *lesions, size_t height, size_t width, struct value *list,
                   struct error *error) {
    if (!want_size(&lesions->drawn, lesions->height, lesions->width, error) ||
        !want_size(&lesions->fitted, height, width, error)) {
        return false;
    }
    runs_draw(&lesions->drawn, &lesions->runs);
    const struct view view = view_of(&lesions->drawn);
    return resize_nearest(&lesions->fitted, &view, error) &&
           lesions_of_mask(lesions, &lesions->fitted, list, error);
}

bool lesions_of_row(struct lesions *lesions, const struct labels *labels, size_t place,
                    size_t height, size_t width, struct value *list, struct error *error) {
    const bool own = lesions->height == 0 || (lesions->height == height && lesions->width == width);
    size_t count = 0;
    const struct label_row *rows = labels_rows(labels, place, &count);
    if (!labels_unite(labels, place, own ? height : lesions->height, own ? width : lesions->width,
                      &lesions->runs, error)) {
        return false;
    }
    if (!own) {
        return resize(lesions, height, width, list, error);
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
    free(lesions->text.at);
    image_free(&lesions->drawn);
    image_free(&lesions->fitted);
    free(lesions->items);
    *lesions = (struct lesions){.height = 0};
}

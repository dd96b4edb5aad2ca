// What a sample's fields mean.
#include "dataset/sample.h"

#include "dataset/ids/sizes.h"

bool sample_image(const struct record *sample, struct image_view *image, struct error *error) {
    const struct tensor *tensor = NULL;
    if (!record_tensor(sample, "image", 2, &tensor, error)) {
        return false;
    }
    const size_t height = tensor->shape[0];
    const size_t width = tensor->shape[1];
    if (tensor->type != DTYPE_U1 || tensor->bytes == 0) {
        return fail(error, "%.*s: its image has no pixels of type |u1", TEXT_ARG(sample->id));
    }
    if (height > IMAGE_MAX_SIDE || width > IMAGE_MAX_SIDE || height * width > IMAGE_MAX_PIXELS) {
        return fail(error, "%.*s: an image of %zu x %zu is too large", TEXT_ARG(sample->id), height,
                    width);
    }
    *image = (struct image_view){tensor->data, height, width, width, false};
    return true;
}

// The height and width that the run lengths refer to.
static bool read_size(struct sample_mask *mask, const struct record *sample, struct error *error) {
    const struct value *size = record_find(sample, "size");
    struct image_view image = {NULL, 0, 0, 0, false};
    if (!sample_image(sample, &image, error)) {
        return false;
    }
    mask->height = image.height;
    mask->width = image.width;
    if (size == NULL) {
        return true;
    }
    if (!size_of_value(size, &mask->height, &mask->width)) {
        return fail(error, "%.*s: 'size' is not a list of height and width", TEXT_ARG(sample->id));
    }
    return mask->max_pixels == 0 || mask->height * mask->width <= mask->max_pixels ||
           fail(error, "%.*s: 'size' has more than %zu pixels (see --max-pixels)",
                TEXT_ARG(sample->id), mask->max_pixels);
}

bool sample_mask_read(struct sample_mask *mask, const struct record *sample, struct error *error) {
    const struct value *rows = record_find(sample, "rle");
    mask->labelled = rows != NULL;
    mask->runs.count = 0;
    if (!read_size(mask, sample, error)) {
        return false;
    }
    if (rows == NULL) {
        return true;
    }
    if (rows->type != VALUE_LIST) {
        return fail(error, "%.*s: 'rle' is not a list of texts", TEXT_ARG(sample->id));
    }
    for (size_t i = 0; i < rows->list.count; i++) {
        const struct value *row = &rows->list.items[i];
        if (row->type != VALUE_TEXT) {
            return fail(error, "%.*s: 'rle' is not a list of texts", TEXT_ARG(sample->id));
        }
        if (!runs_parse_more(&mask->runs, row->text.bytes, row->text.length, mask->height,
                             mask->width, error)) {
            return fail_within(error, "%.*s", TEXT_ARG(sample->id));
        }
    }
    runs_unite(&mask->runs);
    return true;
}

void sample_mask_free(struct sample_mask *mask) {
    runs_free(&mask->runs);
}

bool sample_lesion(struct sample_mask *mask, const struct record *sample, int64_t *pixels,
                   struct error *error) {
    if (!sample_mask_read(mask, sample, error)) {
        return false;
    }
    *pixels = mask->labelled ? (int64_t)runs_area(&mask->runs) : LESION_UNKNOWN;
    return true;
}

bool sample_has_lesion(struct sample_mask *mask, const struct record *sample, bool *has_lesion,
                       struct error *error) {
    int64_t pixels = 0;
    if (!sample_lesion(mask, sample, &pixels, error)) {
        return false;
    }
    *has_lesion = pixels > 0;
    return pixels != LESION_UNKNOWN ||
           fail(error, "%.*s: no labels to tell whether it has a lesion", TEXT_ARG(sample->id));
}

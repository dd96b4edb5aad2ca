// Finding masks, and telling them from other images.
#include "program/xray_files/mask_files.h"

#include "program/die.h"

void mask_files_find(struct mask_files *masks, const char *folder, struct left_out *left) {
    struct error error;
    if (!xray_files_add(&masks->files, folder, &error)) {
        die("%s", error.text);
    }
    left_out_foreign(left, &masks->files, 0, folder);
    for (size_t i = 0; i < masks->files.count; i++) {
        const struct xray_file *file = &masks->files.items[i];
        size_t index = 0;
        bool added = false;
        if (!ids_add(&masks->ids, text_of(file->id), &index, &added, &error)) {
            die("%s: %s", file->path, error.text);
        }
        if (!added) {
            die("%s: a mask of '%s', and so is %s", file->path, file->id,
                masks->files.items[index].path);
        }
    }
}

void mask_files_free(struct mask_files *masks) {
    xray_files_free(&masks->files);
    ids_free(&masks->ids);
}

// ---- grey levels

#define LEVELS 256
#define DARK 63    // the brightest level that is background in spite of losses
#define BRIGHT 192 // the darkest that is lesion

// The levels that are there besides 0, in their order; the first two that make it no mask in *odd.
static bool two_levels(const bool *there, unsigned odd[2]) {
    size_t count = 0;
    for (unsigned level = 1; level < LEVELS && count < 2; level++) {
        if (there[level]) {
            odd[count++] = level;
        }
    }
    return count < 2;
}

static bool dark_and_bright(const bool *there) {
    bool bright = false;
    for (unsigned level = DARK + 1; level < LEVELS; level++) {
        if (level < BRIGHT && there[level]) {
            return false;
        }
        bright |= there[level];
    }
    return bright;
}

bool mask_files_binarise(struct image *image, bool lossy, struct error *error) {
    const size_t pixels = image->height * image->width;
    bool there[LEVELS] = {false};
    unsigned odd[2] = {0, 0};
    uint8_t least = 1; // the lowest level that is lesion
    for (size_t i = 0; i < pixels; i++) {
        there[image->pixels[i]] = true;
    }
    if (!two_levels(there, odd)) {
        if (!lossy || !dark_and_bright(there)) {
            return fail(error,
                        "not a mask: grey levels %u and %u in it, where 0 (background) and one "
                        "other (lesion) are taken",
                        odd[0], odd[1]);
        }
        least = BRIGHT;
    }
    for (size_t i = 0; i < pixels; i++) {
        image->pixels[i] = image->pixels[i] >= least;
    }
    return true;
}

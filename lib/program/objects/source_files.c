// Finding the file of an id.
#include "program/objects/source_files.h"

#include "core/file.h"
#include "dataset/ids/image_id.h"
#include "image/dicom/dicom.h"
#include "program/xray_files/xray_decoder.h"

#include <stdlib.h>
#include <string.h>

// An id by which a file may be meant: its own, or the shorter one.
struct source_name {
    struct text id;
    bool shorter;
    size_t file;
};

// By id, its files' own before the shorter ones of others, then in the files' order.
static int compare(const void *a, const void *b) {
    const struct source_name *left = a;
    const struct source_name *right = b;
    const int order = text_compare(left->id, right->id);
    if (order != 0) {
        return order;
    }
    if (left->shorter != right->shorter) {
        return left->shorter ? 1 : -1;
    }
    return (left->file > right->file) - (left->file < right->file);
}

// Sorts the names of all files.
static bool sort_names(struct source_files *sources, struct error *error) {
    const struct xray_files *files = &sources->files;
    free(sources->names);
    sources->name_count = 0;
    sources->names = calloc(2 * files->count + 1, sizeof *sources->names);
    if (sources->names == NULL) {
        return fail(error, "no memory for %zu ids", files->count);
    }
    for (size_t i = 0; i < files->count; i++) {
        const struct text id = text_of(files->items[i].id);
        const struct text shorter = image_id_shorter(id);
        sources->names[sources->name_count++] = (struct source_name){id, false, i};
        if (shorter.length != id.length) {
            sources->names[sources->name_count++] = (struct source_name){shorter, true, i};
        }
    }
    qsort(sources->names, sources->name_count, sizeof *sources->names, compare);
    return true;
}

// The index of the first name that is not below `wanted`, in the order of `compare`.
static size_t first_name(const struct source_files *sources, struct source_name wanted) {
    size_t low = 0;
    for (size_t high = sources->name_count; low < high;) {
        const size_t middle = low + (high - low) / 2;
        if (compare(&sources->names[middle], &wanted) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool look(struct source_files *sources, struct error *error) {
    xray_files_free(&sources->files);
    sources->name_count = 0;
    for (size_t i = 0; i < sources->named->count; i++) {
        if (!xray_files_add(&sources->files, sources->named->paths[i], error)) {
            return false;
        }
    }
    return sort_names(sources, error);
}

static void forget(struct source_files *sources) {
    free(sources->path);
    free(sources->bytes);
    sources->path = NULL;
    sources->bytes = NULL;
}

// Reads one of the files that may be meant. Files that were found in a folder and are no DICOM
// files are not.
static bool try_file(struct source_files *sources, const struct xray_file *file,
                     struct error *error) {
    uint8_t *bytes = NULL;
    size_t length = 0;
    if (sources->path != NULL && strcmp(sources->path, file->path) == 0) {
        return true; // named twice
    }
    if (!file_read(file->path, XRAY_MAX_FILE, &bytes, &length, error)) {
        return fail_within(error, "%s", file->path);
    }
    if (!dicom_sniff(bytes, length)) {
        free(bytes);
        return true;
    }
    if (sources->bytes != NULL) {
        free(bytes);
        return fail(error, "two files have this id: %.200s and %.200s", sources->path, file->path);
    }
    sources->bytes = bytes;
    sources->length = length;
    sources->path = strdup(file->path);
    return sources->path != NULL || fail(error, "no memory for a path");
}

// Tries all files of the id, or where there is none those of which it is the shorter one.
// *candidate: the last of them, NULL where there is none.
static bool find(struct source_files *sources, struct text id, const struct xray_file **candidate,
                 struct error *error) {
    bool shorter = false; // so is the name of the last
    *candidate = NULL;
    for (size_t i = first_name(sources, (struct source_name){id, false, 0});
         i < sources->name_count; i++) {
        const struct source_name *name = &sources->names[i];
        if (!text_equal(name->id, id) || (name->shorter && *candidate != NULL && !shorter)) {
            break;
        }
        shorter = name->shorter;
        *candidate = &sources->files.items[name->file];
        if (!try_file(sources, *candidate, error)) {
            return false;
        }
    }
    return true;
}

bool source_files_read(struct source_files *sources, struct text id, struct error *error) {
    const struct xray_file *candidate = NULL;
    forget(sources);
    bool good = find(sources, id, &candidate, error);
    if (sources->bytes == NULL && (candidate == NULL || !good)) {
        good = look(sources, error) && find(sources, id, &candidate, error);
    }
    if (good && candidate == NULL) {
        good = fail(error, "no file of --source has this id");
    } else if (good && sources->bytes == NULL) {
        good = fail(error, "%s: is no DICOM file", candidate->path);
    }
    if (!good) {
        forget(sources);
    }
    return good;
}

void source_files_free(struct source_files *sources) {
    forget(sources);
    free(sources->names);
    xray_files_free(&sources->files);
}

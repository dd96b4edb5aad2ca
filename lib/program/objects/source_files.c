// Finding the file of an id.
#include "program/objects/source_files.h"

#include "core/file.h"
#include "dataset/ids/image_id.h"
#include "image/dicom/dicom.h"
#include "program/xray_files/xray_decoder.h"

#include <stdlib.h>
#include <string.h>

static bool look(struct source_files *sources, struct error *error) {
    xray_files_free(&sources->files);
    for (size_t i = 0; i < sources->named->count; i++) {
        if (!xray_files_add(&sources->files, sources->named->paths[i], error)) {
            return false;
        }
    }
    return true;
}

static void forget(struct source_files *sources) {
    free(sources->path);
    free(sources->bytes);
    sources->path = NULL;
    sources->bytes = NULL;
}

static bool is_of(const struct xray_file *file, struct text id, bool exact) {
    const struct text file_id = text_of(file->id);
    return exact ? text_equal(file_id, id) : image_id_is(file_id, id);
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

// Tries all files of the id. *candidate: the last of them, NULL where there is none.
static bool find(struct source_files *sources, struct text id, const struct xray_file **candidate,
                 struct error *error) {
    *candidate = NULL;
    for (int exact = 1; exact >= 0 && *candidate == NULL; exact--) {
        for (size_t i = 0; i < sources->files.count; i++) {
            if (is_of(&sources->files.items[i], id, exact == 1)) {
                *candidate = &sources->files.items[i];
                if (!try_file(sources, *candidate, error)) {
                    return false;
                }
            }
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
    xray_files_free(&sources->files);
}

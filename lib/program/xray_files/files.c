// Walking folders for X-ray files, and their ids.
#include "program/xray_files/files.h"

#include "core/array.h"
#include "dataset/ids/image_id.h"
#include "program/xray_files/names.h"

#include <errno.h>
#include <fts.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void xray_file_free(struct xray_file *file) {
    free(file->path);
    free(file->id);
    *file = (struct xray_file){NULL, NULL, false, IDS_ABSENT};
}

static bool make_file(struct xray_file *file, const char *path, struct text id, bool found,
                      struct error *error) {
    *file = (struct xray_file){strdup(path), strndup(id.bytes, id.length), found, IDS_ABSENT};
    if (file->path == NULL || file->id == NULL) {
        xray_file_free(file);
        return fail(error, "no memory for a path");
    }
    return true;
}

bool xray_file_make(struct xray_file *file, const char *path, struct error *error) {
    return make_file(file, path, image_id_of_path(path), false, error);
}

static bool add_with_id(struct xray_files *files, const char *path, struct text id, bool found,
                        struct error *error) {
    struct xray_file *items =
        array_grow(files->items, &files->capacity, files->count + 1, sizeof *items);
    if (items == NULL) {
        return fail(error, "no memory for %zu paths", files->count + 1);
    }
    files->items = items;
    if (!make_file(&files->items[files->count], path, id, found, error)) {
        return false;
    }
    files->count++;
    return true;
}

static bool add_file(struct xray_files *files, const char *path, bool found, struct error *error) {
    return add_with_id(files, path, image_id_of_path(path), found, error);
}

static int by_name(const FTSENT **a, const FTSENT **b) {
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static bool add_found(struct xray_files *files, const FTSENT *entry, struct error *error) {
    if (entry->fts_level == 0) {
        return add_file(files, entry->fts_path, false, error);
    }
    return entry->fts_name[0] == '.' || add_file(files, entry->fts_path, true, error);
}

static bool add_entry(struct xray_files *files, FTS *walk, FTSENT *entry, struct error *error) {
    struct stat status;
    switch (entry->fts_info) {
    case FTS_ERR:
    case FTS_DNR:
    case FTS_NS:
        if (entry->fts_level > 0 && entry->fts_errno == ENOENT) {
            return true; // it went while the folder was read
        }
        return fail(error, "%s: %s", entry->fts_path, strerror(entry->fts_errno));
    case FTS_D:
        if (entry->fts_level > 0 && entry->fts_name[0] == '.') {
            (void)fts_set(walk, entry, FTS_SKIP);
        }
        return true;
    case FTS_SL:
        if (stat(entry->fts_accpath, &status) != 0 || !S_ISREG(status.st_mode)) {
            return true;
        }
        return add_found(files, entry, error);
    case FTS_F: return add_found(files, entry, error);
    case FTS_DEFAULT: // a named pipe or device is read if it is named itself
        return entry->fts_level > 0 || add_file(files, entry->fts_path, false, error);
    default: return true;
    }
}

bool xray_files_add(struct xray_files *files, const char *path, struct error *error) {
    char *roots[2] = {strdup(path), NULL};
    FTS *walk = NULL;
    if (roots[0] == NULL ||
        (walk = fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, by_name)) == NULL) {
        free(roots[0]);
        return fail(error, "%s: %s", path, strerror(errno));
    }
    bool good = true;
    const size_t before = files->count;
    for (FTSENT *entry; good && (entry = fts_read(walk)) != NULL;) {
        good = add_entry(files, walk, entry, error);
    }
    (void)fts_close(walk);
    free(roots[0]);
    if (good && files->count == before) {
        return fail(error, "%s: no files in it", path);
    }
    return good;
}

bool xray_files_add_list(struct xray_files *files, char separator, struct error *error) {
    struct names names = {.separator = separator};
    bool good = true;
    while (good && !names.ended) {
        good = names_read(&names, error);
        for (const char *name; good && (name = names_next(&names)) != NULL;) {
            good = add_file(files, name, false, error);
        }
    }
    names_free(&names);
    return good;
}

// ---- ids

struct placed {
    size_t index, file;
};

static int by_index(const void *a, const void *b) {
    const struct placed *x = a;
    const struct placed *y = b;
    const int order = (x->index > y->index) - (x->index < y->index);
    return order != 0 ? order : (x->file > y->file) - (x->file < y->file);
}

// Fails unless the sorted files cover every id.
static bool check_cover(const struct placed *placed, size_t count, const struct ids *ids,
                        struct error *error) {
    for (size_t id = 0, i = 0; id < ids->count; id++) {
        if (i == count || placed[i].index != id) {
            return fail(error, "%.*s: no file has this id", TEXT_ARG(ids->items[id]));
        }
        while (i < count && placed[i].index == id) {
            i++;
        }
    }
    return true;
}

bool xray_files_select(struct xray_files *files, const struct ids *ids, struct error *error) {
    struct xray_files selected = {0};
    struct placed *placed = malloc((files->count + 1) * sizeof *placed);
    size_t count = 0;
    if (placed == NULL) {
        return fail(error, "no memory for %zu files", files->count);
    }
    for (size_t i = 0; i < files->count; i++) {
        placed[count] = (struct placed){image_id_find(ids, text_of(files->items[i].id)), i};
        count += placed[count].index != IDS_ABSENT;
    }
    qsort(placed, count, sizeof *placed, by_index);
    bool good = check_cover(placed, count, ids, error);
    for (size_t i = 0; good && i < count; i++) {
        const struct xray_file *file = &files->items[placed[i].file];
        good = add_with_id(&selected, file->path, ids->items[placed[i].index], file->found, error);
    }
    free(placed);
    xray_files_free(good ? files : &selected);
    if (good) {
        *files = selected;
    }
    return good;
}

void xray_files_free(struct xray_files *files) {
    for (size_t i = 0; i < files->count; i++) {
        xray_file_free(&files->items[i]);
    }
    free(files->items);
    *files = (struct xray_files){0};
}

// Which file has a row, which row has a file.
#include "program/xray_files/join.h"

#include "dataset/ids/image_id.h"
#include "program/die.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// How many, and the first of them.
struct found {
    size_t count;
    const char *first;
};

static void count_one(struct found *found, const char *one) {
    found->first = found->count++ == 0 ? one : found->first;
}

// A file goes by the id of its row.
static void take_row(const struct join *join, struct xray_file *file, bool *used) {
    const struct text id = join->ids->items[file->row];
    used[file->row] = true;
    if (!text_is(id, file->id)) {
        free(file->id);
        if ((file->id = strndup(id.bytes, id.length)) == NULL) {
            die("no memory");
        }
    }
}

static void find_rows(const struct join *join, struct xray_files *files, bool *used) {
    struct found with = {0, NULL};
    if (join->ids->count == 0) {
        die("%s: no %ss in it", join->name, join->what);
    }
    for (size_t i = 0; i < files->count; i++) {
        struct xray_file *file = &files->items[i];
        file->row = image_id_find(join->ids, text_of(file->id));
        if (file->row != IDS_ABSENT) {
            take_row(join, file, used);
            count_one(&with, file->path);
        }
    }
    if (files->count > 0 && with.count == 0) {
        die("%s: no %s for any of %zu images: the first image is '%s', the first %s is of '%.*s'",
            join->name, join->what, files->count, files->items[0].id, join->what,
            TEXT_ARG(join->ids->items[0]));
    }
}

// Rows that no file has used: told of and listed.
static void note_rows(const struct join *join, const bool *used, struct left_out *left) {
    size_t count = 0;
    size_t first = 0;
    for (size_t i = 0; i < join->ids->count; i++) {
        if (!used[i]) {
            first = count++ == 0 ? i : first;
            left_out_add(left, join->ids->items[i], "", "no image has this id");
        }
    }
    if (count > 0 && !left->quiet) {
        warn("%s: %zu of its %zu ids %s no image, such as '%.*s'", join->name, count,
             join->ids->count, count == 1 ? "has" : "have", TEXT_ARG(join->ids->items[first]));
    }
}

static void note_files(const struct join *join, struct found found, size_t count, bool with,
                       const struct left_out *left) {
    if (found.count > 0 && !left->quiet) {
        warn("%s: %s %s for %zu of %zu images, such as '%s': %s", join->name, with ? "a" : "no",
             join->what, found.count, count, found.first,
             join->files == UNLABELLED_KEEP ? "not labelled" : "left out");
    }
}

void join_files(const struct join *join, struct xray_files *files, struct left_out *left) {
    const bool only = join->files == UNLABELLED_ONLY;
    struct found others = {0, NULL}; // files to tell of: without a row, or (`only`) with one
    size_t kept = 0;
    char reason[300];
    bool *used = calloc(join->ids->count + 1, sizeof *used);
    if (used == NULL) {
        die("no memory for %zu ids", join->ids->count);
    }
    find_rows(join, files, used);
    (void)snprintf(reason, sizeof reason, "%s %s in %s", only ? "a" : "no", join->what, join->name);
    for (size_t i = 0; i < files->count; i++) {
        if ((files->items[i].row != IDS_ABSENT) == only) {
            count_one(&others, files->items[i].id);
        }
    }
    note_files(join, others, files->count, only, left);
    for (size_t i = 0; i < files->count; i++) {
        struct xray_file *file = &files->items[i];
        if (join->files == UNLABELLED_KEEP || (file->row != IDS_ABSENT) != only) {
            files->items[kept++] = *file;
            continue;
        }
        left_out_add(left, text_of(file->id), file->path, reason);
        xray_file_free(file);
    }
    if (files->count > 0 && kept == 0) {
        die("%s: has a %s for each of the %zu images: none is left", join->name, join->what,
            files->count);
    }
    files->count = kept;
    if (join->whole && !only) {
        note_rows(join, used, left);
    }
    free(used);
}

// The tables of a catalog, streams in files, which are read once, and then samples by pread.
#include "dataset/shards/catalog.h"

#include "core/array.h"
#include "dataset/sample.h"
#include "dataset/shards/catalog_build.h"
#include "stream/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// ---- samples

bool catalog_put(struct catalog *catalog, struct text id, const struct catalog_entry *entry,
                 struct error *error) {
    const size_t needed = catalog->ids.count + 1;
    size_t index = 0;
    bool added = false;
    struct catalog_entry *entries =
        array_grow(catalog->entries, &catalog->capacity, needed, sizeof *entries);
    if (entries == NULL) {
        return fail(error, "no memory for a catalog of %zu", needed);
    }
    catalog->entries = entries;
    if (!ids_add(&catalog->ids, id, &index, &added, error)) {
        return false;
    }
    if (!added) {
        return fail(error, "the id '%.*s' is there twice", TEXT_ARG(id));
    }
    catalog->entries[index] = *entry;
    return true;
}

bool catalog_put_history(struct catalog *catalog, const struct history *history,
                         struct error *error) {
    for (size_t i = 0; i < history->count; i++) {
        struct text line;
        if (!texts_keep(&catalog->texts, history->lines[i], &line, error)) {
            return false;
        }
        history_add(&catalog->history, line);
    }
    return true;
}

// ---- files

bool catalog_name_file(struct catalog *catalog, const char *path, uint32_t *file,
                       struct error *error) {
    size_t index = 0;
    bool added = false;
    if (!ids_add(&catalog->paths, text_of(path), &index, &added, error)) {
        return false;
    }
    *file = (uint32_t)index;
    if (!added) {
        return true;
    }
    char *copy = strdup(path);
    struct catalog_file *files =
        array_grow(catalog->files, &catalog->file_capacity, catalog->file_count + 1, sizeof *files);
    if (files != NULL) {
        catalog->files = files;
    }
    if (copy == NULL || files == NULL) {
        free(copy);
        return fail(error, "no memory for a catalog of %zu files", index + 1);
    }
    catalog->files[catalog->file_count++] = (struct catalog_file){.path = copy, .descriptor = -1};
    return true;
}

bool catalog_open_file(struct catalog *catalog, uint32_t file_index, int flags,
                       struct error *error) {
    struct catalog_file *file = &catalog->files[file_index];
    struct stat status;
    if (file->descriptor >= 0) {
        return true;
    }
    // Without O_NONBLOCK a named pipe in the file's place would hold the program up.
    file->descriptor = open(file->path, flags | O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file->descriptor < 0 && errno == ELOOP && (flags & O_NOFOLLOW) != 0) {
        return fail(error, "%s: a symbolic link, not a regular file", file->path);
    }
    if (file->descriptor < 0 || fstat(file->descriptor, &status) != 0) {
        return fail(error, "%s: %s%s", file->path, strerror(errno),
                    errno == EMFILE ? " (see ulimit -n, or write larger shards)" : "");
    }
    file->bytes = (uint64_t)status.st_size;
    return S_ISREG(status.st_mode) || fail(error, "%s: not a regular file", file->path);
}

// ---- stream files

static bool read_samples(struct catalog *catalog, struct stream_reader *reader, uint32_t file,
                         struct sample_mask *mask, struct error *error) {
    struct record record;
    struct image_view image;
    if (strcmp(stream_kind(reader), KIND_SAMPLES) != 0) {
        return fail(error, "%s: holds %s, and samples are needed here", catalog->files[file].path,
                    stream_kind(reader));
    }
    for (;;) {
        const enum stream_status status = stream_next(reader, &record, error);
        if (status != STREAM_RECORD) {
            return status == STREAM_END &&
                   catalog_put_history(catalog, stream_history(reader), error);
        }
        struct catalog_entry entry = {.file = file,
                                      .offset = stream_record_offset(reader),
                                      .length = stream_record_length(reader),
                                      .digest = stream_record_digest(reader)};
        if (!sample_image(&record, &image, error) ||
            !sample_lesion(mask, &record, &entry.lesion, error)) {
            return fail_within(error, "%s", stream_place(reader));
        }
        entry.height = (uint32_t)image.height;
        entry.width = (uint32_t)image.width;
        if (!catalog_put(catalog, record.id, &entry, error)) {
            return fail_within(error, "%s", stream_place(reader));
        }
    }
}

static bool add_file_samples(struct catalog *catalog, const char *path, struct error *error) {
    struct sample_mask mask = {.labelled = false};
    uint32_t file = 0;
    if (!catalog_name_file(catalog, path, &file, error) ||
        !catalog_open_file(catalog, file, 0, error)) {
        return false;
    }
    struct stream_reader *reader = stream_open(path, catalog->max_record, error);
    const bool good = reader != NULL && read_samples(catalog, reader, file, &mask, error);
    sample_mask_free(&mask);
    stream_close(reader);
    return good;
}

enum catalog_source_type catalog_source_type(const char *path) {
    struct stat status;
    if (strcmp(path, "-") == 0) {
        return CATALOG_SOURCE_PIPE;
    }
    if (stat(path, &status) != 0) {
        return CATALOG_SOURCE_FILE;
    }
    return S_ISDIR(status.st_mode)   ? CATALOG_SOURCE_FOLDER
           : S_ISREG(status.st_mode) ? CATALOG_SOURCE_FILE
                                     : CATALOG_SOURCE_PIPE;
}

bool catalog_add(struct catalog *catalog, const char *path, struct error *error) {
    return catalog_source_type(path) == CATALOG_SOURCE_FOLDER
               ? catalog_add_folder(catalog, path, error)
               : add_file_samples(catalog, path, error);
}

// ---- samples

#define PATH_SHOWN 160 // bytes of a long path's end in messages, as stream/reader.c has it

bool catalog_fail(const struct catalog *catalog, size_t entry, struct error *error) {
    const struct catalog_entry *row = &catalog->entries[entry];
    const char *path = catalog->files[row->file].path;
    const size_t length = strlen(path);
    size_t ordinal = 1;
    for (size_t i = 0; i < catalog->ids.count; i++) {
        const struct catalog_entry *other = &catalog->entries[i];
        ordinal += other->file == row->file && other->offset < row->offset;
    }
    return fail_within(error, "%s%s: record %zu, byte %" PRIu64, length > PATH_SHOWN ? "..." : "",
                       length > PATH_SHOWN ? path + length - PATH_SHOWN : path, ordinal,
                       row->offset);
}

bool catalog_read(const struct catalog *catalog, size_t entry, struct loaded_record *loaded,
                  struct error *error) {
    const struct catalog_entry *row = &catalog->entries[entry];
    const struct record_location location = {row->offset, row->length, row->digest,
                                             catalog->ids.items[entry]};
    return record_read_at(loaded, catalog->files[row->file].descriptor, &location, error) ||
           catalog_fail(catalog, entry, error);
}

static bool find_lesions(const struct catalog *catalog, const uint32_t *order, size_t count,
                         bool *has_lesion, struct error *error) {
    for (size_t i = 0; i < count; i++) {
        const int64_t lesion = catalog->entries[order[i]].lesion;
        if (lesion == LESION_UNKNOWN) {
            return fail(error, "%.*s: no labels to tell whether it has a lesion",
                        TEXT_ARG(catalog->ids.items[order[i]]));
        }
        has_lesion[order[i]] = lesion > 0;
    }
    return true;
}

bool catalog_sampler(const struct catalog *catalog, struct fold fold, enum split split,
                     const struct sampler_options *options, struct sampler *sampler,
                     struct error *error) {
    const size_t count = catalog->ids.count;
    uint32_t *order = calloc(count + 1, sizeof *order);
    bool *has_lesion = calloc(count + 1, sizeof *has_lesion);
    size_t selected = 0;
    bool good = false;
    if (order == NULL || has_lesion == NULL) {
        (void)fail(error, "no memory for the order of %zu samples", count);
    } else if (fold_order(catalog->ids.items, count, fold, split, order, &selected, error)) {
        const bool asked = options->lesion_only || options->balance >= 0;
        good = (!asked || find_lesions(catalog, order, selected, has_lesion, error)) &&
               sampler_init(sampler, options, order, selected, has_lesion, error);
    }
    free(has_lesion);
    free(order);
    return good;
}

void catalog_free(struct catalog *catalog) {
    for (size_t i = 0; i < catalog->file_count; i++) {
        free(catalog->files[i].path);
        if (catalog->files[i].descriptor >= 0) {
            (void)close(catalog->files[i].descriptor);
        }
    }
    free(catalog->entries);
    free(catalog->files);
    ids_free(&catalog->ids);
    ids_free(&catalog->paths);
    texts_free(&catalog->texts);
    *catalog = (struct catalog){.max_record = 0};
}

// Reading an index without trusting it, or a stream file once; then samples by pread.
#include "data/catalog.h"

#include "data/sample.h"
#include "data/shards.h"
#include "data/sizes.h"
#include "stream/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// ---- tables that grow

// Room for one more in a table of `size`-byte rows.
static bool grow(void **rows, size_t *capacity, size_t count, size_t size, struct error *error) {
    if (count < *capacity) {
        return true;
    }
    const size_t wanted = *capacity > 0 ? 2 * *capacity : 64;
    void *more = reallocarray(*rows, wanted, size);
    if (more == NULL) {
        return fail(error, "no memory for a catalog of %zu", wanted);
    }
    *rows = more;
    *capacity = wanted;
    return true;
}

static bool add_entry(struct catalog *catalog, struct text id, const struct catalog_entry *entry,
                      struct error *error) {
    void *rows = catalog->entries;
    size_t place = 0;
    bool added = false;
    if (!grow(&rows, &catalog->capacity, catalog->ids.count, sizeof *catalog->entries, error)) {
        return false;
    }
    catalog->entries = rows;
    if (!ids_add(&catalog->ids, id, &place, &added, error)) {
        return false;
    }
    if (!added) {
        return fail(error, "the id '%.*s' is there twice", TEXT_ARG(id));
    }
    catalog->entries[place] = *entry;
    return true;
}

static bool add_history(struct catalog *catalog, const struct history *history,
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

// Opens a file and adds it to the table; `path` is then the catalog's, or freed.
static bool add_file(struct catalog *catalog, char *path, struct error *error) {
    struct stat status;
    void *rows = catalog->files;
    // Without O_NONBLOCK a named pipe in the file's place would hold the program up.
    const int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool good = descriptor >= 0 && fstat(descriptor, &status) == 0;
    if (!good) {
        (void)fail(error, "%s: %s%s", path, strerror(errno),
                   errno == EMFILE ? " (see ulimit -n, or write larger shards)" : "");
    } else if (!S_ISREG(status.st_mode)) {
        good = fail(error, "%s: not a regular file", path);
    } else {
        good = grow(&rows, &catalog->file_capacity, catalog->file_count, sizeof *catalog->files,
                    error);
    }
    if (!good) {
        if (descriptor >= 0) {
            (void)close(descriptor);
        }
        free(path);
        return false;
    }
    catalog->files = rows;
    catalog->files[catalog->file_count++] =
        (struct catalog_file){path, descriptor, (uint64_t)status.st_size};
    return true;
}

// ---- shard folders

static bool join(char **path, const char *folder, struct text name, struct error *error) {
    if (asprintf(path, "%s/%.*s", folder, (int)name.length, name.at) < 0) {
        return fail(error, "no memory");
    }
    return true;
}

// The number of a shard of this folder, which is opened when it is new.
static bool find_shard(struct catalog *catalog, size_t first_file, const char *folder,
                       struct text name, uint32_t *file, struct error *error) {
    char *path = NULL;
    if (!shard_name_valid(name)) {
        return fail(error, "'%.*s' is not the name of a shard", TEXT_ARG(name));
    }
    if (!join(&path, folder, name, error)) {
        return false;
    }
    // Entries come shard by shard, so the one looked for is nearly always the last.
    for (size_t i = catalog->file_count; i > first_file; i--) {
        if (strcmp(catalog->files[i - 1].path, path) == 0) {
            free(path);
            *file = (uint32_t)(i - 1);
            return true;
        }
    }
    *file = (uint32_t)catalog->file_count;
    return add_file(catalog, path, error);
}

static bool check_place(const struct catalog *catalog, struct text id,
                        const struct catalog_entry *entry, struct error *error) {
    uint64_t end = 0;
    const struct catalog_file *file = &catalog->files[entry->file];
    if (__builtin_add_overflow(entry->offset, entry->length, &end) || end > file->bytes) {
        return fail(error, "'%.*s' lies beyond the end of %s", TEXT_ARG(id), file->path);
    }
    if (entry->length > catalog->max_record) {
        return fail(error, "'%.*s' has more than %zu bytes (see --max-record)", TEXT_ARG(id),
                    catalog->max_record);
    }
    return true;
}

// The size that an entry may have.
static bool read_size(struct catalog_entry *entry, const struct record *record,
                      struct error *error) {
    const struct value *size = record_find(record, "size");
    size_t height = 0;
    size_t width = 0;
    if (size != NULL && !size_of_value(size, &height, &width)) {
        return fail(error, "'%.*s': 'size' is not a list of height and width",
                    TEXT_ARG(record->id));
    }
    entry->height = (uint32_t)height;
    entry->width = (uint32_t)width;
    return true;
}

static bool add_index_record(struct catalog *catalog, size_t first_file, const char *folder,
                             const struct record *record, struct error *error) {
    int64_t offset = 0;
    int64_t length = 0;
    struct catalog_entry entry = {0};
    const struct value *shard = record_find(record, "shard");
    if (shard == NULL || shard->type != VALUE_TEXT) {
        return fail(error, "'%.*s': no text 'shard' in it", TEXT_ARG(record->id));
    }
    if (!record_integer(record, "offset", &offset, error) ||
        !record_integer(record, "length", &length, error) ||
        !record_integer(record, "lesion", &entry.lesion, error) ||
        !read_size(&entry, record, error)) {
        return false;
    }
    if (offset < 0 || length <= 0 || entry.lesion < LESION_UNKNOWN) {
        return fail(error, "'%.*s': a negative number in it", TEXT_ARG(record->id));
    }
    entry.offset = (uint64_t)offset;
    entry.length = (uint64_t)length;
    return find_shard(catalog, first_file, folder, shard->text, &entry.file, error) &&
           check_place(catalog, record->id, &entry, error) &&
           add_entry(catalog, record->id, &entry, error);
}

static bool read_index(struct catalog *catalog, struct stream_reader *reader, const char *folder,
                       struct error *error) {
    const size_t first_file = catalog->file_count;
    struct record record;
    if (strcmp(stream_kind(reader), KIND_INDEX) != 0) {
        return fail(error, "%s/" SHARD_INDEX ": holds %s, not an index", folder,
                    stream_kind(reader));
    }
    for (;;) {
        const enum stream_status status = stream_next(reader, &record, error);
        if (status != STREAM_RECORD) {
            return status == STREAM_END && add_history(catalog, stream_history(reader), error);
        }
        if (!add_index_record(catalog, first_file, folder, &record, error)) {
            return fail_within(error, "%s", stream_place(reader));
        }
    }
}

static bool add_folder(struct catalog *catalog, const char *folder, struct error *error) {
    char *path = NULL;
    if (!join(&path, folder, text_of(SHARD_INDEX), error)) {
        return false;
    }
    bool good = access(path, F_OK) == 0 || errno != ENOENT ||
                fail(error, "%s: not a shard folder: there is no " SHARD_INDEX " in it", folder);
    struct stream_reader *reader =
        good ? stream_open_regular(path, catalog->max_record, error) : NULL;
    good = reader != NULL && read_index(catalog, reader, folder, error);
    stream_close(reader);
    free(path);
    return good;
}

// ---- stream files

static bool read_samples(struct catalog *catalog, struct stream_reader *reader, uint32_t file,
                         struct sample_mask *mask, struct error *error) {
    struct record record;
    struct view image;
    if (strcmp(stream_kind(reader), KIND_SAMPLES) != 0) {
        return fail(error, "%s: holds %s, and samples are needed here", catalog->files[file].path,
                    stream_kind(reader));
    }
    for (;;) {
        const enum stream_status status = stream_next(reader, &record, error);
        if (status != STREAM_RECORD) {
            return status == STREAM_END && add_history(catalog, stream_history(reader), error);
        }
        struct catalog_entry entry = {.file = file,
                                      .offset = stream_record_offset(reader),
                                      .length = stream_record_length(reader)};
        if (!sample_image(&record, &image, error) ||
            !sample_lesion(mask, &record, &entry.lesion, error)) {
            return fail_within(error, "%s", stream_place(reader));
        }
        entry.height = (uint32_t)image.height;
        entry.width = (uint32_t)image.width;
        if (!add_entry(catalog, record.id, &entry, error)) {
            return fail_within(error, "%s", stream_place(reader));
        }
    }
}

static bool add_file_samples(struct catalog *catalog, const char *path, struct error *error) {
    char *copy = strdup(path);
    struct sample_mask mask = {.labelled = false};
    if (copy == NULL) {
        return fail(error, "no memory");
    }
    if (!add_file(catalog, copy, error)) {
        return false;
    }
    struct stream_reader *reader = stream_open(path, catalog->max_record, error);
    const bool good =
        reader != NULL &&
        read_samples(catalog, reader, (uint32_t)catalog->file_count - 1, &mask, error);
    sample_mask_free(&mask);
    stream_close(reader);
    return good;
}

enum source_type source_type(const char *path) {
    struct stat status;
    if (strcmp(path, "-") == 0) {
        return SOURCE_PIPE;
    }
    if (stat(path, &status) != 0) {
        return SOURCE_FILE;
    }
    return S_ISDIR(status.st_mode)   ? SOURCE_FOLDER
           : S_ISREG(status.st_mode) ? SOURCE_FILE
                                     : SOURCE_PIPE;
}

bool catalog_add(struct catalog *catalog, const char *path, struct error *error) {
    return source_type(path) == SOURCE_FOLDER ? add_folder(catalog, path, error)
                                              : add_file_samples(catalog, path, error);
}

// ---- samples

bool catalog_read(const struct catalog *catalog, size_t entry, struct loaded_record *loaded,
                  struct error *error) {
    const struct catalog_entry *place = &catalog->entries[entry];
    const struct catalog_file *file = &catalog->files[place->file];
    return record_read_at(loaded, file->descriptor, place->offset, place->length,
                          catalog->ids.at[entry], error) ||
           fail_within(error, "%s: byte %" PRIu64, file->path, place->offset);
}

static bool find_lesions(const struct catalog *catalog, const uint32_t *order, size_t count,
                         bool *has_lesion, struct error *error) {
    for (size_t i = 0; i < count; i++) {
        const int64_t lesion = catalog->entries[order[i]].lesion;
        if (lesion == LESION_UNKNOWN) {
            return fail(error, "%.*s: no labels to tell whether it has a lesion",
                        TEXT_ARG(catalog->ids.at[order[i]]));
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
    } else if (fold_order(catalog->ids.at, count, fold, split, order, &selected, error)) {
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
        (void)close(catalog->files[i].descriptor);
    }
    free(catalog->entries);
    free(catalog->files);
    ids_free(&catalog->ids);
    texts_free(&catalog->texts);
    *catalog = (struct catalog){.max_record = 0};
}

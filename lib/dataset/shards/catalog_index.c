// Reading the index of a shard folder without trusting it: nothing that it names is opened before
// its end mark has come.
#include "dataset/ids/sizes.h"
#include "dataset/sample.h"
#include "dataset/shards/catalog_build.h"
#include "dataset/shards/shards.h"
#include "stream/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool join(char **path, const char *folder, struct text name, struct error *error) {
    if (asprintf(path, "%s/%.*s", folder, (int)name.length, name.bytes) < 0) {
        return fail(error, "no memory");
    }
    return true;
}

// ---- entries

static bool read_location(struct catalog_entry *entry, const struct record *record,
                          struct error *error) {
    int64_t offset = 0;
    int64_t length = 0;
    if (!record_integer(record, "offset", &offset, error) ||
        !record_integer(record, "length", &length, error) ||
        !record_integer(record, "lesion", &entry->lesion, error)) {
        return false;
    }
    if (offset < 0 || length <= 0 || entry->lesion < LESION_UNKNOWN) {
        return fail(error, "'%.*s': a negative number in it", TEXT_ARG(record->id));
    }
    entry->offset = (uint64_t)offset;
    entry->length = (uint64_t)length;
    return true;
}

static bool read_digest(struct catalog_entry *entry, const struct record *record,
                        struct error *error) {
    const struct value *digest = record_find(record, "xxh3");
    if (digest == NULL) {
        return fail(error,
                    "'%.*s': an index without the records' hashes, as older versions wrote it: "
                    "write the folder again with shard",
                    TEXT_ARG(record->id));
    }
    return (digest->type == VALUE_TEXT && shard_digest_parse(digest->text, &entry->digest)) ||
           fail(error, "'%.*s': 'xxh3' is not a text of 16 hexadecimal digits",
                TEXT_ARG(record->id));
}

static bool read_size(struct catalog_entry *entry, const struct record *record,
                      struct error *error) {
    const struct value *size = record_find(record, "size");
    size_t height = 0;
    size_t width = 0;
    if (size == NULL || !size_of_value(size, &height, &width)) {
        return fail(error, "'%.*s': 'size' is not a list of height and width",
                    TEXT_ARG(record->id));
    }
    entry->height = (uint32_t)height;
    entry->width = (uint32_t)width;
    return true;
}

static bool read_shard(struct catalog *catalog, const char *folder, const struct record *record,
                       uint32_t *file, struct error *error) {
    const struct value *shard = record_find(record, "shard");
    char *path = NULL;
    if (shard == NULL || shard->type != VALUE_TEXT) {
        return fail(error, "'%.*s': no text 'shard' in it", TEXT_ARG(record->id));
    }
    if (!shard_name_valid(shard->text)) {
        return fail(error, "'%.*s' is not the name of a shard", TEXT_ARG(shard->text));
    }
    if (!join(&path, folder, shard->text, error)) {
        return false;
    }
    const bool named = catalog_name_file(catalog, path, file, error);
    free(path);
    return named;
}

static bool add_record(struct catalog *catalog, const char *folder, const struct record *record,
                       struct error *error) {
    struct catalog_entry entry = {0};
    return read_shard(catalog, folder, record, &entry.file, error) &&
           read_location(&entry, record, error) && read_digest(&entry, record, error) &&
           read_size(&entry, record, error) && catalog_put(catalog, record->id, &entry, error);
}

// ---- the folder

static bool read_index(struct catalog *catalog, struct stream_reader *reader, const char *folder,
                       struct error *error) {
    struct record record;
    if (strcmp(stream_kind(reader), KIND_INDEX) != 0) {
        return fail(error, "%s/" SHARD_INDEX ": holds %s, not an index", folder,
                    stream_kind(reader));
    }
    for (;;) {
        const enum stream_status status = stream_next(reader, &record, error);
        if (status != STREAM_RECORD) {
            return status == STREAM_END &&
                   catalog_put_history(catalog, stream_history(reader), error);
        }
        if (!add_record(catalog, folder, &record, error)) {
            return fail_within(error, "%s", stream_place(reader));
        }
    }
}

static bool check_location(const struct catalog *catalog, size_t i, struct error *error) {
    uint64_t end = 0;
    const struct text id = catalog->ids.items[i];
    const struct catalog_entry *entry = &catalog->entries[i];
    const struct catalog_file *file = &catalog->files[entry->file];
    if (__builtin_add_overflow(entry->offset, entry->length, &end) || end > file->bytes) {
        return fail(error, "%s: has %" PRIu64 " bytes, and '%.*s' lies beyond the end", file->path,
                    file->bytes, TEXT_ARG(id));
    }
    if (entry->length > catalog->max_record) {
        return fail(error, "%s: '%.*s' has more than %zu bytes (see --max-record)", file->path,
                    TEXT_ARG(id), catalog->max_record);
    }
    return true;
}

// Opens the shards from this one on, and looks whether the entries lie in them.
static bool open_shards(struct catalog *catalog, size_t first_file, size_t first_entry,
                        struct error *error) {
    for (size_t file = first_file; file < catalog->file_count; file++) {
        if (!catalog_open_file(catalog, (uint32_t)file, O_NOFOLLOW, error)) {
            return false;
        }
    }
    for (size_t i = first_entry; i < catalog->ids.count; i++) {
        if (!check_location(catalog, i, error)) {
            return false;
        }
    }
    return true;
}

bool catalog_add_folder(struct catalog *catalog, const char *folder, struct error *error) {
    const size_t first_file = catalog->file_count;
    const size_t first_entry = catalog->ids.count;
    char *path = NULL;
    if (!join(&path, folder, text_of(SHARD_INDEX), error)) {
        return false;
    }
    bool good = access(path, F_OK) == 0 || errno != ENOENT ||
                fail(error, "%s: not a shard folder: there is no " SHARD_INDEX " in it", folder);
    struct stream_reader *reader =
        good ? stream_open_regular(path, catalog->max_record, error) : NULL;
    good = reader != NULL && read_index(catalog, reader, folder, error) &&
           open_shards(catalog, first_file, first_entry, error);
    stream_close(reader);
    free(path);
    return good;
}

// Reading a whole shard folder beside its index.
#include "dataset/shards/shards.h"

#include "dataset/sample.h"
#include "dataset/shards/catalog.h"
#include "stream/reader.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// A folder that is checked, and memory.
struct verifier {
    struct catalog catalog;
    size_t next; // the first entry whose record has not come yet
    struct sample_mask mask;
};

static bool check_entry(struct verifier *verifier, const struct record *record,
                        const struct stream_reader *reader, struct error *error) {
    const struct catalog_entry *entry = &verifier->catalog.entries[verifier->next];
    const struct text id = verifier->catalog.ids.items[verifier->next];
    int64_t lesion = 0;
    if (!text_equal(id, record->id)) {
        return fail(error, "is '%.*s', the index has '%.*s' there", TEXT_ARG(record->id),
                    TEXT_ARG(id));
    }
    if (entry->offset != stream_record_offset(reader) ||
        entry->length != stream_record_length(reader)) {
        return fail(error, "'%.*s': the index has it at byte %" PRIu64 " with %" PRIu64 " bytes",
                    TEXT_ARG(record->id), entry->offset, entry->length);
    }
    if (entry->digest != stream_record_digest(reader)) {
        return fail(error, "'%.*s': damaged: the index has another hash (xxh3) of its bytes",
                    TEXT_ARG(record->id));
    }
    if (!sample_lesion(&verifier->mask, record, &lesion, error)) {
        return false;
    }
    if (lesion != entry->lesion) {
        return fail(error, "'%.*s': %" PRId64 " lesion pixels, the index has %" PRId64,
                    TEXT_ARG(record->id), lesion, entry->lesion);
    }
    const struct sample_mask *mask = &verifier->mask;
    return (mask->height == entry->height && mask->width == entry->width) ||
           fail(error, "'%.*s': is %zu x %zu, the index has %" PRIu32 " x %" PRIu32,
                TEXT_ARG(record->id), mask->height, mask->width, entry->height, entry->width);
}

// The shard's records are the index's next entries, one by one.
static bool check_records(struct verifier *verifier, uint32_t file, struct stream_reader *reader,
                          struct error *error) {
    const struct catalog *catalog = &verifier->catalog;
    struct record record;
    for (;; verifier->next++) {
        const size_t next = verifier->next;
        const bool expected = next < catalog->ids.count && catalog->entries[next].file == file;
        const enum stream_status status = stream_next(reader, &record, error);
        if (status == STREAM_FAILED) {
            return false;
        }
        if (status == STREAM_END) {
            return !expected || fail(error, "%s: ends before '%.*s', which the index has in it",
                                     catalog->files[file].path, TEXT_ARG(catalog->ids.items[next]));
        }
        if (!expected) {
            return fail(error, "%s: '%.*s' is not in the index", stream_place(reader),
                        TEXT_ARG(record.id));
        }
        if (!check_entry(verifier, &record, reader, error)) {
            return fail_within(error, "%s", stream_place(reader));
        }
    }
}

// The name tells the hash, which stream_next has compared with the bytes. The end mark comes behind
// the record that was read last.
static bool check_name(const struct verifier *verifier, uint32_t file, struct error *error) {
    const struct catalog_file *shard = &verifier->catalog.files[file];
    uint64_t hash = 0;
    char digest[32];
    if (verifier->next == 0 || verifier->catalog.entries[verifier->next - 1].file != file) {
        return fail(error, "%s: the index has its records out of order", shard->path);
    }
    const struct catalog_entry *last = &verifier->catalog.entries[verifier->next - 1];
    if (!stream_end_mark_read_at(shard->descriptor, last->offset + last->length, &hash, error)) {
        return fail_within(error, "%s: end mark", shard->path);
    }
    (void)snprintf(digest, sizeof digest, "-%016" PRIx64 ".mpk", hash);
    return strcmp(shard->path + strlen(shard->path) - strlen(digest), digest) == 0 ||
           fail(error, "%s: its hash is not the one in its name", shard->path);
}

static bool check_shard(struct verifier *verifier, uint32_t file, struct error *error) {
    const char *path = verifier->catalog.files[file].path;
    struct stream_reader *reader = stream_open_regular(path, verifier->catalog.max_record, error);
    bool good = reader != NULL;
    if (good && strcmp(stream_kind(reader), KIND_SAMPLES) != 0) {
        good = fail(error, "%s: holds %s, not samples", path, stream_kind(reader));
    }
    good =
        good && check_records(verifier, file, reader, error) && check_name(verifier, file, error);
    stream_close(reader);
    return good;
}

static bool check_listed(const struct catalog *catalog, const char *folder, const char *name,
                         struct error *error) {
    char *path = NULL;
    if (asprintf(&path, "%s/%s", folder, name) < 0) {
        return fail(error, "no memory");
    }
    const bool listed = ids_find(&catalog->paths, text_of(path)) != IDS_ABSENT;
    free(path);
    return listed || fail(error, "%s/%s: the index does not name this shard", folder, name);
}

static bool check_surplus(const struct catalog *catalog, const char *folder, struct error *error) {
    DIR *listing = opendir(folder);
    bool good = true;
    if (listing == NULL) {
        return fail(error, "%s: %s", folder, strerror(errno));
    }
    for (const struct dirent *file; good && (file = readdir(listing)) != NULL;) {
        if (shard_name_valid(text_of(file->d_name))) {
            good = check_listed(catalog, folder, file->d_name, error);
        }
    }
    (void)closedir(listing);
    return good;
}

static bool check_folder(struct verifier *verifier, const char *folder, struct error *error) {
    const struct catalog *catalog = &verifier->catalog;
    for (uint32_t file = 0; file < catalog->file_count; file++) {
        if (!check_shard(verifier, file, error)) {
            return false;
        }
    }
    if (verifier->next < catalog->ids.count) {
        return fail(error, "%s/" SHARD_INDEX ": '%.*s' is out of order", folder,
                    TEXT_ARG(catalog->ids.items[verifier->next]));
    }
    return check_surplus(catalog, folder, error);
}

bool shards_verify(const char *folder, size_t max_record, struct error *error) {
    struct verifier verifier = {.catalog = {.max_record = max_record}};
    const bool good =
        catalog_add(&verifier.catalog, folder, error) && check_folder(&verifier, folder, error);
    sample_mask_free(&verifier.mask);
    catalog_free(&verifier.catalog);
    return good;
}

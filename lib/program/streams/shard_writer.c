// Writing a shard folder so that the old one stays readable until the new one is whole: shards are
// written under hidden names, get their own when all are there, the index follows, then the old go.
#include "program/streams/shard_writer.h"

#include "core/array.h"
#include "core/error.h"
#include "dataset/ids/ids.h"
#include "dataset/shards/shards.h"
#include "program/die.h"
#include "program/folder.h"
#include "program/streams/streams.h"
#include "stream/random_access.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define UNFINISHED "." SHARD_PREFIX

struct shard_entry {
    size_t shard;
    uint64_t offset, length, digest;
    int64_t lesion;
    size_t height, width;
};

struct shard_writer {
    const char *folder;
    int directory;
    bool created;  // the folder was not there before
    bool finished; // nothing to tidy up at exit any more
    size_t size;
    const struct history *history;
    struct output *output; // of the shard under way, or NULL
    struct stream_writer *stream;
    char *path;
    struct ids ids;
    struct shard_entry *entries; // of the ids
    size_t capacity;
    uint64_t *hashes; // of the finished shards
    size_t shards, shard_capacity;
};

// ---- names

static void unfinished_name(char *name, size_t index) {
    (void)snprintf(name, SHARD_NAME_SIZE, UNFINISHED "%05zu.new", index);
}

// What a run that was killed leaves: a hidden shard, or what output.h names for a moment.
static bool is_leftover(const char *name) {
    const size_t length = strlen(name);
    const bool ours = strncmp(name, UNFINISHED, strlen(UNFINISHED)) == 0 ||
                      strncmp(name, SHARD_INDEX ".", strlen(SHARD_INDEX) + 1) == 0;
    return ours && length > 5 &&
           (strcmp(name + length - 4, ".new") == 0 || strcmp(name + length - 5, ".part") == 0);
}

// ---- the folder

// Runs at exit: after an error, what this run wrote goes.
static void tidy_up(int status, void *argument) {
    struct shard_writer *writer = argument;
    if (status == 0 || writer->finished) {
        return;
    }
    for (size_t i = 0; i <= writer->shards; i++) {
        char name[SHARD_NAME_SIZE];
        unfinished_name(name, i);
        (void)unlinkat(writer->directory, name, 0);
    }
    if (writer->created) {
        (void)rmdir(writer->folder);
    }
}

struct shard_writer *shard_writer_open(const char *folder, size_t size,
                                       const struct history *history) {
    bool created;
    const int directory = folder_take(folder, &created);
    struct shard_writer *writer = calloc(1, sizeof *writer);
    if (writer == NULL || on_exit(tidy_up, writer) != 0) {
        die("no memory");
    }
    writer->folder = folder;
    writer->directory = directory;
    writer->created = created;
    writer->size = size;
    writer->history = history;
    return writer;
}

// ---- shards

static char *path_of(const struct shard_writer *writer, const char *name) {
    char *path = NULL;
    if (asprintf(&path, "%s/%s", writer->folder, name) < 0) {
        die("no memory");
    }
    return path;
}

static void start_shard(struct shard_writer *writer) {
    char name[SHARD_NAME_SIZE];
    unfinished_name(name, writer->shards);
    writer->path = path_of(writer, name);
    writer->output = output_open_regular(writer->path, OUTPUT_BYTES);
    writer->stream = stream_create(writer->output, KIND_SAMPLES, writer->history);
}

static void keep_hash(struct shard_writer *writer, uint64_t end_mark) {
    struct error error;
    writer->hashes = array_grow(writer->hashes, &writer->shard_capacity, writer->shards + 1,
                                sizeof *writer->hashes);
    if (writer->hashes == NULL) {
        die("no memory");
    }
    const int descriptor = open(writer->path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        die("%s: %s", writer->path, strerror(errno));
    }
    if (!stream_end_mark_read_at(descriptor, end_mark, &writer->hashes[writer->shards], &error)) {
        die("%s: %s", writer->path, error.text);
    }
    (void)close(descriptor);
}

static void end_shard(struct shard_writer *writer) {
    if (writer->output == NULL) {
        return;
    }
    const uint64_t end_mark = stream_offset(writer->stream);
    stream_finish(writer->stream);
    output_close(writer->output);
    writer->output = NULL;
    keep_hash(writer, end_mark);
    writer->shards++;
    free(writer->path);
}

// ---- samples

static struct shard_entry *add_entry(struct shard_writer *writer, struct text id) {
    struct error error;
    size_t index = 0;
    bool added = false;
    if (!ids_add(&writer->ids, id, &index, &added, &error)) {
        die("%s", error.text);
    }
    if (!added) {
        die("the id '%.*s' comes twice: a shard folder holds each id once", TEXT_ARG(id));
    }
    writer->entries =
        array_grow(writer->entries, &writer->capacity, index + 1, sizeof *writer->entries);
    if (writer->entries == NULL) {
        die("no memory for an index of %zu samples", index + 1);
    }
    return &writer->entries[index];
}

void shard_writer_add(struct shard_writer *writer, const struct record *sample, int64_t lesion,
                      size_t height, size_t width) {
    struct shard_entry *entry = add_entry(writer, sample->id);
    if (writer->output != NULL && stream_offset(writer->stream) >= writer->size) {
        end_shard(writer);
    }
    if (writer->output == NULL) {
        start_shard(writer);
    }
    entry->shard = writer->shards;
    entry->lesion = lesion;
    entry->height = height;
    entry->width = width;
    entry->offset = stream_offset(writer->stream);
    stream_write(writer->stream, sample);
    entry->length = stream_offset(writer->stream) - entry->offset;
    entry->digest = stream_written_digest(writer->stream);
}

// ---- the end

static void name_shards(const struct shard_writer *writer) {
    for (size_t i = 0; i < writer->shards; i++) {
        char from[SHARD_NAME_SIZE];
        char to[SHARD_NAME_SIZE];
        unfinished_name(from, i);
        shard_name(to, i, writer->hashes[i]);
        if (renameat(writer->directory, from, writer->directory, to) != 0) {
            die("%s/%s: %s", writer->folder, to, strerror(errno));
        }
    }
}

// Writes the index, which gets its name when its output is closed.
static struct output *write_index(const struct shard_writer *writer, const char *path) {
    struct output *output = output_open_regular(path, OUTPUT_BYTES);
    struct stream_writer *stream = stream_create(output, KIND_INDEX, writer->history);
    for (size_t i = 0; i < writer->ids.count; i++) {
        const struct shard_entry *entry = &writer->entries[i];
        char name[SHARD_NAME_SIZE];
        char digest[17];
        const struct value size[] = {value_integer((int64_t)entry->height),
                                     value_integer((int64_t)entry->width)};
        shard_name(name, entry->shard, writer->hashes[entry->shard]);
        (void)snprintf(digest, sizeof digest, "%016" PRIx64, entry->digest);
        const struct field fields[] = {
            {text_of("shard"), value_text(text_of(name))},
            {text_of("offset"), value_integer((int64_t)entry->offset)},
            {text_of("length"), value_integer((int64_t)entry->length)},
            {text_of("lesion"), value_integer(entry->lesion)},
            {text_of("size"), value_list(size, 2)},
            {text_of("xxh3"), value_text(text_of(digest))},
        };
        const struct record record = {writer->ids.items[i], sizeof fields / sizeof *fields, fields};
        stream_write(stream, &record);
    }
    stream_finish(stream);
    output_flush(output);
    return output;
}

static bool is_current(const struct shard_writer *writer, const char *name) {
    char current[SHARD_NAME_SIZE];
    const size_t index = strtoul(name + strlen(SHARD_PREFIX), NULL, 10);
    if (index >= writer->shards) {
        return false;
    }
    shard_name(current, index, writer->hashes[index]);
    return strcmp(current, name) == 0;
}

static void remove_older(const struct shard_writer *writer) {
    const int copy = openat(writer->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = copy >= 0 ? fdopendir(copy) : NULL;
    if (listing == NULL) {
        die("%s: %s", writer->folder, strerror(errno));
    }
    for (const struct dirent *file; (file = readdir(listing)) != NULL;) {
        const bool older =
            shard_name_valid(text_of(file->d_name)) && !is_current(writer, file->d_name);
        if (older || is_leftover(file->d_name)) {
            (void)unlinkat(writer->directory, file->d_name, 0);
        }
    }
    (void)closedir(listing);
}

// The names must be on disk before an index that tells them is.
static void sync_folder(const struct shard_writer *writer) {
    if (fsync(writer->directory) != 0 && errno != EINVAL) {
        die("%s: %s", writer->folder, strerror(errno));
    }
}

void shard_writer_finish(struct shard_writer *writer) {
    end_shard(writer);
    char *path = path_of(writer, SHARD_INDEX);
    struct output *index = write_index(writer, path); // a full disk shows before anything is named
    name_shards(writer);
    sync_folder(writer);
    output_close(index);
    sync_folder(writer);
    remove_older(writer);
    free(path);
    writer->finished = true;
    ids_free(&writer->ids);
    free(writer->entries);
    free(writer->hashes);
    (void)close(writer->directory); // the exit handler keeps the struct
}

// A buffer that grows with the bytes that come, a hash over them, and the grammar of a stream:
// (header record* end)+.
#include "stream/reader.h"

#include "core/array.h"
#include "stream/digest.h"
#include "stream/parse.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIN_READ ((size_t)64 << 10)
#define REGULAR (O_NONBLOCK | O_NOFOLLOW) // a named pipe does not hold the program up
#define PIPE_SIZE (1 << 20)
#define PATH_SHOWN 160 // bytes of a long path's end in messages, so that record and byte fit in

struct stream_reader {
    char *path; // for messages: "stdin" for "-", and only the end of a long one
    int descriptor;
    bool finished; // the input has ended
    unsigned char *buffer;
    size_t capacity, start, filled; // the current object lies at buffer[start ..]
    size_t length;                  // of the object read last, at buffer[start - length ..]
    size_t max_record;
    uint64_t offset;         // of buffer[start] in the input
    uint64_t records;        // read so far, of all streams
    uint64_t records_before; // of the streams before this one
    uint64_t streams;        // before this one
    struct digest *digest;
    struct digest *all; // the caller's, of the whole input; NULL: not wanted
    struct tokens tokens;
    struct parsed parsed;
    char kind[KIND_MAX + 1];
    char *history_bytes;
    struct history history;
    char place[300];
};

const char *stream_kind(const struct stream_reader *reader) {
    return reader->kind;
}

const struct history *stream_history(const struct stream_reader *reader) {
    return &reader->history;
}

uint64_t stream_number(const struct stream_reader *reader) {
    return reader->streams;
}

uint64_t stream_record_offset(const struct stream_reader *reader) {
    return reader->offset - reader->length;
}

size_t stream_record_length(const struct stream_reader *reader) {
    return reader->length;
}

uint64_t stream_record_digest(const struct stream_reader *reader) {
    return digest_of(reader->buffer + reader->start - reader->length, reader->length);
}

void stream_hash_all(struct stream_reader *reader, struct digest *all) {
    digest_add(all, reader->buffer + reader->start - reader->length, reader->length);
    reader->all = all;
}

const char *stream_place(struct stream_reader *reader) {
    (void)snprintf(reader->place, sizeof reader->place, "%s: record %" PRIu64 ", byte %" PRIu64,
                   reader->path, reader->records, stream_record_offset(reader));
    return reader->place;
}

// ---- bytes

// Makes space for more bytes behind buffer[filled]: moves the rest to the front, or doubles.
static bool reserve_space(struct stream_reader *reader, struct error *error) {
    if (reader->start > 0) {
        reader->filled -= reader->start;
        memmove(reader->buffer, reader->buffer + reader->start, reader->filled);
        reader->start = 0;
        reader->length = 0;
    }
    if (reader->filled < reader->capacity) {
        return true;
    }
    const size_t needed = reader->filled + MIN_READ;
    unsigned char *buffer = array_grow(reader->buffer, &reader->capacity, needed, 1);
    if (buffer == NULL) {
        return fail(error, "no memory for a record of %zu bytes", needed);
    }
    reader->buffer = buffer;
    return true;
}

// Reads until the current object has `needed` bytes or the input ends. Not much further than that,
// so that the next object need not be moved to the front.
static bool fill(struct stream_reader *reader, size_t needed, struct error *error) {
    while (reader->filled - reader->start < needed && !reader->finished) {
        if (!reserve_space(reader, error)) {
            return false;
        }
        const size_t available = reader->capacity - reader->filled;
        const size_t missing = needed - reader->filled;
        const size_t wanted = missing > MIN_READ ? missing : MIN_READ;
        const ssize_t got = read(reader->descriptor, reader->buffer + reader->filled,
                                 wanted < available ? wanted : available);
        if (got < 0 && errno != EINTR) {
            return fail(error, "%s", strerror(errno));
        }
        reader->finished = got == 0;
        reader->filled += got > 0 ? (size_t)got : 0;
    }
    return true;
}

// ---- objects

// Finds the next object: DONE with reader->length its length; MORE means a clean end of input.
static enum tokens_status next_object(struct stream_reader *reader, struct error *error) {
    enum tokens_status status = TOKENS_MORE;
    size_t needed = 1;
    for (bool first = true; status == TOKENS_MORE; first = false) {
        if (!fill(reader, needed, error)) {
            return TOKENS_BAD;
        }
        const unsigned char *object = reader->buffer + reader->start;
        const size_t available = reader->filled - reader->start;
        if (available == 0) {
            return TOKENS_MORE;
        }
        if (available < needed) {
            (void)fail(error, "the input ends in the middle, at byte %" PRIu64,
                       reader->offset + available);
            return TOKENS_BAD;
        }
        status = first ? tokens_read(&reader->tokens, object, available, &needed, error)
                       : tokens_continue(&reader->tokens, object, available, &needed, error);
        if (status != TOKENS_BAD && needed > reader->max_record) {
            (void)fail(error, "a record of more than %zu bytes (see --max-record)",
                       reader->max_record);
            return TOKENS_BAD;
        }
    }
    reader->length = needed;
    return status;
}

static void consume(struct stream_reader *reader, bool hashed) {
    if (hashed) {
        digest_add(reader->digest, reader->buffer + reader->start, reader->length);
    }
    if (reader->all != NULL) {
        digest_add(reader->all, reader->buffer + reader->start, reader->length);
    }
    reader->start += reader->length;
    reader->offset += reader->length;
}

// Copies the header's history, which must outlive the buffer.
static bool keep_history(struct stream_reader *reader, const struct list *lines,
                         struct error *error) {
    size_t total = 0;
    if (lines->count > HISTORY_MAX) {
        return fail(error, "a history of more than %d lines", HISTORY_MAX);
    }
    for (size_t i = 0; i < lines->count; i++) {
        if (lines->items[i].type != VALUE_TEXT) {
            return fail(error, "the header's history is not a list of texts");
        }
        total += lines->items[i].text.length;
    }
    char *bytes = malloc(total + 1);
    if (bytes == NULL) {
        return fail(error, "no memory for the header's history");
    }
    reader->history_bytes = bytes;
    for (size_t i = 0; i < lines->count; i++) {
        const struct text line = lines->items[i].text;
        memcpy(bytes, line.bytes, line.length);
        history_add(&reader->history, (struct text){bytes, line.length});
        bytes += line.length;
    }
    return true;
}

static bool read_header(struct stream_reader *reader, struct error *error) {
    const struct record *header = &reader->parsed.record;
    const struct value *version = record_find(header, "pleura");
    const struct value *kind = record_find(header, "kind");
    const struct value *history = record_find(header, "history");
    if (version->type != VALUE_INTEGER || version->integer != STREAM_VERSION) {
        return fail(error, "a tensor stream of a version that is not %d", STREAM_VERSION);
    }
    if (header->count != 3 || kind == NULL || !parse_is_kind(kind) || history == NULL ||
        history->type != VALUE_LIST) {
        return fail(error, "a header that is not pleura, kind (a word) and history (a list)");
    }
    if (reader->kind[0] != 0 && !text_is(kind->text, reader->kind)) {
        return fail(error, "a stream of %.*s behind one of %s", TEXT_ARG(kind->text), reader->kind);
    }
    reader->streams += reader->kind[0] != 0;
    // The history of the first of several streams stands for all.
    if (reader->kind[0] == 0 && !keep_history(reader, &history->list, error)) {
        return false;
    }
    memcpy(reader->kind, kind->text.bytes, kind->text.length);
    reader->kind[kind->text.length] = 0;
    digest_reset(reader->digest);
    reader->records_before = reader->records;
    consume(reader, true);
    return true;
}

// The end mark must be, byte for byte, the one that belongs to what was read.
static bool check_end(struct stream_reader *reader, struct error *error) {
    unsigned char mark[32];
    const uint64_t count = reader->records - reader->records_before;
    const struct value *claimed = record_find(&reader->parsed.record, "end");
    if (claimed->type != VALUE_INTEGER || (uint64_t)claimed->integer != count) {
        return fail(error, "the end mark does not count %" PRIu64 " records", count);
    }
    const size_t length = stream_end_mark(mark, sizeof mark, count, digest_value(reader->digest));
    if (length != reader->length || memcmp(mark, reader->buffer + reader->start, length) != 0) {
        return fail(error, "damaged: the hash (xxh3) does not match the bytes");
    }
    consume(reader, false);
    return true;
}

static bool place_error(struct stream_reader *reader, const char *what, struct error *error) {
    return fail_within(error, "%s: %s %" PRIu64 ", byte %" PRIu64, reader->path, what,
                       reader->records + 1, reader->offset);
}

// Reads an object that must be a header.
static bool next_header(struct stream_reader *reader, struct error *error) {
    const enum tokens_status status = next_object(reader, error);
    if (status == TOKENS_MORE) {
        return fail(error, "empty: not a tensor stream");
    }
    if (status == TOKENS_BAD || !parse_object(&reader->parsed, &reader->tokens, error)) {
        return fail_within(error, "not a tensor stream");
    }
    if (reader->parsed.kind != OBJECT_HEADER) {
        return fail(error, "not a tensor stream: it does not start with a header");
    }
    return read_header(reader, error);
}

// After an end mark: nothing, or another stream.
static enum stream_status after_end(struct stream_reader *reader, struct error *error) {
    bool sound = fill(reader, 1, error);
    if (sound && reader->filled == reader->start) {
        return STREAM_END;
    }
    sound = sound && next_header(reader, error);
    if (!sound) {
        (void)place_error(reader, "behind the end mark, record", error);
    }
    return sound ? STREAM_RECORD : STREAM_FAILED;
}

enum stream_status stream_next(struct stream_reader *reader, struct record *record,
                               struct error *error) {
    for (;;) {
        const enum tokens_status status = next_object(reader, error);
        if (status == TOKENS_MORE) {
            (void)fail(error, "the input ends without an end mark");
        }
        if (status != TOKENS_DONE || !parse_object(&reader->parsed, &reader->tokens, error)) {
            (void)place_error(reader, "record", error);
            return STREAM_FAILED;
        }
        if (reader->parsed.kind == OBJECT_RECORD) {
            reader->records++;
            *record = reader->parsed.record;
            consume(reader, true);
            return STREAM_RECORD;
        }
        if (reader->parsed.kind == OBJECT_HEADER) {
            (void)fail(error, "a header before the end mark of the stream before it");
            (void)place_error(reader, "record", error);
            return STREAM_FAILED;
        }
        if (!check_end(reader, error)) {
            (void)place_error(reader, "end mark in place of record", error);
            return STREAM_FAILED;
        }
        const enum stream_status next = after_end(reader, error);
        if (next != STREAM_RECORD) {
            return next;
        }
    }
}

bool stream_pauses(const struct stream_reader *reader) {
    struct pollfd input = {.fd = reader->descriptor, .events = POLLIN};
    return reader->filled == reader->start && !reader->finished && poll(&input, 1, 0) == 0;
}

void stream_drop_lists(struct stream_reader *reader) {
    parse_drop_lists(&reader->parsed, &reader->tokens);
}

// ---- opening and closing

static char *shown_path(const char *path) {
    const size_t length = strlen(path);
    char *shown = NULL;
    if (length <= PATH_SHOWN) {
        return strdup(strcmp(path, "-") == 0 ? "stdin" : path);
    }
    return asprintf(&shown, "...%s", path + length - PATH_SHOWN) < 0 ? NULL : shown;
}

static bool open_input(struct stream_reader *reader, const char *path, bool regular,
                       struct error *error) {
    struct stat status;
    reader->descriptor = strcmp(path, "-") == 0
                             ? STDIN_FILENO
                             : open(path, O_RDONLY | O_CLOEXEC | (regular ? REGULAR : 0));
    if (reader->descriptor < 0 && regular && errno == ELOOP) {
        return fail(error, "%s: a symbolic link, not a regular file", reader->path);
    }
    if (reader->descriptor < 0 || fstat(reader->descriptor, &status) != 0) {
        return fail(error, "%s: %s", reader->path, strerror(errno));
    }
    if (S_ISDIR(status.st_mode)) {
        return fail(error, "%s: is a directory", reader->path);
    }
    if (regular && !S_ISREG(status.st_mode)) {
        return fail(error, "%s: not a regular file", reader->path);
    }
    // A wider pipe costs fewer switches between the two programs; without it all works as well.
    (void)fcntl(reader->descriptor, F_SETPIPE_SZ, PIPE_SIZE);
    return next_header(reader, error) ||
           fail_within(error, "%s: header (record 0), byte %" PRIu64, reader->path, reader->offset);
}

static struct stream_reader *open_stream(const char *path, bool regular, size_t max_record,
                                         struct error *error) {
    struct stream_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL || (reader->path = shown_path(path)) == NULL) {
        free(reader);
        (void)fail(error, "no memory");
        return NULL;
    }
    reader->max_record = max_record;
    reader->digest = digest_new();
    const bool opened = reader->digest != NULL ? open_input(reader, path, regular, error)
                                               : fail(error, "no memory");
    if (!opened) {
        stream_close(reader);
        return NULL;
    }
    return reader;
}

struct stream_reader *stream_open(const char *path, size_t max_record, struct error *error) {
    return open_stream(path, false, max_record, error);
}

struct stream_reader *stream_open_regular(const char *path, size_t max_record,
                                          struct error *error) {
    return open_stream(path, true, max_record, error);
}

void stream_close(struct stream_reader *reader) {
    if (reader == NULL) {
        return;
    }
    if (reader->descriptor > STDIN_FILENO) {
        (void)close(reader->descriptor);
    }
    digest_free(reader->digest);
    tokens_free(&reader->tokens);
    free(reader->buffer);
    free(reader->history_bytes);
    free(reader->path);
    free(reader);
}

struct stream_reader *stream_open_kind(const char *path, const char *kind, size_t max_record,
                                       struct error *error) {
    struct stream_reader *reader = stream_open(path, max_record, error);
    if (reader != NULL && kind != NULL && strcmp(kind, reader->kind) != 0) {
        (void)fail(error, "%s: holds %s, and %s are needed here", reader->path, reader->kind, kind);
        stream_close(reader);
        return NULL;
    }
    return reader;
}

// Ending the program where the stream's own functions return an error.
#include "program/streams/streams.h"

#include "program/die.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct stream_reader *stream_open_or_die(const char *path, const char *kind, size_t max_record) {
    struct error error;
    struct stream_reader *reader = stream_open_kind(path, kind, max_record, &error);
    if (reader == NULL) {
        die("%s", error.text);
    }
    return reader;
}

void stream_look_ahead(const char *path, const char *kind, const char *tensor, size_t max_record) {
    struct record record;
    struct stat status;
    struct error error;
    const struct tensor *found = NULL;
    if (strcmp(path, "-") == 0) {
        return;
    }
    if (stat(path, &status) != 0 || access(path, R_OK) != 0) {
        die("%s: %s", path, strerror(errno));
    }
    if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) {
        return;
    }
    struct stream_reader *reader = stream_open_or_die(path, kind, max_record);
    if (!stream_read(reader, &record)) {
        die("%s: holds no records", path);
    }
    if (!record_tensor(&record, tensor, 2, &found, &error)) {
        stream_die(reader, &error);
    }
    stream_close(reader);
}

bool stream_read(struct stream_reader *reader, struct record *record) {
    struct error error;
    const enum stream_status status = stream_next(reader, record, &error);
    if (status == STREAM_FAILED) {
        die("%s", error.text);
    }
    return status == STREAM_RECORD;
}

void stream_die(struct stream_reader *reader, const struct error *error) {
    die("%s: %s", stream_place(reader), error->text);
}

struct stream_writer *stream_create(struct output *output, const char *kind,
                                    const struct history *history) {
    struct error error;
    struct stream_writer *writer = stream_begin(output_sink(output), kind, history, &error);
    if (writer == NULL) {
        die("%s", error.text);
    }
    return writer;
}

void stream_write(struct stream_writer *writer, const struct record *record) {
    struct error error;
    if (!stream_add(writer, record, &error)) {
        die("%s", error.text);
    }
}

// What a worker does with a path, and how its answer is read.
#include "program/xray_files/header_reader.h"

#include "core/file.h"
#include "program/die.h"
#include "program/workers/workers.h"
#include "program/xray_files/left_out.h"
#include "program/xray_files/xray_decoder.h"

#include <stdlib.h>
#include <string.h>

#define SECONDS 60

struct header_reader {
    struct workers *workers;
};

// A worker's result.
struct described {
    bool readable;
    struct image_header header;
};

// Runs in a worker: a path in, what its header says out.
static bool describe_file(void *context, struct worker_job *work) {
    (void)context;
    struct described described = {.readable = false};
    struct file_view view;
    if (file_view_open(work->job, XRAY_MAX_FILE, &view, &work->message)) {
        described.readable =
            image_describe(view.bytes, view.length, &described.header, &work->message);
        file_view_close(&view);
    } else if (xray_file_known_format(work->job,
                                      &work->message)) { // an archive of gigabytes does not
        return false;
    }
    void *result = worker_job_result(work, sizeof described);
    if (result != NULL) {
        memcpy(result, &described, sizeof described);
    }
    return result != NULL;
}

struct header_reader *header_reader_start(size_t processes) {
    const struct workers_limits limits = {
        .what = "header reader", .seconds = SECONDS, .memory = XRAY_WORKER_MEMORY};
    struct header_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL) {
        die("no memory");
    }
    reader->workers = workers_start(processes, limits, describe_file, reader);
    return reader;
}

bool header_reader_full(const struct header_reader *reader) {
    return workers_full(reader->workers);
}

void header_reader_put(struct header_reader *reader, const char *path) {
    workers_put(reader->workers, path, strlen(path));
}

bool header_reader_take(struct header_reader *reader, struct header_reply *reply) {
    struct workers_reply answer;
    struct described described = {.readable = false};
    if (!workers_take(reader->workers, &answer)) {
        return false;
    }
    const bool whole = answer.succeeded && answer.length == sizeof described;
    if (whole) {
        memcpy(&described, answer.result, sizeof described);
    }
    *reply = (struct header_reply){.readable = described.readable,
                                   .known = !whole || described.header.format[0] != '\0',
                                   .header = described.header,
                                   .message = answer.message};
    return true;
}

void header_reader_stop(struct header_reader *reader) {
    workers_stop(reader->workers);
    free(reader);
}

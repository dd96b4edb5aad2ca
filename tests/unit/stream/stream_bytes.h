// Streams in memory for the tests of lib/stream: written through a pipe, read from a memory file,
// or put together byte by byte.
#ifndef PLEURA_TESTS_STREAM_BYTES_H
#define PLEURA_TESTS_STREAM_BYTES_H

#include "program/streams/streams.h"
#include "stream/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAX_RAW ((size_t)2 << 20) // what goes through write_start must fit into a pipe of 1 MiB

struct raw {
    size_t length;
    unsigned char bytes[MAX_RAW];
};

static inline void raw_add(struct raw *raw, const void *bytes, size_t length) {
    assert_true(length <= MAX_RAW - raw->length);
    memcpy(raw->bytes + raw->length, bytes, length);
    raw->length += length;
}

// For literals, which may hold NUL bytes.
#define RAW(raw, literal) raw_add(raw, literal, sizeof(literal) - 1)

#define RAW_HEADER "\x83\xa6pleura\x01\xa4kind\xa7samples\xa7history\x90"

// The end mark of the stream that starts at byte `start`.
static inline void raw_end(struct raw *raw, size_t start, uint64_t count) {
    unsigned char mark[32] = {0};
    struct digest *digest = digest_new();
    digest_add(digest, raw->bytes + start, raw->length - start);
    raw_add(raw, mark, stream_end_mark(mark, sizeof mark, count, digest_value(digest)));
    digest_free(digest);
}

// ---- writing

struct pipe_writer {
    int ends[2];
    char path[40];
    struct output *output;
    struct stream_writer *writer;
};

static inline void write_start(struct pipe_writer *pipes, const char *kind,
                               const struct history *history) {
    assert_int_equal(pipe2(pipes->ends, O_CLOEXEC), 0);
    (void)snprintf(pipes->path, sizeof pipes->path, "/proc/self/fd/%d", pipes->ends[1]);
    pipes->output = output_open(pipes->path, OUTPUT_BYTES);
    pipes->writer = stream_create(pipes->output, kind, history);
}

// Appends what was written.
static inline void write_end(struct pipe_writer *pipes, struct raw *raw) {
    stream_finish(pipes->writer);
    output_close(pipes->output);
    (void)close(pipes->ends[1]);
    for (ssize_t got = 1; got > 0; raw->length += (size_t)got) {
        got = read(pipes->ends[0], raw->bytes + raw->length, MAX_RAW - raw->length);
        assert_true(got >= 0);
    }
    (void)close(pipes->ends[0]);
}

// ---- reading

static inline int memory_file(void) {
    const int descriptor = memfd_create("stream", MFD_CLOEXEC);
    assert_true(descriptor >= 0);
    return descriptor;
}

// The same as stdin, for readers one after the other: to open it takes longer than to read it.
static inline int memory_stdin(void) {
    const int descriptor = memory_file();
    assert_int_equal(dup2(descriptor, STDIN_FILENO), STDIN_FILENO);
    if (descriptor != STDIN_FILENO) {
        (void)close(descriptor);
    }
    return STDIN_FILENO;
}

// Makes `bytes` the file's content and opens it as a stream.
static inline struct stream_reader *open_bytes(int descriptor, const void *bytes, size_t length,
                                               size_t max_record, struct error *error) {
    char path[40];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    assert_int_equal(pwrite(descriptor, bytes, length, 0), length);
    assert_int_equal(ftruncate(descriptor, (off_t)length), 0);
    if (descriptor == STDIN_FILENO) {
        assert_int_equal(lseek(descriptor, 0, SEEK_SET), 0);
        return stream_open("-", max_record, error);
    }
    return stream_open(path, max_record, error);
}

#endif

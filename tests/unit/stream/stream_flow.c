// stream: concatenation, limits, and input that comes slowly or whole.
#include "program/streams/streams.h"
#include "stream_bytes.h"

#include <pthread.h>

static struct raw *raw_new(void) {
    struct raw *raw = calloc(1, sizeof *raw);
    assert_non_null(raw);
    return raw;
}

// A stream of `count` records, each with one u1 tensor of `size` bytes.
static void add_stream(struct raw *raw, const char *kind, const char *line, size_t count,
                       size_t size) {
    struct pipe_writer pipes;
    struct history history = {.count = 0};
    unsigned char *bytes = calloc(1, size + 1);
    const struct tensor tensor = {
        .type = DTYPE_U1, .rank = 1, .shape = {size}, .data = bytes, .bytes = size};
    const struct field field = {text_of("value"), value_tensor(&tensor)};
    history_add(&history, text_of(line));
    write_start(&pipes, kind, &history);
    for (size_t i = 0; i < count; i++) {
        char id[24];
        (void)snprintf(id, sizeof id, "r%zu", i);
        stream_write(pipes.writer, &(struct record){text_of(id), 1, &field});
    }
    write_end(&pipes, raw);
    free(bytes);
}

// Reads all; returns the number of records, or -1 with *error.
static int count_records(const struct raw *raw, size_t max_record, struct error *error) {
    struct record record;
    enum stream_status status = STREAM_FAILED;
    int count = 0;
    const int file = memory_file();
    struct stream_reader *reader = open_bytes(file, raw->bytes, raw->length, max_record, error);
    while (reader != NULL && (status = stream_next(reader, &record, error)) == STREAM_RECORD) {
        count++;
    }
    stream_close(reader);
    (void)close(file);
    return status == STREAM_END ? count : -1;
}

static void streams_follow_each_other(void **state) {
    (void)state;
    struct raw *raw = raw_new();
    struct error error;
    add_stream(raw, KIND_SAMPLES, "first", 2, 5);
    const size_t first = raw->length;
    add_stream(raw, KIND_SAMPLES, "second", 0, 0);
    add_stream(raw, KIND_SAMPLES, "third", 3, 200000);
    assert_int_equal(count_records(raw, 1 << 20, &error), 5);
    const int file = memory_file();
    struct stream_reader *reader = open_bytes(file, raw->bytes, raw->length, 1 << 20, &error);
    assert_int_equal(stream_history(reader)->count, 1);
    assert_true(text_is(stream_history(reader)->lines[0], "first"));
    static const uint64_t numbers[] = {0, 0, 2, 2, 2}; // the second has no record
    for (size_t i = 0; i < 5; i++) {
        struct record record;
        assert_int_equal(stream_next(reader, &record, &error), STREAM_RECORD);
        assert_int_equal(stream_number(reader), numbers[i]);
    }
    stream_close(reader);
    (void)close(file);

    // What follows an end mark must be a whole stream of the same kind.
    raw->length = first;
    RAW(raw, "\x00");
    assert_int_equal(count_records(raw, 1 << 20, &error), -1);
    assert_non_null(strstr(error.text, "behind the end mark, record 3, byte "));
    raw->length = first;
    RAW(raw, "\x81\xa2id\xa1x");
    assert_int_equal(count_records(raw, 1 << 20, &error), -1);
    assert_non_null(strstr(error.text, "does not start with a header"));
    raw->length = first;
    RAW(raw, RAW_HEADER);
    assert_int_equal(count_records(raw, 1 << 20, &error), -1);
    assert_non_null(strstr(error.text, "without an end mark"));
    raw->length = first;
    add_stream(raw, KIND_WEIGHTS, "other", 1, 1);
    assert_int_equal(count_records(raw, 1 << 20, &error), -1);
    assert_non_null(strstr(error.text, "a stream of weights behind one of samples"));
    free(raw);
}

// A record that is already in the buffer is held against the limit like one that is not.
static void max_record_counts_every_byte(void **state) {
    (void)state;
    struct error error;
    for (size_t size = 1000; size <= 500000; size *= 500) {
        struct record record;
        struct raw *raw = raw_new();
        add_stream(raw, KIND_SAMPLES, "", 1, size);
        const int file = memory_file();
        struct stream_reader *reader = open_bytes(file, raw->bytes, raw->length, 1 << 20, &error);
        assert_int_equal(stream_next(reader, &record, &error), STREAM_RECORD);
        const size_t length = stream_record_length(reader);
        stream_close(reader);
        (void)close(file);
        assert_true(length > size && length < size + 100);
        assert_int_equal(count_records(raw, length, &error), 1);
        assert_int_equal(count_records(raw, length - 1, &error), -1);
        assert_non_null(strstr(error.text, "record 1, byte "));
        assert_non_null(strstr(error.text, "--max-record"));
        free(raw);
    }
}

// A record of `count` fields, or of one list of `items` numbers.
static void add_wide_record(struct raw *raw, size_t count, size_t items) {
    raw->length = 0;
    RAW(raw, RAW_HEADER);
    const unsigned char map[] = {0xde, (unsigned char)((count + 1) >> 8),
                                 (unsigned char)(count + 1)};
    raw_add(raw, map, sizeof map);
    RAW(raw, "\xa2id\xa1x");
    for (size_t i = 0; i < count; i++) {
        char name[24];
        const int used = snprintf(name, sizeof name, "%c%04zu", 0xa4, i);
        raw_add(raw, name, (size_t)used);
        const unsigned char list[] = {0xdd, (unsigned char)(items >> 24),
                                      (unsigned char)(items >> 16), (unsigned char)(items >> 8),
                                      (unsigned char)items};
        raw_add(raw, list, sizeof list);
        for (size_t j = 0; j < items; j++) {
            RAW(raw, "\x01");
        }
    }
    raw_end(raw, 0, 1);
}

static void counts_are_limited(void **state) {
    (void)state;
    struct raw *raw = raw_new();
    struct error error;
    add_wide_record(raw, RECORD_MAX_FIELDS, 1);
    assert_int_equal(count_records(raw, 1 << 20, &error), 1);
    add_wide_record(raw, RECORD_MAX_FIELDS + 1, 1);
    assert_int_equal(count_records(raw, 1 << 20, &error), -1);
    assert_non_null(strstr(error.text, "more than 256 names"));
    add_wide_record(raw, 2, 400000);
    assert_int_equal(count_records(raw, 1 << 20, &error), 1);
    add_wide_record(raw, 3, 350000 - 2);
    assert_int_equal(count_records(raw, 2 << 20, &error), -1);
    assert_non_null(strstr(error.text, "more than 1048576 values in one record"));
    free(raw);
}

static void history_is_limited(void **state) {
    (void)state;
    char lines[HISTORY_MAX + 10][8];
    struct history history = {.count = 0};
    struct raw *raw = raw_new();
    struct error error;
    for (size_t i = 0; i < HISTORY_MAX + 10; i++) {
        (void)snprintf(lines[i], sizeof lines[i], "p %zu", i);
        history_add(&history, text_of(lines[i]));
        history_add(&history, text_of(lines[i / 2]));
    }
    assert_int_equal(history.count, HISTORY_MAX);
    for (size_t count = HISTORY_MAX; count <= HISTORY_MAX + 1; count++) {
        raw->length = 0;
        RAW(raw, "\x83\xa6pleura\x01\xa4kind\xa1x\xa7history\xdc");
        raw_add(raw, (unsigned char[]){(unsigned char)(count >> 8), (unsigned char)count}, 2);
        for (size_t i = 0; i < count; i++) {
            RAW(raw, "\xa1x");
        }
        raw_end(raw, 0, 0);
        assert_int_equal(count_records(raw, 1 << 20, &error), count > HISTORY_MAX ? -1 : 0);
    }
    assert_non_null(strstr(error.text, "history of more than 256 lines"));
    free(raw);
}

// The end of a long path stands in messages, and record and byte still do.
static void long_paths_leave_room(void **state) {
    (void)state;
    char path[4000];
    struct error error;
    memset(path, 'p', sizeof path - 1);
    for (size_t i = 0; i < sizeof path; i += 100) {
        path[i] = '/';
    }
    path[sizeof path - 1] = 0;
    assert_null(stream_open(path, 1 << 20, &error));
    assert_non_null(strstr(error.text, "No such file"));
    assert_null(stream_open("/", 1 << 20, &error));
    assert_string_equal(error.text, "/: is a directory");
}

// ---- pipes

struct feed {
    const struct raw *raw;
    int descriptor;
};

static void *trickle(void *argument) {
    const struct feed *feed = argument;
    for (size_t i = 0; i < feed->raw->length; i++) {
        if (write(feed->descriptor, feed->raw->bytes + i, 1) != 1) {
            break;
        }
    }
    (void)close(feed->descriptor);
    return NULL;
}

static void a_byte_at_a_time_is_enough(void **state) {
    (void)state;
    int ends[2];
    char path[40];
    pthread_t thread;
    struct record record;
    struct error error;
    struct raw *raw = raw_new();
    add_stream(raw, KIND_SAMPLES, "a", 3, 300);
    add_stream(raw, KIND_SAMPLES, "b", 1, 2000);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    struct feed feed = {raw, ends[1]};
    assert_int_equal(pthread_create(&thread, NULL, trickle, &feed), 0);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", ends[0]);
    struct stream_reader *reader = stream_open(path, 1 << 20, &error);
    assert_non_null(reader);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(stream_next(reader, &record, &error), STREAM_RECORD);
        assert_int_equal(record.fields[0].value.tensor->bytes, i < 3 ? 300 : 2000);
    }
    assert_int_equal(stream_next(reader, &record, &error), STREAM_END);
    stream_close(reader);
    assert_int_equal(pthread_join(thread, NULL), 0);
    (void)close(ends[0]);
    free(raw);
}

// Nothing is in the pipe but whole records, and its other end is open: a reader that wants more
// than the record would wait for ever, and the alarm would end the test.
static void a_record_is_there_with_its_last_byte(void **state) {
    (void)state;
    static const char first[] = RAW_HEADER "\x82\xa2id\xa1x\xa1v\xa3"
                                           "abc";
    static const char second[] = "\x81\xa2id\xa1y";
    int ends[2];
    char path[40];
    struct record record;
    struct error error;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    (void)alarm(20);
    assert_int_equal(write(ends[1], first, sizeof first - 1), sizeof first - 1);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", ends[0]);
    struct stream_reader *reader = stream_open(path, 1 << 20, &error);
    assert_non_null(reader);
    assert_int_equal(stream_next(reader, &record, &error), STREAM_RECORD);
    assert_true(text_is(record.id, "x"));
    assert_int_equal(write(ends[1], second, sizeof second - 1), sizeof second - 1);
    assert_int_equal(stream_next(reader, &record, &error), STREAM_RECORD);
    assert_true(text_is(record.id, "y"));
    (void)close(ends[1]);
    assert_int_equal(stream_next(reader, &record, &error), STREAM_FAILED);
    (void)alarm(0);
    stream_close(reader);
    (void)close(ends[0]);
}

// Figures of the reference implementation (xxhsum -H3).
static void digest_is_xxh3(void **state) {
    (void)state;
    unsigned char bytes[5000];
    struct digest *digest = digest_new();
    assert_true(digest_value(digest) == 0x2D06800538D394C2u);
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (unsigned char)(i * 7 + 3);
    }
    for (size_t i = 0; i < sizeof bytes; i += 50) {
        digest_add(digest, bytes + i, 50);
    }
    assert_true(digest_value(digest) == 0x799AADDD7339581Du);
    digest_reset(digest);
    digest_add(digest, "abc", 3);
    assert_true(digest_value(digest) == 0x78AF5F94892F3950u);
    assert_true(digest_of("abc", 3) == 0x78AF5F94892F3950u);
    digest_free(digest);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_follow_each_other),
        cmocka_unit_test(max_record_counts_every_byte),
        cmocka_unit_test(counts_are_limited),
        cmocka_unit_test(history_is_limited),
        cmocka_unit_test(long_paths_leave_room),
        cmocka_unit_test(a_byte_at_a_time_is_enough),
        cmocka_unit_test(a_record_is_there_with_its_last_byte),
        cmocka_unit_test(digest_is_xxh3),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

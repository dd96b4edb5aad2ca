// stream: everything that can be written comes back, and what a stream must not hold is refused
// with the words, the record and the byte.
#include "program/streams/streams.h"
#include "stream_bytes.h"

// ---- round trips

#define SOME_FIELDS 18

// Fills fields with a value of every type, rank and form; `bytes` is data at an odd address.
static size_t fill_fields(struct field *fields, struct tensor *tensors, struct value *values,
                          const unsigned char *bytes) {
    static const char *const names[] = {"u1", "u2", "i4", "i8", "f2", "f4", "f8"};
    size_t count = 0;
    for (size_t type = 0; type < DTYPE_COUNT; type++) {
        tensors[count] = tensor_plane((enum dtype)type, 2, 3, bytes + 1);
        fields[count] = (struct field){text_of(names[type]), value_tensor(&tensors[count])};
        count++;
    }
    tensors[count] = (struct tensor){.type = DTYPE_F4, .data = bytes + 3, .bytes = 4};
    fields[count] = (struct field){text_of("rank 0"), value_tensor(&tensors[count])};
    count++;
    tensors[count] = (struct tensor){
        .type = DTYPE_U1, .rank = 8, .shape = {1, 2, 1, 2, 1, 2, 1, 2}, .data = bytes, .bytes = 16};
    fields[count] = (struct field){text_of("rank 8"), value_tensor(&tensors[count])};
    count++;
    tensors[count] = tensor_plane(DTYPE_F8, 0, 1000, NULL);
    fields[count] = (struct field){text_of("no elements"), value_tensor(&tensors[count])};
    count++;
    values[0] = value_integer(INT64_MIN);
    values[1] = value_number(-0.5);
    values[2] = value_list(NULL, 0);
    values[3] = value_list(values + 5, 2);
    values[4] = value_text(text_of("\xCE\xA9\0x"));
    values[5] = value_text(text_of(""));
    values[6] = value_list(values + 7, 1);
    values[7] = value_integer(-1);
    fields[count++] = (struct field){text_of("list"), value_list(values, 5)};
    fields[count++] = (struct field){text_of("empty list"), value_list(NULL, 0)};
    fields[count++] = (struct field){text_of("text"), value_text((struct text){"a\0b", 3})};
    fields[count++] = (struct field){text_of("no text"), value_text((struct text){NULL, 0})};
    fields[count++] = (struct field){text_of("least"), value_integer(INT64_MIN)};
    fields[count++] =
        (struct field){text_of("unsigned"), {.type = VALUE_UNSIGNED, .natural = UINT64_MAX}};
    fields[count++] = (struct field){text_of("number"), value_number(1e-310)};
    fields[count++] = (struct field){text_of(""), value_integer(127)};
    return count;
}

static void assert_same(const struct value *a, const struct value *b) {
    assert_int_equal(a->type, b->type);
    switch (a->type) {
    case VALUE_TEXT: assert_true(text_equal(a->text, b->text)); break;
    case VALUE_NUMBER: assert_memory_equal(&a->number, &b->number, sizeof a->number); break;
    case VALUE_LIST:
        assert_int_equal(a->list.count, b->list.count);
        for (size_t i = 0; i < a->list.count; i++) {
            assert_same(&a->list.items[i], &b->list.items[i]);
        }
        break;
    case VALUE_TENSOR:
        assert_int_equal(a->tensor->type, b->tensor->type);
        assert_int_equal(a->tensor->rank, b->tensor->rank);
        assert_memory_equal(a->tensor->shape, b->tensor->shape,
                            a->tensor->rank * sizeof *a->tensor->shape);
        assert_int_equal(a->tensor->bytes, b->tensor->bytes);
        assert_true(text_equal((struct text){a->tensor->data, a->tensor->bytes},
                               (struct text){b->tensor->data, b->tensor->bytes}));
        break;
    default: assert_int_equal(a->integer, b->integer); break;
    }
}

static void every_value_comes_back(void **state) {
    (void)state;
    unsigned char bytes[64];
    struct field fields[SOME_FIELDS];
    struct tensor tensors[SOME_FIELDS];
    struct value values[8];
    struct raw *raw = calloc(1, sizeof *raw);
    struct pipe_writer pipes;
    struct history history = {.count = 0};
    struct record record;
    struct error error;
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (unsigned char)(i * 37 + 1);
    }
    const struct record sent = {text_of("id \xF0\x9F\xAB\x81\n"),
                                fill_fields(fields, tensors, values, bytes), fields};
    assert_int_equal(sent.count, SOME_FIELDS);
    history_add(&history, text_of("a 1"));
    history_add(&history, text_of("b 2"));
    history_add(&history, text_of("a 1"));
    write_start(&pipes, KIND_SAMPLES, &history);
    const uint64_t first = stream_offset(pipes.writer);
    stream_write(pipes.writer, &sent);
    const uint64_t second = stream_offset(pipes.writer);
    stream_write(pipes.writer, &(struct record){.count = 0});
    write_end(&pipes, raw);

    const int file = memory_file();
    struct stream_reader *reader = open_bytes(file, raw->bytes, raw->length, 1 << 20, &error);
    assert_non_null(reader);
    assert_string_equal(stream_kind(reader), "samples");
    assert_int_equal(stream_history(reader)->count, 2);
    assert_true(text_is(stream_history(reader)->lines[1], "b 2"));
    assert_int_equal(stream_next(reader, &record, &error), STREAM_RECORD);
    assert_int_equal(stream_record_offset(reader), first);
    assert_int_equal(stream_record_length(reader), second - first);
    assert_true(text_equal(record.id, sent.id));
    assert_int_equal(record.count, sent.count);
    for (size_t i = 0; i < record.count; i++) {
        assert_true(text_equal(record.fields[i].name, sent.fields[i].name));
        assert_same(&record.fields[i].value, &sent.fields[i].value);
    }
    assert_int_equal(stream_next(reader, &record, &error), STREAM_RECORD);
    assert_int_equal(record.count, 0);
    assert_int_equal(record.id.length, 0);
    assert_non_null(strstr(stream_place(reader), ": record 2, byte "));
    assert_int_equal(stream_next(reader, &record, &error), STREAM_END);
    stream_close(reader);
    (void)close(file);
    free(raw);
}

// ---- what record_check refuses, so that it is never written

static void assert_refused(const struct field *fields, size_t count, const char *expected) {
    struct error error = {{0}};
    const struct record record = {text_of("x"), count, fields};
    assert_false(record_check(&record, &error));
    assert_non_null(strstr(error.text, expected));
}

static void no_reader_would_take_it(void **state) {
    (void)state;
    char name[RECORD_MAX_NAME + 1];
    struct value lists[RECORD_MAX_NESTING];
    struct field fields[RECORD_MAX_FIELDS + 1];
    struct tensor tensor = tensor_plane(DTYPE_F4, 1 << 16, 1 << 16, "");
    struct error error;
    memset(name, 'n', sizeof name);
    const struct record id = {.id = {name, sizeof name}};
    assert_false(record_check(&id, &error));
    fields[0] = (struct field){{name, sizeof name}, value_integer(0)};
    assert_refused(fields, 1, "1024 bytes");
    fields[0] = (struct field){text_of("id"), value_integer(0)};
    assert_refused(fields, 1, "'id' twice");
    fields[0] = fields[1] = (struct field){text_of("a"), value_integer(0)};
    assert_refused(fields, 2, "'a' twice");
    fields[0].value = value_text(text_of("\xC3"));
    assert_refused(fields, 1, "'a': a text that is not UTF-8");
    fields[0].value = value_text((struct text){name, (size_t)5 << 30});
    assert_refused(fields, 1, "4 GiB");
    fields[0].value = value_tensor(&tensor);
    assert_refused(fields, 1, "4 GiB");
    tensor.bytes--;
    assert_refused(fields, 1, "does not match its bytes");
    tensor.rank = TENSOR_MAX_RANK + 1;
    assert_refused(fields, 1, "rank above 8");
    lists[0] = value_integer(0);
    for (size_t i = 1; i < RECORD_MAX_NESTING; i++) {
        lists[i] = value_list(&lists[i - 1], 1);
    }
    fields[0].value = lists[RECORD_MAX_NESTING - 1];
    const struct record deepest = {text_of("x"), 1, fields};
    assert_true(record_check(&deepest, &error));
    fields[0].value = value_list(&lists[RECORD_MAX_NESTING - 1], 1);
    assert_refused(fields, 1, "nested too deep");
    fields[0].value = value_list(NULL, RECORD_MAX_VALUES - 3);
    assert_refused(fields, 1, "more than 1048576 values");
    assert_refused(fields, RECORD_MAX_FIELDS + 1, "more than 256 names");
}

// ---- streams put together by hand

#define PASSES NULL // the expected error where there is none

// Reads all of it; the error must hold `expected`, and record and byte.
static void expect(const struct raw *raw, size_t max_record, const char *expected) {
    struct record record;
    struct error error = {{0}};
    enum stream_status status = STREAM_FAILED;
    const int file = memory_file();
    struct stream_reader *reader = open_bytes(file, raw->bytes, raw->length, max_record, &error);
    if (reader != NULL) {
        do {
            status = stream_next(reader, &record, &error);
        } while (status == STREAM_RECORD);
    }
    if (expected == PASSES ? status != STREAM_END : strstr(error.text, expected) == NULL) {
        fail_msg("'%s' in place of '%s'", error.text, expected != PASSES ? expected : "no error");
    }
    if (expected != PASSES) {
        assert_int_equal(status, STREAM_FAILED);
        assert_non_null(strstr(error.text, "record "));
        assert_non_null(strstr(error.text, ", byte "));
    }
    stream_close(reader);
    (void)close(file);
}

struct piece {
    const char *expected;
    const char *bytes;
    size_t length;
};

#define PIECE(expected, literal)                                                                   \
    { expected, literal, sizeof(literal) - 1 }
#define VALUE(expected, literal) PIECE(expected, "\x82\xa2id\xa1x\xa1v" literal)
#define ND "\xc4\x02nd\xc3"
#define TYPE(code) "\xc4\x04type\xa3" code
#define KIND "\xc4\x04kind\xc4\x00"
#define SHAPE(shape) "\xc4\x05shape" shape
#define DATA(data)                                                                                 \
    "\xc4\x04"                                                                                     \
    "data" data
#define TENSOR(expected, type, shape, data)                                                        \
    VALUE(expected, "\x85" ND TYPE(type) KIND SHAPE(shape) DATA(data))
#define BIG "\xcf\x7f\xff\xff\xff\xff\xff\xff\xff"
#define NO_TENSOR "not a tensor"
#define ODD_VALUE "neither tensor, number, text nor list"

// What stands between a header and the end mark that it asks for: a record, or not.
static const struct piece pieces[] = {
    PIECE(PASSES, "\x81\xa2id\xa1x"),
    PIECE(PASSES, "\xdf\x00\x00\x00\x01\xa2id\xdb\x00\x00\x00\x01x"),
    PIECE(PASSES, "\x82\xa1v\xd3\x00\x00\x00\x00\x00\x00\x00\x01\xa2id\xa1x"),
    VALUE(PASSES, "\xcf\xff\xff\xff\xff\xff\xff\xff\xff"),
    VALUE(PASSES, "\xca\x3f\x80\x00\x00"),
    VALUE(PASSES, "\x91\x91\x91\x91\x91\x91\x90"),
    VALUE("nested too deep", "\x91\x91\x91\x91\x91\x91\x91\x90"),
    VALUE("more than 1048576 values", "\xdd\xff\xff\xff\xff"),
    VALUE("more than 1048576 values", "\xdf\xff\xff\xff\xff"),
    VALUE("ends in the middle", "\xdd\x00\x0f\xff\x00"),
    VALUE("--max-record", "\xc6\xff\xff\xff\xff"),
    VALUE("--max-record", "\xdb\xff\xff\xff\xff"),
    VALUE("ends in the middle", "\xc6\x00\x0f\xf0\x00"),
    VALUE(ODD_VALUE, "\xc0"),
    VALUE(ODD_VALUE, "\xc2"),
    VALUE(ODD_VALUE, "\xc4\x01x"),
    VALUE("extension", "\xd4\x01x"),
    VALUE("extension", "\xc9\xff\xff\xff\xff"),
    VALUE("not msgpack", "\xc1"),
    VALUE("not UTF-8", "\xa1\xff"),
    VALUE("not UTF-8", "\xa2\xc0\x80"),
    VALUE("not UTF-8", "\xa3\xed\xa0\x80"),
    VALUE("not UTF-8", "\xa4\xf4\x90\x80\x80"),
    VALUE("not UTF-8", "\x91\xaa"
                       "01234567\xe2\x82"),
    PIECE("not UTF-8", "\x81\xa2id\xa1\xff"),
    PIECE("not UTF-8", "\x82\xa2id\xa1x\xa1\xff\x01"),
    PIECE("not a map", "\x92\xa2id\xa1x"),
    PIECE("not a map", "\x07"),
    PIECE("no record", "\x80"),
    PIECE("no record", "\x81\xa1x\x01"),
    PIECE("'id' twice", "\x82\xa2id\xa1x\xa2id\xa1x"),
    PIECE("not a text", "\x81\xa2id\x01"),
    PIECE("not a text", "\x82\xa2id\xa1x\xc4\x01v\x01"),
    PIECE("'v' twice", "\x83\xa2id\xa1x\xa1v\x01\xa1v\x02"),
    PIECE("a header before the end", RAW_HEADER),
    PIECE("does not count 0 records", "\x82\xa3"
                                      "end\x01\xa4xxh3\x01"),
    PIECE("does not match the bytes", "\x82\xa3"
                                      "end\x00\xa4xxh3\x01"),
    PIECE("does not match the bytes", "\x81\xa3"
                                      "end\x00"),
    TENSOR(PASSES, "|u1", "\x92\x01\x02", "\xc4\x02xy"),
    TENSOR(PASSES, "<f8", "\x92\x00\xce\x7f\xff\xff\xff", "\xc4\x00"),
    VALUE(PASSES, "\x85\xa4"
                  "data\xc4\x01x\xa5shape\x90\xa4kind\xa0\xa4type\xa3|u1\xa2nd\xc3"),
    VALUE(NO_TENSOR, "\x80"),
    VALUE(NO_TENSOR, "\x81\xa1x\x01"),
    VALUE(NO_TENSOR, "\x84" ND TYPE("|u1") SHAPE("\x90") DATA("\xc4\x01x")),
    VALUE(NO_TENSOR, "\x85" ND ND TYPE("|u1") SHAPE("\x90") DATA("\xc4\x01x")),
    VALUE(NO_TENSOR, "\x86" ND ND TYPE("|u1") KIND SHAPE("\x90") DATA("\xc4\x01x")),
    VALUE("nd is not true", "\x85\xc4\x02nd\xc2" TYPE("|u1") KIND SHAPE("\x90") DATA("\xc4\x01x")),
    VALUE("nd is not true",
          "\x85\xc4\x02nd\xc3" TYPE("|u1") "\xa4kind\xa1x" SHAPE("\x90") DATA("\xc4\x01x")),
    TENSOR("data not bytes", "|u1", "\x91\x01", "\xa1x"),
    TENSOR("none of |u1", ">f4", "\x91\x00", "\xc4\x00"),
    TENSOR("none of |u1", "|b1", "\x91\x00", "\xc4\x00"),
    TENSOR("at most 8 numbers", "|u1", "\x99\x01\x01\x01\x01\x01\x01\x01\x01\x01", "\xc4\x01x"),
    TENSOR("at most 8 numbers", "|u1", "\x01", "\xc4\x01x"),
    TENSOR("negative", "|u1", "\x91\xff", "\xc4\x00"),
    TENSOR("negative", "|u1", "\x92\xff\xff", "\xc4\x01x"),
    TENSOR("no whole number", "|u1", "\x91\xa1x", "\xc4\x01x"),
    TENSOR("no whole number", "|u1", "\x91\xcf\xff\xff\xff\xff\xff\xff\xff\xff", "\xc4\x01x"),
    TENSOR("too large for any memory", "|u1", "\x92" BIG "\x04", "\xc4\x01x"),
    TENSOR("too large for any memory", "<f8", "\x91\xcf\x20\x00\x00\x00\x00\x00\x00\x01",
           "\xc4\x08"
           "01234567"),
    TENSOR("too large for any memory", "|u1", "\x93\x00" BIG BIG, "\xc4\x00"),
    TENSOR("does not match its bytes", "<u2", "\x91\x02", "\xc4\x03xyz"),
    TENSOR("does not match its bytes", "|u1", "\x91\x00", "\xc4\x01x"),
    VALUE("a map in a list", "\x91\x85" ND TYPE("|u1") KIND SHAPE("\x90") DATA("\xc4\x01x")),
};

static void records_follow_the_rules(void **state) {
    (void)state;
    struct raw *raw = calloc(1, sizeof *raw);
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        raw->length = 0;
        RAW(raw, RAW_HEADER);
        raw_add(raw, pieces[i].bytes, pieces[i].length);
        raw_end(raw, 0, 1);
        expect(raw, 1 << 20, pieces[i].expected);
    }
    free(raw);
}

#define HEADER(expected, version, kind, history)                                                   \
    PIECE(expected, "\x83\xa6pleura" version "\xa4kind" kind "\xa7history" history)

static const struct piece headers[] = {
    HEADER(PASSES, "\x01", "\xa1x", "\x90"),
    HEADER(PASSES, "\x01",
           "\xbf"
           "abcdefghijklmnopqrstuvwxyz-abcd",
           "\x92\xa1"
           "a\xa1"
           "b"),
    HEADER("version that is not 1", "\x02", "\xa1x", "\x90"),
    HEADER("version that is not 1",
           "\xa1"
           "1",
           "\xa1x", "\x90"),
    HEADER("a header that is not", "\x01", "\xa0", "\x90"),
    HEADER("a header that is not", "\x01", "\xa1X", "\x90"),
    HEADER("a header that is not", "\x01", "\xa2x\x00", "\x90"),
    HEADER("a header that is not", "\x01", "\x01", "\x90"),
    HEADER("a header that is not", "\x01",
           "\xd9\x20"
           "abcdefghijklmnopqrstuvwxyz-abcde",
           "\x90"),
    HEADER("a header that is not", "\x01", "\xa1x", "\xa1x"),
    HEADER("not a list of texts", "\x01", "\xa1x", "\x91\x01"),
    PIECE("a header that is not", "\x82\xa6pleura\x01\xa7history\x90"),
    PIECE("a header that is not", "\x84\xa6pleura\x01\xa4kind\xa1x\xa7history\x90\xa1x\x01"),
    PIECE("does not start with a header", "\x81\xa2id\xa1x"),
    PIECE("does not start with a header", ""),
    PIECE("not a tensor stream", "ImageId,EncodedPixels\n"),
    PIECE("not a tensor stream", "\xc1"),
};

static void headers_follow_the_rules(void **state) {
    (void)state;
    struct raw *raw = calloc(1, sizeof *raw);
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        raw->length = 0;
        raw_add(raw, headers[i].bytes, headers[i].length);
        raw_end(raw, 0, 0);
        expect(raw, 1 << 20, headers[i].expected);
    }
    raw->length = 0;
    expect(raw, 1 << 20, "empty: not a tensor stream");
    free(raw);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_comes_back),
        cmocka_unit_test(no_reader_would_take_it),
        cmocka_unit_test(records_follow_the_rules),
        cmocka_unit_test(headers_follow_the_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

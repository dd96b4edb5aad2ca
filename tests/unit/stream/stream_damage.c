// stream: a copy that is cut anywhere or has any byte changed is refused; and whatever the bytes,
// reading ends in an error or in a stream that writes and reads the same again.
#include "program/streams/streams.h"
#include "stream_bytes.h"

#include "core/numbers/random.h"

#define MUTATIONS 200000
#define SMALL 1200 // bytes of a stream that is mutated, at most

// Two streams with something of everything in them, in few bytes.
static void add_everything(struct raw *raw) {
    struct pipe_writer pipes;
    struct history history = {.count = 0};
    const unsigned char bytes[24] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    const struct tensor tensors[] = {
        tensor_plane(DTYPE_U1, 3, 5, bytes),
        tensor_plane(DTYPE_F8, 1, 2, bytes),
        {.type = DTYPE_F2, .data = bytes, .bytes = 2},
        tensor_plane(DTYPE_I4, 0, 300, NULL),
    };
    const struct value inner[] = {value_number(0.1), value_list(NULL, 0)};
    const struct value items[] = {value_text(text_of("12 3 40 5")), value_integer(-70000),
                                  value_list(inner, 2)};
    const struct field fields[] = {
        {text_of("image"), value_tensor(&tensors[0])}, {text_of("f8"), value_tensor(&tensors[1])},
        {text_of("f2"), value_tensor(&tensors[2])},    {text_of("none"), value_tensor(&tensors[3])},
        {text_of("rle"), value_list(items, 3)},        {text_of("n"), value_integer(300)},
    };
    history_add(&history, text_of("decode 0.1.0"));
    write_start(&pipes, KIND_SAMPLES, &history);
    stream_write(pipes.writer, &(struct record){text_of("\xCE\xA9"), 6, fields});
    stream_write(pipes.writer, &(struct record){text_of("b"), 0, NULL});
    stream_write(pipes.writer, &(struct record){text_of("c"), 2, fields + 4});
    write_end(&pipes, raw);
}

// Touches every byte that a record points to.
static uint64_t sum_of(const struct value *value) {
    uint64_t sum = value->type == VALUE_INTEGER ? value->natural : 0;
    const struct text text = value->type == VALUE_TEXT ? value->text
                             : value->type == VALUE_TENSOR
                                 ? (struct text){value->tensor->data, value->tensor->bytes}
                                 : text_of("");
    for (size_t i = 0; i < text.length; i++) {
        sum += (unsigned char)text.bytes[i];
    }
    for (size_t i = 0; value->type == VALUE_LIST && i < value->list.count; i++) {
        sum += sum_of(&value->list.items[i]);
    }
    return sum;
}

// Reads all; false with *error, or true with *sum.
static bool read_all(int file, const unsigned char *bytes, size_t length, uint64_t *sum,
                     struct error *error) {
    struct record record;
    enum stream_status status = STREAM_FAILED;
    struct stream_reader *reader = open_bytes(file, bytes, length, 1 << 20, error);
    *sum = 0;
    while (reader != NULL && (status = stream_next(reader, &record, error)) == STREAM_RECORD) {
        for (size_t i = 0; i < record.count; i++) {
            *sum += record.fields[i].name.length + sum_of(&record.fields[i].value);
        }
    }
    stream_close(reader);
    return status == STREAM_END;
}

static void assert_named(const struct error *error) {
    assert_non_null(strstr(error->text, "record "));
    assert_non_null(strstr(error->text, ", byte "));
}

static void every_cut_is_refused(void **state) {
    (void)state;
    struct raw *raw = calloc(1, sizeof *raw);
    struct error error;
    uint64_t sum;
    const int file = memory_stdin();
    add_everything(raw);
    for (size_t length = 0; length < raw->length; length++) {
        assert_false(read_all(file, raw->bytes, length, &sum, &error));
        assert_named(&error);
    }
    assert_true(read_all(file, raw->bytes, raw->length, &sum, &error));
    free(raw);
}

static void every_changed_byte_is_refused(void **state) {
    (void)state;
    struct raw *raw = calloc(1, sizeof *raw);
    struct error error;
    uint64_t sum;
    const int file = memory_stdin();
    add_everything(raw);
    for (size_t i = 0; i < raw->length; i++) {
        for (int change = 1; change < 256; change++) {
            raw->bytes[i] = (unsigned char)(raw->bytes[i] ^ change);
            assert_false(read_all(file, raw->bytes, raw->length, &sum, &error));
            assert_named(&error);
            raw->bytes[i] = (unsigned char)(raw->bytes[i] ^ change);
        }
    }
    free(raw);
}

// ---- mutations

static size_t pick(struct random *random, size_t bound) {
    return (size_t)random_below(random, bound);
}

// Writes a length as msgpack has it, of one to four bytes, small, or as large as can be.
static void inflate(struct random *random, unsigned char *bytes, size_t length) {
    static const unsigned char codes[] = {0xc4, 0xc5, 0xc6, 0xd9, 0xda, 0xdb,
                                          0xdc, 0xdd, 0xde, 0xdf, 0xc9, 0xcf};
    size_t offset = pick(random, length);
    bytes[offset++] = codes[pick(random, sizeof codes)];
    for (size_t more = pick(random, 5); more > 0 && offset < length; more--) {
        bytes[offset++] = pick(random, 2) ? 0xff : (unsigned char)pick(random, 3);
    }
}

// Moves a part of the stream over, or in front of, another.
static size_t join_parts(struct random *random, unsigned char *bytes, size_t length) {
    unsigned char part[SMALL];
    const size_t size = 1 + pick(random, length < 64 ? length : 64);
    const size_t from = pick(random, length - size + 1);
    const size_t to = pick(random, length - size + 1);
    memcpy(part, bytes + from, size);
    if (pick(random, 2) || length + size > SMALL) {
        memcpy(bytes + to, part, size);
        return length;
    }
    memmove(bytes + to + size, bytes + to, length - to);
    memcpy(bytes + to, part, size);
    return length + size;
}

static size_t mutate(struct random *random, unsigned char *bytes, size_t length) {
    for (size_t times = 1 + pick(random, 4); times > 0 && length > 0; times--) {
        switch (pick(random, 6)) {
        case 0: bytes[pick(random, length)] ^= (unsigned char)(1 << pick(random, 8)); break;
        case 1: bytes[pick(random, length)] = (unsigned char)pick(random, 256); break;
        case 2: length = pick(random, length); break;
        case 3: length = join_parts(random, bytes, length); break;
        case 4: inflate(random, bytes, length); break;
        default: { // a part is left out
            const size_t size = 1 + pick(random, length < 8 ? length : 8);
            const size_t offset = pick(random, length - size + 1);
            memmove(bytes + offset, bytes + offset + size, length - offset - size);
            length -= size;
        }
        }
    }
    return length;
}

// Copies a stream through reader and writer.
static void copy_stream(int file, const unsigned char *bytes, size_t length, struct raw *copy) {
    struct pipe_writer pipes;
    struct record record;
    struct error error;
    struct stream_reader *reader = open_bytes(file, bytes, length, 1 << 20, &error);
    copy->length = 0;
    write_start(&pipes, stream_kind(reader), stream_history(reader));
    while (stream_next(reader, &record, &error) == STREAM_RECORD) {
        stream_write(pipes.writer, &record);
    }
    write_end(&pipes, copy);
    stream_close(reader);
}

// Half of the mutations touch what lies before the end mark only and get an end mark that is right,
// so that nothing but the parser stands between them and the program.
static void mutations_end_in_an_error_or_in_a_stream(void **state) {
    (void)state;
    struct raw *raw = calloc(1, sizeof *raw);
    struct raw *mutant = calloc(1, sizeof *mutant);
    struct raw *copy = calloc(1, sizeof *copy);
    struct random random = random_seed(1, 2, 3);
    struct error error;
    uint64_t sum;
    uint64_t sum_of_copy;
    size_t accepted = 0;
    const int file = memory_stdin();
    add_everything(raw);
    const size_t end = raw->length - stream_end_mark((unsigned char[32]){0}, 32, 3, UINT64_MAX);
    assert_memory_equal(raw->bytes + end,
                        "\x82\xa3"
                        "end\x03",
                        6);
    for (int i = 0; i < MUTATIONS; i++) {
        const bool mended = i % 2 == 0;
        const size_t length = mended ? end : raw->length;
        memcpy(mutant->bytes, raw->bytes, length);
        mutant->length = mutate(&random, mutant->bytes, length);
        if (mended) {
            raw_end(mutant, 0, 1 + pick(&random, 3));
        }
        if (!read_all(file, mutant->bytes, mutant->length, &sum, &error)) {
            assert_named(&error);
            continue;
        }
        accepted++;
        copy_stream(file, mutant->bytes, mutant->length, copy);
        assert_true(read_all(file, copy->bytes, copy->length, &sum_of_copy, &error));
        assert_int_equal(sum, sum_of_copy);
    }
    assert_true(accepted > MUTATIONS / 1000);
    free(raw);
    free(mutant);
    free(copy);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cut_is_refused),
        cmocka_unit_test(every_changed_byte_is_refused),
        cmocka_unit_test(mutations_end_in_an_error_or_in_a_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

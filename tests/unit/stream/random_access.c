// Records by their place in a file, and copies of records.
#include "stream/random_access.h"

#include "program/streams/streams.h"
#include "stream/digest.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define RECORDS 5

struct file {
    char path[64];
    int descriptor;
    uint64_t offsets[RECORDS + 1]; // of the records, and of the end mark
};

static struct text id_of(int number) {
    static const char *const ids[RECORDS] = {"a", "bb", "c c", "d", "e"};
    return text_of(ids[number]);
}

static int make_file(void **state) {
    static struct file file;
    const char *folder = getenv("TMPDIR");
    (void)snprintf(file.path, sizeof file.path, "%.40s/pleura-XXXXXX", folder ? folder : "/tmp");
    (void)close(mkstemp(file.path));
    struct output *output = output_open(file.path, OUTPUT_BYTES);
    const struct history history = {0};
    struct stream_writer *writer = stream_create(output, KIND_SAMPLES, &history);
    for (int i = 0; i < RECORDS; i++) {
        const unsigned char bytes[3] = {(unsigned char)i, 2, 3};
        const struct tensor tensor = tensor_plane(DTYPE_U1, 1, 3, bytes);
        const struct value inner[] = {value_number(0.5), value_text(text_of("deep"))};
        const struct value outer[] = {value_list(inner, 2), value_text(text_of("")),
                                      value_list(NULL, 0)};
        const struct field fields[] = {{text_of("image"), value_tensor(&tensor)},
                                       {text_of("list"), value_list(outer, 3)},
                                       {text_of("n"), value_integer(-i)}};
        const struct record record = {id_of(i), 3, fields};
        file.offsets[i] = stream_offset(writer);
        stream_write(writer, &record);
    }
    file.offsets[RECORDS] = stream_offset(writer);
    stream_finish(writer);
    output_close(output);
    file.descriptor = open(file.path, O_RDONLY);
    *state = &file;
    return file.descriptor < 0;
}

static int remove_file(void **state) {
    const struct file *file = *state;
    (void)close(file->descriptor);
    return unlink(file->path);
}

static void check_record(const struct record *record, int number) {
    const struct tensor *tensor = NULL;
    struct error error = {{0}};
    assert_true(text_equal(record->id, id_of(number)));
    assert_int_equal(record->count, 3);
    assert_true(record_tensor(record, "image", 2, &tensor, &error));
    assert_int_equal(*(const unsigned char *)tensor->data, number);
    assert_int_equal(tensor->shape[1], 3);
    const struct list list = record_find(record, "list")->list;
    assert_int_equal(list.count, 3);
    assert_true(list.items[0].list.items[0].number == 0.5);
    assert_true(text_is(list.items[0].list.items[1].text, "deep"));
    assert_int_equal(list.items[1].text.length, 0);
    assert_int_equal(list.items[2].list.count, 0);
    assert_int_equal(record_find(record, "n")->integer, -number);
}

static uint64_t digest_at(const struct file *file, uint64_t offset, uint64_t length) {
    unsigned char bytes[1024] = {0};
    const ssize_t got = length <= sizeof bytes && offset < INT64_MAX
                            ? pread(file->descriptor, bytes, length, (off_t)offset)
                            : 0;
    return digest_of(bytes, got > 0 ? (size_t)got : 0);
}

// The place of a record, with the digest of whatever lies there.
static struct record_location location_of(const struct file *file, int number) {
    const uint64_t offset = file->offsets[number];
    const uint64_t length = file->offsets[number + 1] - offset;
    return (struct record_location){offset, length, digest_at(file, offset, length), id_of(number)};
}

static void test_any_order(void **state) {
    const struct file *file = *state;
    static struct loaded_record loaded;
    struct error error = {{0}};
    const int order[] = {4, 0, 2, 2, 1, 3};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        const int number = order[i];
        const struct record_location location = location_of(file, number);
        assert_true(record_read_at(&loaded, file->descriptor, &location, &error));
        check_record(&loaded.record, number);
    }
    loaded_record_free(&loaded);
}

static void test_copy(void **state) {
    const struct file *file = *state;
    static struct loaded_record loaded;
    static struct loaded_record copy;
    struct error error = {{0}};
    for (int number = 0; number < 2; number++) {
        const struct record_location location = location_of(file, number);
        assert_true(record_read_at(&loaded, file->descriptor, &location, &error));
        assert_true(record_copy(&copy, &loaded.record, &error));
        memset(loaded.bytes, 0xFF, loaded.capacity);
        loaded_record_free(&loaded);
        check_record(&copy.record, number);
    }
    loaded_record_free(&copy);
}

// Where nothing has to be kept but an empty list, that list still has a place.
static void test_copy_of_an_empty_list(void **state) {
    (void)state;
    static struct loaded_record copy;
    struct error error = {{0}};
    const struct field field = {text_of("rle"), value_list(NULL, 0)};
    assert_true(record_copy(&copy, &(struct record){text_of("a"), 1, &field}, &error));
    const struct value *value = record_find(&copy.record, "rle");
    assert_non_null(value);
    assert_int_equal(value->list.count, 0);
    assert_non_null(value->list.items);
    loaded_record_free(&copy);
}

static void refuse(const struct file *file, uint64_t offset, uint64_t length, const char *id,
                   const char *why) {
    static struct loaded_record loaded;
    struct error error = {{0}};
    const struct record_location location = {offset, length, digest_at(file, offset, length),
                                             text_of(id)};
    assert_false(record_read_at(&loaded, file->descriptor, &location, &error));
    if (strstr(error.text, why) == NULL) {
        fail_msg("'%s' is not in '%s'", why, error.text);
    }
    loaded_record_free(&loaded);
}

static void test_wrong_locations(void **state) {
    const struct file *file = *state;
    const uint64_t *offset = file->offsets;
    const uint64_t length = offset[1] - offset[0];
    refuse(file, offset[0], length, "b", "not the record of 'b'");
    refuse(file, offset[1], offset[2] - offset[1], "a", "not the record of 'a'");
    refuse(file, offset[0], length - 1, "a", "not one of");
    refuse(file, offset[0], offset[2] - offset[0], "a", "not one of");
    refuse(file, offset[0] + 1, length, "a", "");
    refuse(file, 0, offset[0], "a", "not the record of 'a'"); // the header
    refuse(file, offset[0], UINT64_MAX, "a", "beyond its end");
    refuse(file, offset[0], (uint64_t)1 << 50, "a", "beyond its end");
    refuse(file, UINT64_MAX - 1, 5, "a", "beyond its end");
    refuse(file, offset[0], 0, "a", "not one of");
}

// One bit of a digest, or of any byte of the record, is not what it was.
static void test_damage(void **state) {
    const struct file *file = *state;
    static struct loaded_record loaded;
    const int descriptor = open(file->path, O_RDWR);
    struct error error = {{0}};
    for (int bit = 0; bit < 64; bit++) {
        struct record_location location = location_of(file, 1);
        location.digest ^= (uint64_t)1 << bit;
        assert_false(record_read_at(&loaded, descriptor, &location, &error));
        assert_string_equal(error.text,
                            "damaged: the hash (xxh3) does not match the bytes of 'bb'");
    }
    const struct record_location location = location_of(file, 1);
    for (uint64_t i = 0; i < 8 * location.length; i++) {
        unsigned char byte = 0;
        const off_t offset = (off_t)(location.offset + i / 8);
        assert_int_equal(pread(descriptor, &byte, 1, offset), 1);
        const unsigned char other = (unsigned char)(byte ^ (1U << (i % 8)));
        assert_int_equal(pwrite(descriptor, &other, 1, offset), 1);
        assert_false(record_read_at(&loaded, descriptor, &location, &error));
        assert_string_equal(error.text,
                            "damaged: the hash (xxh3) does not match the bytes of 'bb'");
        assert_int_equal(pwrite(descriptor, &byte, 1, offset), 1);
    }
    assert_true(record_read_at(&loaded, descriptor, &location, &error));
    check_record(&loaded.record, 1);
    loaded_record_free(&loaded);
    (void)close(descriptor);
}

static void test_end_mark(void **state) {
    const struct file *file = *state;
    struct error error = {{0}};
    uint64_t hash = 0;
    assert_true(stream_end_mark_read_at(file->descriptor, file->offsets[RECORDS], &hash, &error));
    assert_true(hash != 0);
    assert_false(stream_end_mark_read_at(file->descriptor, file->offsets[0], &hash, &error));
    assert_false(stream_end_mark_read_at(file->descriptor, UINT64_MAX, &hash, &error));
    assert_false(stream_end_mark_read_at(file->descriptor, 1 << 20, &hash, &error));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_order),
        cmocka_unit_test(test_copy),
        cmocka_unit_test(test_copy_of_an_empty_list),
        cmocka_unit_test(test_wrong_locations),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_end_mark),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}

// Pickles as programs: what is built is read, what is called is not run, what is damaged is
// refused.
#include "weights/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// cmocka, which calls a macro of its own `fail`, comes behind our headers.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

// Bytes that hold NULs.
struct bytes {
    const char *bytes;
    size_t length;
};
#define BYTES(literal)                                                                             \
    { literal, sizeof(literal) - 1 }

// A file of PyTorch's older form, in which nothing has to be right before the machine runs the
// program. The storage '0' has the numbers 1, 2, 3.
static bool read_program(struct bytes program, struct weight_table *table, struct error *error) {
    static const char start[] =
        "\x80\x02\x8A\x0A\x6C\xFC\x9C\x46\xF9\x20\x6A\xA8\x50\x19.M\xE9\x03.}.";
    static const char end[] = "](U\x01"
                              "0e.\3\0\0\0\0\0\0\0\0\0\x80?\0\0\0@\0\0@@";
    const size_t length = sizeof start - 1 + program.length + sizeof end - 1;
    unsigned char *file = malloc(length);
    assert_non_null(file);
    memcpy(file, start, sizeof start - 1);
    memcpy(file + sizeof start - 1, program.bytes, program.length);
    memcpy(file + length - (sizeof end - 1), end, sizeof end - 1);
    const bool read = weights_read_bytes(file, length, table, error);
    free(file);
    return read;
}

// The storage, a tensor of its numbers from OFFSET on, COUNT of them (one byte each).
#define STORAGE                                                                                    \
    "(U\x07storagectorch\nFloatStorage\nU\x01"                                                     \
    "0U\x03"                                                                                       \
    "cpuK\x03NtQ"
#define TENSOR_OF(storage, offset, count)                                                          \
    "ctorch._utils\n_rebuild_tensor_v2\n(" storage "K" offset "K" count "\x85K\x01\x85\x89}tR"
#define TENSOR TENSOR_OF(STORAGE, "\x00", "\x03")

// A dict of the tensor `a` and of something as `b`.
#define BESIDE(something)                                                                          \
    {                                                                                              \
        BYTES("}(U\x01"                                                                            \
              "a" TENSOR "U\x01"                                                                   \
              "b" something "u.")                                                                  \
    }

// In all of them `b` is left out.
static const struct {
    struct bytes program;
} opaque[] = {
    BESIDE("N"),
    BESIDE("cos\nsystem\n(U\x02idtR"), // called
    BESIDE("(U\x02idios\nsystem\n"),
    BESIDE("(cos\nsystem\nU\x02ido"),
    BESIDE("\x8c\x02os\x8c\x06system\x93)R"),
    BESIDE("cos\nsystem\nU\x02id\x85\x81"), // made
    BESIDE("cos\nsystem\n)}\x92"),
    BESIDE("cm\nC\n)\x81}U\x01xK\x01sb"), // with a state, with items
    BESIDE("cm\nC\n)\x81(K\x01K\x02"
           "e"),
    BESIDE("cm\nC\n)\x81K\x01K\x02s"),
    BESIDE("cm\nC\n)R)R"),         // what it gives, called
    BESIDE("\x8f(K\x01K\x02\x90"), // sets
    BESIDE("(K\x01\x91"),
    BESIDE("\x82\x07"), // registered with Python
    BESIDE("\x83\x07\x01"),
    BESIDE("\x84\x07\x01\x01\x01"),
    BESIDE("Pname\n"), // references
    BESIDE("U\x04nameQ"),
    BESIDE("F1.5\n"), // numbers and texts
    BESIDE("L12345678901234567890123L\n"),
    BESIDE("I01\n"),
    BESIDE("S'text'\n"),
    BESIDE("Vtext\n"),
    BESIDE("\x96\x02\0\0\0\0\0\0\0xy"),
    BESIDE("(K\x01K\x02"
           "1N"), // the stack and the memo
    BESIDE("N2"
           "0"),
    BESIDE("(dp8\n0g8\n"),
    BESIDE("(K\x01l"),
    // The pairs of an OrderedDict, as Python 2 gives them.
    {BYTES("ccollections\nOrderedDict\n](](U\x01"
           "a" TENSOR "e](U\x01"
           "bNee\x85R.")},
    BESIDE("cm\nf\n" TENSOR "\x85R"), // a tensor within a call is the call's
    BESIDE(TENSOR "(K\x01tb"),        // one that is given a state may be another then
};

static void what_is_not_understood_is_opaque(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof opaque / sizeof *opaque; i++) {
        struct weight_table table = {.count = 0};
        struct error error = {""};
        if (!read_program(opaque[i].program, &table, &error)) {
            fail_msg("program %zu: %s", i, error.text);
        }
        assert_int_equal(table.count, 1);
        const struct weight *weight = weight_table_find(&table, "a");
        assert_non_null(weight);
        assert_int_equal(weight->count, 3);
        assert_true(weight->values[0] == 1 && weight->values[1] == 2 && weight->values[2] == 3);
        assert_int_equal(table.note_count, 1);
        assert_ptr_equal(strstr(table.notes[0], "left out: 'b' ("), table.notes[0]);
        weight_table_free(&table);
    }
}

static void what_is_wrong_is_refused(void **state) {
    static const struct {
        struct bytes program;
        const char *says;
    } hostile[] = {
        {BYTES("ctorch._utils\n_rebuild_tensor_v2\n)R."), "without storage"},
        {BYTES(TENSOR_OF(STORAGE, "\x00", "\x04") "."), "beyond its storage"},
        {BYTES(TENSOR_OF(STORAGE, "\x01", "\x03") "."), "beyond its storage"},
        {BYTES("ctorch\nFloatStorage\n)R."), "an object of torch.FloatStorage"},
        {BYTES("(iposix\nsystem\n."), "an object of posix.system"},
        {BYTES("cos\nsystem\n(X\x02\0\0\0idtR."), "an object of os.system"},
        {BYTES("}}b."), "a dict without names"},
        {BYTES("\x97."), "outside of the file"},
        {BYTES("N\x98."), "outside of the file"},
        {BYTES("X\xff\xff\xff\x7f"), "cut short"},
        {BYTES("\x8E\xff\xff\xff\xff\xff\xff\xff\xff"), "cut short"},
        {BYTES("h\x05."), "never remembered"},
        {BYTES("Nr\xff\xff\xff\x7f"), "remembers"},
        {BYTES("Np-1\n."), "remembers"},
        {BYTES("0"), "not there"},
        {BYTES("1"), "not there"},
        {BYTES("tR"), "not there"},
        {BYTES("(R"), "not there"},
        {BYTES("Q"), "not there"},
        {BYTES("(2"), "not there"},
        {BYTES("(o"), "not there"},
        {BYTES("(."), "not there"},
        {BYTES("}Na."), "neither list nor dict"},
        {BYTES("]NNs."), "neither list nor dict"},
        {BYTES(")Na."), "neither list nor dict"},
        {BYTES("}(Nu."), "a key without a value"},
        {BYTES("NNR."), "calls"},
        {BYTES("K\x01)R."), "calls what is no function"},
        {BYTES("K\x01K\x02\x93."), "by what is no text"},
        {BYTES("\xEE"), "has 0xEE where an instruction should be"},
        {BYTES("ccollections\nOrderedDict\n](Ne\x85R."), "no pairs"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        struct weight_table table = {.count = 0};
        struct error error = {""};
        if (read_program(hostile[i].program, &table, &error)) {
            fail_msg("program %zu is read", i);
        }
        if (strstr(error.text, hostile[i].says) == NULL) {
            fail_msg("program %zu: %s", i, error.text);
        }
        weight_table_free(&table);
    }
}

// The same name at two tensors; a storage that the file lacks; names that no checkpoint can have.
static void tensors_that_cannot_be_are_refused(void **state) {
    static const struct {
        struct bytes program;
        const char *says;
    } programs[] = {
        {BYTES("}(U\x01"
               "a" TENSOR "U\x01"
               "a" TENSOR "u."),
         "'a' is there twice"},
        {BYTES("}(U\x05state" TENSOR "u."), "'state' as a tensor's name"},
        {BYTES("}(U\x0boptimizer/a" TENSOR "u."), "'optimizer/a' as a tensor's name"},
        {BYTES("}(U\x00" TENSOR "u."), "is no name for a tensor"},
        {BYTES("}(U\x01\xff" TENSOR "u."), "is no name for a tensor"},
        {BYTES("}(U\x01\0" TENSOR "u."), "is no name for a tensor"},
        {BYTES("}(U\x01"
               "a" TENSOR_OF("(U\x07storagectorch\nFloatStorage\nU\x01"
                             "1U\x03"
                             "cpuK\x03NtQ",
                             "\x00", "\x03") "u."),
         "storage that nothing refers to"},
        {BYTES("}(U\x01"
               "a" TENSOR_OF("(U\x07storagectorch\nFloatStorage\nU\x01"
                             "0U\x03"
                             "cpuK\x09NtQ",
                             "\x00", "\x03") "u."),
         "storage '0' is cut short"},
        {BYTES("}(U\x01"
               "a" TENSOR_OF("(U\x07storagectorch\nOtherStorage\nU\x01"
                             "0U\x03"
                             "cpuK\x03NtQ",
                             "\x00", "\x03") "u."),
         "a storage of a type that is not known"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        struct weight_table table = {.count = 0};
        struct error error = {""};
        if (read_program(programs[i].program, &table, &error)) {
            fail_msg("program %zu is read", i);
        }
        if (strstr(error.text, programs[i].says) == NULL) {
            fail_msg("program %zu: %s", i, error.text);
        }
        weight_table_free(&table);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_understood_is_opaque),
        cmocka_unit_test(what_is_wrong_is_refused),
        cmocka_unit_test(tensors_that_cannot_be_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

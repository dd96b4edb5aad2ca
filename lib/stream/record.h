// The records of a tensor stream: an id and named values.
#ifndef PLEURA_STREAM_RECORD_H
#define PLEURA_STREAM_RECORD_H

#include "core/error.h"

#include <stddef.h>
#include <stdint.h>

// Types of a tensor's elements, little endian; the codes are numpy's.
enum dtype { DTYPE_U1, DTYPE_U2, DTYPE_I4, DTYPE_I8, DTYPE_F2, DTYPE_F4, DTYPE_F8, DTYPE_COUNT };

const char *dtype_code(enum dtype type); // "|u1", "<u2", "<i4", "<i8", "<f2", "<f4", "<f8"
size_t dtype_size(enum dtype type);      // bytes

#define TENSOR_MAX_RANK 8

// Row-major. `data` has no alignment that a caller may rely on.
struct tensor {
    enum dtype type;
    size_t rank;
    size_t shape[TENSOR_MAX_RANK];
    const void *data;
    size_t bytes; // at most 4 GiB less one, as msgpack has it
};

// Bytes of UTF-8, not terminated.
struct text {
    const char *bytes;
    size_t length;
};

enum value_type {
    VALUE_INTEGER,
    VALUE_UNSIGNED, // an integer above INT64_MAX
    VALUE_NUMBER,
    VALUE_TEXT,
    VALUE_LIST, // of integers, numbers, texts and lists
    VALUE_TENSOR,
};

struct value;

struct list {
    const struct value *items;
    size_t count;
};

struct value {
    enum value_type type;
    union {
        int64_t integer;
        uint64_t natural;
        double number;
        struct text text;
        struct list list;
        const struct tensor *tensor;
    };
};

struct field {
    struct text name;
    struct value value;
};

// What one record may hold at most, so that what it costs in memory stays near its own size.
#define RECORD_MAX_FIELDS 256
#define RECORD_MAX_NAME 1024                // bytes of an id or of a name
#define RECORD_MAX_NESTING 8                // the record itself, and lists within lists
#define RECORD_MAX_VALUES ((size_t)1 << 20) // keys, values, items of lists, sides of shapes

struct record {
    struct text id;
    size_t count;
    const struct field *fields; // without the id
};

struct text text_of(const char *terminated);
bool text_equal(struct text a, struct text b);
bool text_is(struct text text, const char *terminated);
bool text_begins(struct text text, const char *terminated);
int text_compare(struct text a, struct text b); // bytewise, as strcmp

struct value value_integer(int64_t integer);
struct value value_number(double number);
struct value value_text(struct text text);
struct value value_list(const struct value *items, size_t count);
struct value value_tensor(const struct tensor *tensor);

// A tensor of rank 2 over `data` (height x width elements).
struct tensor tensor_plane(enum dtype type, size_t height, size_t width, const void *data);

// The value called `name`, or NULL.
const struct value *record_find(const struct record *record, const char *name);

// The tensor called `name`, which must be there and of this rank (any if rank is 0).
CHECKED bool record_tensor(const struct record *record, const char *name, size_t rank,
                           const struct tensor **tensor, struct error *error);

// The integer called `name`, which must be there.
CHECKED bool record_integer(const struct record *record, const char *name, int64_t *integer,
                            struct error *error);

// The rules that every record, read or written, follows: the limits above; names that differ from
// each other and from "id"; ids, names and texts of UTF-8; shapes that match their bytes.
CHECKED bool record_check(const struct record *record, struct error *error);

// A printf argument pair for "%.*s", cut where a message would get too long.
#define TEXT_ARG(text) (int)((text).length < 200 ? (text).length : 200), (text).bytes

#endif

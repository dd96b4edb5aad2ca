// msgpack-c's incremental tokeniser (unpack_template.h) with callbacks of our own. Its stock
// callbacks allocate for a container's claimed length at once; these grow with what has really
// come.
#include "stream/tokens.h"

#include <stdlib.h>

// Deeper nesting is refused: a tensor's shape in a record in a list is four levels.
#define MSGPACK_EMBED_STACK_SIZE 8
#include <msgpack.h>
#include <msgpack/unpack_define.h>

struct tokens_user {
    struct tokens *tokens;
    struct error *error;
};

// ---- callbacks: each fills one item

static int set_container(struct tokens_user *user, enum item_type type, size_t entries,
                         struct item *item) {
    struct tokens *tokens = user->tokens;
    const size_t count = type == ITEM_MAP ? 2 * entries : entries;
    *item = (struct item){.type = type, .range = {tokens->count, count, 0}};
    if (count > TOKENS_MAX - tokens->count) {
        (void)fail(user->error, "more than %zu values in one record", TOKENS_MAX);
        return -1;
    }
    tokens->count += count;
    return 0;
}

// Room for the items that have really come: grows with them, not with what a container claims.
static int store(struct tokens_user *user, size_t at, struct item item) {
    struct tokens *tokens = user->tokens;
    if (at >= tokens->capacity) {
        size_t capacity = tokens->capacity > 0 ? tokens->capacity : 64;
        while (capacity <= at) {
            capacity *= 2;
        }
        struct item *items = realloc(tokens->items, capacity * sizeof *items);
        if (items == NULL) {
            (void)fail(user->error, "no memory for a record of %zu values", at);
            return -1;
        }
        tokens->items = items;
        tokens->capacity = capacity;
    }
    tokens->items[at] = item;
    return 0;
}

static struct item on_root(struct tokens_user *user) {
    (void)user;
    return (struct item){.type = ITEM_NIL};
}

static int on_signed(struct tokens_user *user, int64_t integer, struct item *item) {
    (void)user;
    *item = (struct item){.type = ITEM_INTEGER, .integer = integer};
    return 0;
}

static int on_unsigned(struct tokens_user *user, uint64_t natural, struct item *item) {
    (void)user;
    *item = (struct item){.type = ITEM_UNSIGNED, .natural = natural};
    if (natural <= INT64_MAX) {
        *item = (struct item){.type = ITEM_INTEGER, .integer = (int64_t)natural};
    }
    return 0;
}

static int on_number(struct tokens_user *user, double number, struct item *item) {
    (void)user;
    *item = (struct item){.type = ITEM_NUMBER, .number = number};
    return 0;
}

static int on_nil(struct tokens_user *user, struct item *item) {
    (void)user;
    *item = (struct item){.type = ITEM_NIL};
    return 0;
}

static int on_true(struct tokens_user *user, struct item *item) {
    (void)user;
    *item = (struct item){.type = ITEM_BOOLEAN, .integer = 1};
    return 0;
}

static int on_false(struct tokens_user *user, struct item *item) {
    (void)user;
    *item = (struct item){.type = ITEM_BOOLEAN, .integer = 0};
    return 0;
}

static int on_array(struct tokens_user *user, unsigned int count, struct item *item) {
    return set_container(user, ITEM_LIST, count, item);
}

static int on_map(struct tokens_user *user, unsigned int count, struct item *item) {
    return set_container(user, ITEM_MAP, count, item);
}

static int on_array_item(struct tokens_user *user, struct item *container, struct item item) {
    return store(user, container->range.first + container->range.filled++, item);
}

static int on_map_item(struct tokens_user *user, struct item *container, struct item key,
                       struct item value) {
    const int failed = on_array_item(user, container, key);
    return failed ? failed : on_array_item(user, container, value);
}

static void set_text(enum item_type type, const char *at, unsigned int length, struct item *item) {
    *item = (struct item){.type = type, .text = {at, length}};
}

static int on_str(struct tokens_user *user, const char *base, const char *at, unsigned int length,
                  struct item *item) {
    (void)user;
    (void)base;
    set_text(ITEM_TEXT, at, length, item);
    return 0;
}

static int on_bin(struct tokens_user *user, const char *base, const char *at, unsigned int length,
                  struct item *item) {
    (void)user;
    (void)base;
    set_text(ITEM_BYTES, at, length, item);
    return 0;
}

static int on_ext(struct tokens_user *user, const char *base, const char *at, unsigned int length,
                  struct item *item) {
    (void)user;
    (void)base;
    set_text(ITEM_EXTENSION, at, length, item);
    return 0;
}

#define on_uint8 on_unsigned
#define on_uint16 on_unsigned
#define on_uint32 on_unsigned
#define on_uint64 on_unsigned
#define on_int8 on_signed
#define on_int16 on_signed
#define on_int32 on_signed
#define on_int64 on_signed
#define on_float on_number
#define on_double on_number

#define msgpack_unpack_struct(name) struct tokeniser##name
#define msgpack_unpack_func(ret, name) static ret tokeniser##name
#define msgpack_unpack_callback(name) on##name
#define msgpack_unpack_object struct item
#define msgpack_unpack_user struct tokens_user
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wimplicit-fallthrough"
#pragma GCC diagnostic ignored "-Wcast-qual"
#include <msgpack/unpack_template.h>
#pragma GCC diagnostic pop

enum tokens_status tokens_read(struct tokens *tokens, const void *bytes, size_t length,
                               size_t *used, struct error *error) {
    struct tokeniser_context context = {.user = {.tokens = tokens, .error = error}};
    tokeniser_init(&context);
    tokens->count = 0;
    size_t offset = 0;
    error->text[0] = 0;
    const int result = tokeniser_execute(&context, bytes, length, &offset);
    if (result > 0) {
        tokens->root = tokeniser_data(&context);
        *used = offset;
        return TOKENS_DONE;
    }
    if (result < 0) {
        if (error->text[0] == 0) {
            (void)fail(error, "%s",
                       result == MSGPACK_UNPACK_NOMEM_ERROR ? "nested too deep" : "not msgpack");
        }
        return TOKENS_BAD;
    }
    // Inside a text or a block of bytes the tokeniser knows how much is still to come.
    const size_t trail = context.cs != MSGPACK_CS_HEADER ? context.trail : 1;
    *used = offset + trail > length ? offset + trail : length + 1;
    return TOKENS_MORE;
}

void tokens_free(struct tokens *tokens) {
    free(tokens->items);
    *tokens = (struct tokens){.items = NULL};
}

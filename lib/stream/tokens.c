// msgpack-c's incremental tokeniser (unpack_template.h) with callbacks of our own. Its stock
// callbacks allocate for a container's claimed length at once; these grow with what has really
// come.
#include "stream/tokens.h"

#include "core/array.h"

#include <stdlib.h>

#define MSGPACK_EMBED_STACK_SIZE RECORD_MAX_NESTING
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
    *item = (struct item){.type = type, .range = {(uint32_t)tokens->count, (uint32_t)count, 0}};
    if (count > RECORD_MAX_VALUES - tokens->count) {
        (void)fail(user->error, "more than %zu values in one record", RECORD_MAX_VALUES);
        return -1;
    }
    tokens->count += count;
    return 0;
}

// Memory for the items that have really come: it grows with them, not with what a container claims.
static int store(struct tokens_user *user, size_t index, struct item item) {
    struct tokens *tokens = user->tokens;
    if (index >= tokens->capacity) {
        struct item *items = array_grow(tokens->items, &tokens->capacity, index + 1, sizeof *items);
        if (items == NULL) {
            (void)fail(user->error, "no memory for a record of %zu values", index);
            return -1;
        }
        tokens->items = items;
    }
    tokens->items[index] = item;
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

// `bytes` means nothing for an empty text.
static void set_text(enum item_type type, const char *base, const char *bytes, unsigned int length,
                     struct item *item) {
    *item = (struct item){.type = type, .span = {length > 0 ? (size_t)(bytes - base) : 0, length}};
}

static int on_str(struct tokens_user *user, const char *base, const char *bytes,
                  unsigned int length, struct item *item) {
    (void)user;
    set_text(ITEM_TEXT, base, bytes, length, item);
    return 0;
}

static int on_bin(struct tokens_user *user, const char *base, const char *bytes,
                  unsigned int length, struct item *item) {
    (void)user;
    set_text(ITEM_BYTES, base, bytes, length, item);
    return 0;
}

static int on_ext(struct tokens_user *user, const char *base, const char *bytes,
                  unsigned int length, struct item *item) {
    (void)base;
    (void)bytes;
    (void)length;
    (void)item;
    (void)fail(user->error, "an extension type of msgpack");
    return -1;
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

struct tokeniser {
    struct tokeniser_context context;
    size_t offset;
};

// The object is complete and its bytes stay: offsets become pointers.
static void resolve_texts(struct tokens *tokens, const char *bytes) {
    for (size_t i = 0; i < tokens->count; i++) {
        struct item *item = &tokens->items[i];
        if (item->type == ITEM_TEXT || item->type == ITEM_BYTES) {
            item->text = (struct text){bytes + item->span.offset, item->span.length};
        }
    }
}

enum tokens_status tokens_continue(struct tokens *tokens, const void *bytes, size_t length,
                                   size_t *used, struct error *error) {
    struct tokeniser *tokeniser = tokens->tokeniser;
    struct tokeniser_context *context = &tokeniser->context;
    context->user = (struct tokens_user){.tokens = tokens, .error = error};
    error->text[0] = 0;
    const int result = tokeniser_execute(context, bytes, length, &tokeniser->offset);
    *used = tokeniser->offset;
    if (result > 0) {
        tokens->root = tokeniser_data(context);
        resolve_texts(tokens, bytes);
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
    *used += context->cs != MSGPACK_CS_HEADER ? context->trail : 1;
    return TOKENS_MORE;
}

enum tokens_status tokens_read(struct tokens *tokens, const void *bytes, size_t length,
                               size_t *used, struct error *error) {
    if (tokens->tokeniser == NULL) {
        tokens->tokeniser = calloc(1, sizeof *tokens->tokeniser);
    }
    if (tokens->tokeniser == NULL) {
        (void)fail(error, "no memory");
        return TOKENS_BAD;
    }
    tokeniser_init(&tokens->tokeniser->context);
    tokens->tokeniser->offset = 0;
    tokens->count = 0;
    return tokens_continue(tokens, bytes, length, used, error);
}

void tokens_free(struct tokens *tokens) {
    free(tokens->items);
    free(tokens->tokeniser);
    *tokens = (struct tokens){.items = NULL};
}

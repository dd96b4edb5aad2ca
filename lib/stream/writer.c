// msgpack-c's packer into a sink, with a running hash.
#include "stream/writer.h"

#include "core/text/utf8.h"
#include "stream/digest.h"

#include <msgpack.h>
#include <stdlib.h>
#include <string.h>

#define ID_SHOWN 200 // bytes of an id in messages, so that the reason fits in

struct stream_writer {
    struct sink sink;
    struct digest *digest, *record_digest; // of the stream, of the record written last
    uint64_t records, bytes;
    msgpack_packer packer;
};

static int write_bytes(void *data, const char *bytes, size_t length) {
    struct stream_writer *writer = data;
    digest_add(writer->digest, bytes, length);
    digest_add(writer->record_digest, bytes, length);
    sink_write(&writer->sink, bytes, length);
    writer->bytes += length;
    return 0;
}

static void pack_text(msgpack_packer *packer, struct text text) {
    (void)msgpack_pack_str(packer, text.length);
    (void)msgpack_pack_str_body(packer, text.bytes, text.length);
}

static void pack_word(msgpack_packer *packer, const char *word) {
    pack_text(packer, text_of(word));
}

static void pack_key(msgpack_packer *packer, const char *key) {
    (void)msgpack_pack_bin(packer, strlen(key));
    (void)msgpack_pack_bin_body(packer, key, strlen(key));
}

static void pack_tensor(msgpack_packer *packer, const struct tensor *tensor) {
    (void)msgpack_pack_map(packer, 5);
    pack_key(packer, "nd");
    (void)msgpack_pack_true(packer);
    pack_key(packer, "type");
    pack_word(packer, dtype_code(tensor->type));
    pack_key(packer, "kind");
    pack_key(packer, "");
    pack_key(packer, "shape");
    (void)msgpack_pack_array(packer, tensor->rank);
    for (size_t i = 0; i < tensor->rank; i++) {
        (void)msgpack_pack_uint64(packer, tensor->shape[i]);
    }
    pack_key(packer, "data");
    (void)msgpack_pack_bin(packer, tensor->bytes);
    (void)msgpack_pack_bin_body(packer, tensor->data, tensor->bytes);
}

static void pack_value(msgpack_packer *packer, const struct value *value) {
    switch (value->type) {
    case VALUE_INTEGER: (void)msgpack_pack_int64(packer, value->integer); break;
    case VALUE_UNSIGNED: (void)msgpack_pack_uint64(packer, value->natural); break;
    case VALUE_NUMBER: (void)msgpack_pack_double(packer, value->number); break;
    case VALUE_TEXT: pack_text(packer, value->text); break;
    case VALUE_LIST:
        (void)msgpack_pack_array(packer, value->list.count);
        for (size_t i = 0; i < value->list.count; i++) {
            pack_value(packer, &value->list.items[i]);
        }
        break;
    case VALUE_TENSOR: pack_tensor(packer, value->tensor); break;
    }
}

void history_add(struct history *history, struct text line) {
    for (size_t i = 0; i < history->count; i++) {
        if (text_equal(history->lines[i], line)) {
            return;
        }
    }
    if (history->count < HISTORY_MAX) {
        history->lines[history->count++] = line;
    }
}

void history_add_all(struct history *history, const struct history *more) {
    for (size_t i = 0; i < more->count; i++) {
        history_add(history, more->lines[i]);
    }
}

bool history_copy_all(struct history *history, const struct history *more) {
    for (size_t i = 0; i < more->count; i++) {
        const struct text line = more->lines[i];
        const size_t before = history->count;
        history_add(history, line);
        if (history->count > before) {
            char *copy = malloc(line.length + 1);
            if (copy == NULL) {
                history->count = before;
                return false;
            }
            memcpy(copy, line.bytes, line.length);
            history->lines[before].bytes = copy;
        }
    }
    return true;
}

void history_free(struct history *history) {
    for (size_t i = 0; i < history->count; i++) {
        free((void *)(uintptr_t)history->lines[i].bytes);
    }
    history->count = 0;
}

void stream_abandon(struct stream_writer *writer) {
    if (writer != NULL) {
        digest_free(writer->digest);
        digest_free(writer->record_digest);
        free(writer);
    }
}

struct stream_writer *stream_begin(struct sink sink, const char *kind,
                                   const struct history *history, struct error *error) {
    for (size_t i = 0; i < history->count; i++) {
        if (!utf8_valid(history->lines[i].bytes, history->lines[i].length)) {
            (void)fail(error, "%s: a line of history that is not UTF-8", sink.name);
            return NULL;
        }
    }
    struct stream_writer *writer = calloc(1, sizeof *writer);
    if (writer == NULL || (writer->digest = digest_new()) == NULL ||
        (writer->record_digest = digest_new()) == NULL) {
        stream_abandon(writer);
        (void)fail(error, "no memory");
        return NULL;
    }
    writer->sink = sink;
    msgpack_packer_init(&writer->packer, writer, write_bytes);
    msgpack_packer *packer = &writer->packer;
    (void)msgpack_pack_map(packer, 3);
    pack_word(packer, "pleura");
    (void)msgpack_pack_int(packer, STREAM_VERSION);
    pack_word(packer, "kind");
    pack_word(packer, kind);
    pack_word(packer, "history");
    (void)msgpack_pack_array(packer, history->count);
    for (size_t i = 0; i < history->count; i++) {
        pack_text(packer, history->lines[i]);
    }
    sink_hand_on(&writer->sink);
    return writer;
}

bool stream_add(struct stream_writer *writer, const struct record *record, struct error *error) {
    if (!record_check(record, error)) {
        const int shown = record->id.length < ID_SHOWN ? (int)record->id.length : ID_SHOWN;
        return fail_within(error, "%s: '%.*s' cannot be written", writer->sink.name, shown,
                           record->id.bytes);
    }
    msgpack_packer *packer = &writer->packer;
    digest_reset(writer->record_digest);
    (void)msgpack_pack_map(packer, record->count + 1);
    pack_word(packer, "id");
    pack_text(packer, record->id);
    for (size_t i = 0; i < record->count; i++) {
        pack_text(packer, record->fields[i].name);
        pack_value(packer, &record->fields[i].value);
    }
    writer->records++;
    sink_hand_on(&writer->sink);
    return true;
}

uint64_t stream_written_digest(const struct stream_writer *writer) {
    return digest_value(writer->record_digest);
}

uint64_t stream_offset(const struct stream_writer *writer) {
    return writer->bytes;
}

struct mark {
    unsigned char *bytes;
    size_t size, used;
};

static int append_to_mark(void *data, const char *bytes, size_t length) {
    struct mark *mark = data;
    if (length > mark->size - mark->used) {
        return -1;
    }
    memcpy(mark->bytes + mark->used, bytes, length);
    mark->used += length;
    return 0;
}

size_t stream_end_mark(unsigned char *mark, size_t size, uint64_t count, uint64_t hash) {
    struct mark form = {.bytes = mark, .size = size};
    msgpack_packer packer;
    msgpack_packer_init(&packer, &form, append_to_mark);
    (void)msgpack_pack_map(&packer, 2);
    pack_word(&packer, "end");
    (void)msgpack_pack_uint64(&packer, count);
    pack_word(&packer, "xxh3");
    (void)msgpack_pack_uint64(&packer, hash);
    return form.used;
}

void stream_finish(struct stream_writer *writer) {
    unsigned char mark[32];
    const uint64_t hash = digest_value(writer->digest);
    sink_write(&writer->sink, mark, stream_end_mark(mark, sizeof mark, writer->records, hash));
    stream_abandon(writer);
}

// Fuzzes tensor streams: the reader with every check, what programs make of its records (samples,
// masks, both forms of inspect), and random access, which must see the same records.
#include "fuzz.h"

#include "challenge/ensemble.h"
#include "dataset/augmentation/augment.h"
#include "dataset/ids/sizes.h"
#include "dataset/shards/catalog.h"
#include "image/mask.h"
#include "program/streams/summary.h"
#include "stream/digest.h"
#include "stream/reader.h"

#include <string.h>

#define MAX_RECORD ((size_t)1 << 30) // as in the programs: memory must follow the bytes that come

// ---- mutations

// A stream in memory, on the way through it.
struct walk {
    uint8_t *bytes;
    size_t length, most;
    size_t offset, used; // the object at hand
    struct digest *digest;
    uint64_t count; // of records
    struct tokens tokens;
    struct parsed parsed;
};

static bool next_object(struct walk *walk) {
    struct error error;
    return walk->offset < walk->length &&
           tokens_read(&walk->tokens, walk->bytes + walk->offset, walk->length - walk->offset,
                       &walk->used, &error) == TOKENS_DONE &&
           parse_object(&walk->parsed, &walk->tokens, &error);
}

// Puts the end mark that belongs here in place of `old` bytes.
static void put_mark(struct walk *walk, size_t old) {
    unsigned char mark[32];
    const size_t size = stream_end_mark(mark, sizeof mark, walk->count, digest_value(walk->digest));
    const size_t behind = walk->length - walk->offset - old;
    if (walk->offset + size + behind <= walk->most) {
        uint8_t *to = walk->bytes + walk->offset;
        memmove(to + size, to + old, behind);
        memcpy(to, mark, size);
        walk->length = walk->offset + size + behind;
        walk->used = size;
    }
}

// Gives every end mark the count and hash that belong there: without them nothing behind the first
// one is reached. With `whole`, what follows the last sound object goes, and an end mark ends it.
static void repair(struct walk *walk, bool whole) {
    bool ended = true;
    while (next_object(walk)) {
        ended = walk->parsed.kind == OBJECT_END;
        if (ended) {
            put_mark(walk, walk->used);
        } else if (walk->parsed.kind == OBJECT_HEADER) {
            digest_reset(walk->digest);
            walk->count = 0;
        } else {
            walk->count++;
        }
        if (!ended) {
            digest_add(walk->digest, walk->bytes + walk->offset, walk->used);
        }
        walk->offset += walk->used;
    }
    if (whole && walk->offset > 0) {
        walk->length = walk->offset;
        if (!ended) {
            put_mark(walk, 0);
        }
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t length, size_t most, unsigned seed) {
    length = LLVMFuzzerMutate(bytes, length, most);
    if (seed % 4 == 0) {
        return length;
    }
    struct walk *walk = calloc(1, sizeof *walk);
    PROMISE(walk != NULL);
    walk->bytes = bytes;
    walk->length = length;
    walk->most = most;
    walk->digest = digest_new();
    repair(walk, seed % 4 == 1);
    length = walk->length;
    digest_free(walk->digest);
    tokens_free(&walk->tokens);
    free(walk);
    return length;
}

// ---- promises

static bool value_same(const struct value *a, const struct value *b) {
    if (a->type != b->type) {
        return false;
    }
    switch (a->type) {
    case VALUE_TEXT: return text_equal(a->text, b->text);
    case VALUE_TENSOR:
        return a->tensor->type == b->tensor->type && a->tensor->rank == b->tensor->rank &&
               memcmp(a->tensor->shape, b->tensor->shape,
                      a->tensor->rank * sizeof *a->tensor->shape) == 0 &&
               text_equal((struct text){a->tensor->data, a->tensor->bytes},
                          (struct text){b->tensor->data, b->tensor->bytes});
    case VALUE_LIST:
        if (a->list.count != b->list.count) {
            return false;
        }
        for (size_t i = 0; i < a->list.count; i++) {
            if (!value_same(&a->list.items[i], &b->list.items[i])) {
                return false;
            }
        }
        return true;
    default: return a->natural == b->natural; // the bits, NaN or not
    }
}

static bool record_same(const struct record *a, const struct record *b) {
    if (!text_equal(a->id, b->id) || a->count != b->count) {
        return false;
    }
    for (size_t i = 0; i < a->count; i++) {
        if (!text_equal(a->fields[i].name, b->fields[i].name) ||
            !value_same(&a->fields[i].value, &b->fields[i].value)) {
            return false;
        }
    }
    return true;
}

// What is kept from record to record.
struct state {
    const struct memory_file *file;
    struct loaded_record copy, loaded;
    struct sample_mask lesion;
    struct augmented augmented;
    struct image mask;
    struct runs runs;
    struct output *nowhere;
    struct summary table, lines;
};

// As augment, shard, classify, rle-encode and rle-decode use it.
static void use_record(struct state *state, const struct record *record) {
    const struct augment_rule rule = {.seed = 1, .side = 8, .mask_side = 5, .dilation = 3};
    struct error error;
    size_t height = 0;
    size_t width = 0;
    if (size_of_record(record, &height, &width, &error)) {
        PROMISE(height > 0 && width > 0 && height * width <= IMAGE_MAX_PIXELS);
    }
    if (sample_mask_read(&state->lesion, record, &error)) {
        PROMISE(runs_area(&state->lesion.runs) <= state->lesion.height * state->lesion.width);
    }
    if (augment_sample(&rule, 0, record, &state->augmented, &error)) {
        PROMISE(record_check(&state->augmented.record, &error));
    }
    if (mask_from_probability(record, 0.5, &state->mask, &error) ||
        mask_from_sample(record, &state->mask, &error)) {
        PROMISE(runs_trace(&state->runs, &state->mask, &error));
        PROMISE(runs_area(&state->runs) == mask_area(&state->mask));
    }
}

static void take_record(struct state *state, const struct stream_reader *reader,
                        const struct record *record) {
    struct error error;
    const size_t length = stream_record_length(reader);
    PROMISE(record_check(record, &error));
    PROMISE(record_copy(&state->copy, record, &error));
    PROMISE(record_same(record, &state->copy.record));
    struct record_location place = {stream_record_offset(reader), length,
                                    stream_record_digest(reader), record->id};
    PROMISE(record_read_at(&state->loaded, state->file->descriptor, &place, &error));
    PROMISE(record_same(record, &state->loaded.record));
    place.length--;
    PROMISE(!record_read_at(&state->loaded, state->file->descriptor, &place, &error));
    summary_record(&state->table, record);
    summary_record(&state->lines, record);
    use_record(state, record);
}

static void read_in_order(struct state *state) {
    struct error error;
    struct record record;
    enum stream_status status;
    struct stream_reader *reader = stream_open(state->file->path, MAX_RECORD, &error);
    if (reader == NULL) {
        return;
    }
    const char *kind = stream_kind(reader);
    state->table = summary_start(state->nowhere, false, "-", kind, stream_history(reader));
    state->lines = summary_start(state->nowhere, true, "-", kind, stream_history(reader));
    while ((status = stream_next(reader, &record, &error)) == STREAM_RECORD) {
        take_record(state, reader, &record);
    }
    if (status == STREAM_END) {
        summary_end(&state->table);
        summary_end(&state->lines);
    }
    stream_close(reader);
}

static void read_in_any_order(const struct memory_file *file, struct loaded_record *loaded) {
    struct error error;
    struct catalog catalog = {.max_record = MAX_RECORD};
    if (catalog_add(&catalog, file->path, &error)) {
        for (size_t i = catalog.ids.count; i-- > 0;) {
            PROMISE(catalog_read(&catalog, i, loaded, &error));
        }
    }
    catalog_free(&catalog);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    const struct memory_file file = memory_file_open(bytes, length);
    struct state *state = calloc(1, sizeof *state);
    PROMISE(state != NULL);
    state->file = &file;
    state->nowhere = output_open("/dev/null", OUTPUT_TEXT);
    read_in_order(state);
    read_in_any_order(&file, &state->loaded);
    output_close(state->nowhere);
    sample_mask_free(&state->lesion);
    augmented_free(&state->augmented);
    image_free(&state->mask);
    runs_free(&state->runs);
    loaded_record_free(&state->copy);
    loaded_record_free(&state->loaded);
    free(state);
    memory_file_close(&file);
    return 0;
}

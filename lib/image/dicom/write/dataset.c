// Building datasets for DICOM files.
#include "image/dicom/write/dataset.h"

#include "core/array.h"

#include <stdlib.h>
#include <string.h>

// Ours, made from a random UUID once (PS3.5 B.2).
#define IMPLEMENTATION "2.25.263482570317865092386121846290375612847"

enum { PREAMBLE = 128, ITEM_GROUP = 0xFFFE };

static void set_failure(struct dicom_builder *builder, const char *failure) {
    if (builder->failure == NULL) {
        builder->failure = failure;
    }
}

// ---- bytes

static void append(struct dicom_builder *builder, const void *bytes, size_t length) {
    if (builder->failure != NULL || length == 0) {
        return;
    }
    uint8_t *grown = array_grow(builder->bytes, &builder->capacity, builder->length + length, 1);
    if (grown == NULL) {
        set_failure(builder, "no memory for a DICOM file");
        return;
    }
    builder->bytes = grown;
    memcpy(builder->bytes + builder->length, bytes, length);
    builder->length += length;
}

static void append_little(struct dicom_builder *builder, size_t value, size_t count) {
    uint8_t bytes[8];
    for (size_t i = 0; i < count; i++) {
        bytes[i] = (uint8_t)(value >> 8 * i);
    }
    append(builder, bytes, count);
}

static void append_tag(struct dicom_builder *builder, uint32_t tag) {
    append_little(builder, tag >> 16, 2);
    append_little(builder, tag & 0xFFFF, 2);
}

// ---- elements

static bool has_long_length(const char *vr) {
    return strstr("OB OW SQ UN UT", vr) != NULL;
}

static void append_header(struct dicom_builder *builder, uint32_t tag, const char *vr,
                          size_t length) {
    if (builder->depth == 0 && builder->failure == NULL) {
        if (builder->count == DICOM_MAX_ELEMENTS) {
            set_failure(builder, "too many elements for a DICOM file");
            return;
        }
        builder->elements[builder->count].tag = tag;
        builder->elements[builder->count++].start = builder->length;
    }
    append_tag(builder, tag);
    append(builder, vr, 2);
    if (has_long_length(vr)) { // two reserved bytes, then 32 bits
        append_little(builder, 0, 2);
        append_little(builder, length, 4);
    } else {
        append_little(builder, length, 2);
    }
}

void dicom_put(struct dicom_builder *builder, uint32_t tag, const char *vr, const void *bytes,
               size_t length) {
    const size_t padded = length + length % 2;
    if (padded > (has_long_length(vr) ? UINT32_MAX - 1 : UINT16_MAX)) {
        set_failure(builder, "a value is too long for a DICOM file");
        return;
    }
    append_header(builder, tag, vr, padded);
    append(builder, bytes, length);
    append(builder, strstr("UI OB UN", vr) != NULL ? "" : " ", length % 2);
}

void dicom_put_text(struct dicom_builder *builder, uint32_t tag, const char *vr, const char *text) {
    dicom_put(builder, tag, vr, text, strlen(text));
}

void dicom_put_number(struct dicom_builder *builder, uint32_t tag, size_t number) {
    append_header(builder, tag, "US", 2);
    append_little(builder, number, 2);
}

void dicom_put_long(struct dicom_builder *builder, uint32_t tag, uint32_t number) {
    append_header(builder, tag, "UL", 4);
    append_little(builder, number, 4);
}

// ---- sequences

// Remembers where the length stands that has just been written.
static void open_length(struct dicom_builder *builder) {
    if (builder->depth == DICOM_MAX_OPEN) {
        set_failure(builder, "sequences nest too deep for a DICOM file");
        return;
    }
    builder->open[builder->depth++] = builder->length;
}

static void close_length(struct dicom_builder *builder) {
    if (builder->failure != NULL || builder->depth == 0) {
        set_failure(builder, "a sequence ends that has not begun");
        return;
    }
    const size_t start = builder->open[--builder->depth];
    const size_t length = builder->length - start;
    for (size_t i = 0; i < 4; i++) {
        builder->bytes[start - 4 + i] = (uint8_t)(length >> 8 * i);
    }
}

void dicom_begin_sequence(struct dicom_builder *builder, uint32_t tag) {
    append_header(builder, tag, "SQ", 0);
    open_length(builder);
}

void dicom_end_sequence(struct dicom_builder *builder) {
    close_length(builder);
}

void dicom_begin_item(struct dicom_builder *builder) {
    append_tag(builder, DICOM_TAG(ITEM_GROUP, 0xE000));
    append_little(builder, 0, 4);
    open_length(builder);
}

void dicom_end_item(struct dicom_builder *builder) {
    close_length(builder);
}

void dicom_put_code(struct dicom_builder *builder, uint32_t tag, const struct dicom_code *code) {
    dicom_begin_sequence(builder, tag);
    dicom_begin_item(builder);
    dicom_put_text(builder, DICOM_TAG(0x0008, 0x0100), "SH", code->value);
    dicom_put_text(builder, DICOM_TAG(0x0008, 0x0102), "SH", code->scheme);
    dicom_put_text(builder, DICOM_TAG(0x0008, 0x0104), "LO", code->meaning);
    dicom_end_item(builder);
    dicom_end_sequence(builder);
}

void dicom_put_encapsulated(struct dicom_builder *builder, const uint8_t *frame, size_t length) {
    if (length > UINT32_MAX - 1) {
        set_failure(builder, "a compressed frame is too long for a DICOM file");
        return;
    }
    append_header(builder, DICOM_PIXEL_DATA, "OB", UINT32_MAX); // of undefined length
    append_tag(builder, DICOM_TAG(ITEM_GROUP, 0xE000));
    append_little(builder, 0, 4);
    append_tag(builder, DICOM_TAG(ITEM_GROUP, 0xE000));
    append_little(builder, length + length % 2, 4);
    append(builder, frame, length);
    append(builder, "", length % 2);
    append_tag(builder, DICOM_TAG(ITEM_GROUP, 0xE0DD));
    append_little(builder, 0, 4);
}

// ---- the file

static void append_meta(struct dicom_builder *file, const char *sop_class, const char *sop_instance,
                        const char *transfer_syntax) {
    static const uint8_t preamble[PREAMBLE];
    append(file, preamble, PREAMBLE);
    append(file, "DICM", 4);
    dicom_put_long(file, DICOM_TAG(0x0002, 0x0000), 0); // the group's length, known below
    open_length(file);
    dicom_put(file, DICOM_TAG(0x0002, 0x0001), "OB", "\0\1", 2);
    dicom_put_text(file, DICOM_TAG(0x0002, 0x0002), "UI", sop_class);
    dicom_put_text(file, DICOM_TAG(0x0002, 0x0003), "UI", sop_instance);
    dicom_put_text(file, DICOM_TAG(0x0002, 0x0010), "UI", transfer_syntax);
    dicom_put_text(file, DICOM_TAG(0x0002, 0x0012), "UI", IMPLEMENTATION);
    dicom_put_text(file, DICOM_TAG(0x0002, 0x0013), "SH", "PLEURA");
    close_length(file);
}

// The element of the least tag from `least` on: its index, or `count` at the end.
static size_t next_element(const struct dicom_builder *builder, uint32_t least) {
    size_t next = builder->count;
    for (size_t i = 0; i < builder->count; i++) {
        if (builder->elements[i].tag >= least &&
            (next == builder->count || builder->elements[i].tag < builder->elements[next].tag)) {
            next = i;
        }
    }
    return next;
}

static void append_elements(struct dicom_builder *file, const struct dicom_builder *builder) {
    uint32_t least = 0;
    size_t appended = 0;
    for (size_t i; (i = next_element(builder, least)) < builder->count; appended++) {
        const size_t start = builder->elements[i].start;
        const size_t end =
            i + 1 < builder->count ? builder->elements[i + 1].start : builder->length;
        append(file, builder->bytes + start, end - start);
        least = builder->elements[i].tag + 1;
    }
    if (appended < builder->count) {
        set_failure(file, "an element stands in a DICOM file twice");
    }
}

bool dicom_file_bytes(struct dicom_builder *builder, const char *sop_class,
                      const char *sop_instance, const char *transfer_syntax, uint8_t **bytes,
                      size_t *length, struct error *error) {
    *bytes = NULL;
    *length = 0;
    dicom_put_text(builder, DICOM_TAG(0x0008, 0x0016), "UI", sop_class);
    dicom_put_text(builder, DICOM_TAG(0x0008, 0x0018), "UI", sop_instance);
    struct dicom_builder file = {.failure = builder->failure};
    append_meta(&file, sop_class, sop_instance, transfer_syntax);
    append_elements(&file, builder);
    if (file.failure == NULL && builder->depth > 0) {
        set_failure(&file, "a sequence has no end");
    }
    if (file.failure != NULL) {
        dicom_builder_free(&file);
        return fail(error, "%s", file.failure);
    }
    *bytes = file.bytes;
    *length = file.length;
    return true;
}

void dicom_builder_free(struct dicom_builder *builder) {
    free(builder->bytes);
    builder->bytes = NULL;
    builder->length = builder->capacity = builder->count = builder->depth = 0;
}

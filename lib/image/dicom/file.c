// The structure of a DICOM file.
#include "image/dicom/file.h"

#include "image/codec/inflate.h"
#include "image/dicom/values.h"

#include <stdlib.h>
#include <string.h>

enum {
    PREAMBLE = 128,
    META_GROUP = 0x0002,
    FIRST_GROUP = 0x0008,
    ITEM_GROUP = 0xFFFE,
    MAX_NESTING = 64,
};

static const uint32_t ITEM = DICOM_TAG(ITEM_GROUP, 0xE000);
static const uint32_t ITEM_END = DICOM_TAG(ITEM_GROUP, 0xE00D);
static const uint32_t SEQUENCE_END = DICOM_TAG(ITEM_GROUP, 0xE0DD);
static const uint32_t TRANSFER_SYNTAX = DICOM_TAG(0x0002, 0x0010);
static const uint32_t UNDEFINED = 0xFFFFFFFF;
static const size_t MAX_INFLATED = (size_t)1 << 30;

static uint16_t read16(const uint8_t *bytes, bool big_endian) {
    return (uint16_t)(big_endian ? bytes[0] << 8 | bytes[1] : bytes[1] << 8 | bytes[0]);
}

static uint32_t read32(const uint8_t *bytes, bool big_endian) {
    const uint32_t first = read16(bytes, big_endian);
    const uint32_t second = read16(bytes + 2, big_endian);
    return big_endian ? first << 16 | second : second << 16 | first;
}

static bool is_upper(uint8_t byte) {
    return byte >= 'A' && byte <= 'Z';
}

// Value representations whose length has 32 bits (PS3.5 table 7.1-1).
static bool has_long_length(const uint8_t *vr) {
    static const char all[] = "OB OW OF OD OL OV SQ UC UN UR UT SV UV";
    const char name[] = {(char)vr[0], (char)vr[1], '\0'};
    return strstr(all, name) != NULL;
}

// ---- elements

static bool read_element(const struct dicom_set *set, size_t *position, int depth,
                         struct dicom_element *out, struct error *error);

// Moves *position over the items of a sequence of undefined length, up to behind its delimiter;
// *length becomes what lies before that. A set's end in place of the delimiter is let pass.
static bool skip_items(const struct dicom_set *set, size_t *position, int depth, size_t *length,
                       struct error *error) {
    const size_t start = *position;
    struct dicom_element item;
    do {
        *length = *position - start;
        if (*position == set->length) {
            return true;
        }
        if (!read_element(set, position, depth + 1, &item, error)) {
            return false;
        }
        if (item.tag != ITEM && item.tag != SEQUENCE_END) {
            return fail(error, "a sequence holds element (%04x,%04x) in place of an item",
                        item.tag >> 16, item.tag & 0xFFFFU);
        }
    } while (item.tag != SEQUENCE_END);
    return true;
}

// The same for the elements of an item of undefined length.
static bool skip_elements(const struct dicom_set *set, size_t *position, int depth, size_t *length,
                          struct error *error) {
    const size_t start = *position;
    struct dicom_element element;
    do {
        *length = *position - start;
        if (!read_element(set, position, depth + 1, &element, error)) {
            return false;
        }
    } while (element.tag != ITEM_END);
    return true;
}

// Reads tag, VR and length; *position moves to the value.
static bool read_header(const struct dicom_set *set, size_t *position, struct dicom_element *out,
                        uint32_t *length) {
    const uint8_t *start = set->bytes + *position;
    const size_t left = set->length - *position;
    if (left < 8) {
        return false;
    }
    const uint32_t group = read16(start, set->big_endian);
    *out = (struct dicom_element){.tag = group << 16 | read16(start + 2, set->big_endian)};
    // Where two letters should be and are not, writers have gone back to implicit VR.
    if (set->explicit_vr && group != ITEM_GROUP && is_upper(start[4]) && is_upper(start[5])) {
        memcpy(out->vr, start + 4, 2);
        const bool is_long = has_long_length(start + 4);
        if (is_long && left < 12) {
            return false;
        }
        *length = is_long ? read32(start + 8, set->big_endian) : read16(start + 6, set->big_endian);
        *position += is_long ? 12 : 8;
    } else {
        *length = read32(start + 4, set->big_endian);
        *position += 8;
    }
    return true;
}

static bool read_element(const struct dicom_set *set, size_t *position, int depth,
                         struct dicom_element *out, struct error *error) {
    uint32_t length = 0;
    if (depth > MAX_NESTING) {
        return fail(error, "sequences nest deeper than %d", MAX_NESTING);
    }
    if (!read_header(set, position, out, &length)) {
        return fail(error, "the file is cut short in the header of an element");
    }
    out->value = *set;
    out->value.bytes = set->bytes + *position;
    if (strcmp(out->vr, "UN") == 0) { // PS3.5 6.2.2: as in implicit VR, little endian
        out->value.explicit_vr = out->value.big_endian = false;
    }
    if (out->tag == ITEM_END || out->tag == SEQUENCE_END) {
        length = 0; // delimiters have no value, whatever length writers give them
    }
    if (length != UNDEFINED) {
        if (length > set->length - *position) {
            return fail(error, "element (%04x,%04x) claims %u bytes where %zu are left",
                        out->tag >> 16, out->tag & 0xFFFFU, length, set->length - *position);
        }
        out->value.length = length;
        *position += length;
        return true;
    }
    out->undefined_length = true;
    const struct dicom_set inner = {set->bytes, set->length, out->value.explicit_vr,
                                    out->value.big_endian};
    return out->tag == ITEM ? skip_elements(&inner, position, depth, &out->value.length, error)
                            : skip_items(&inner, position, depth, &out->value.length, error);
}

bool dicom_find(const struct dicom_set *set, uint32_t tag, struct dicom_element *out) {
    for (size_t position = 0; position < set->length;) {
        if (!read_element(set, &position, 0, out, NULL)) {
            return false;
        }
        if (out->tag == tag) {
            return out->value.length > 0;
        }
    }
    return false;
}

bool dicom_sound(const struct dicom_set *set) {
    struct dicom_element element;
    for (size_t position = 0; position < set->length;) {
        if (!read_element(set, &position, 0, &element, NULL)) {
            return false;
        }
    }
    return true;
}

bool dicom_first_item(const struct dicom_element *sequence, struct dicom_set *item) {
    struct dicom_element element;
    size_t position = 0;
    if (sequence->value.length == 0 ||
        !read_element(&sequence->value, &position, 0, &element, NULL) || element.tag != ITEM) {
        return false;
    }
    *item = element.value;
    return true;
}

bool dicom_next_fragment(const struct dicom_element *pixels, size_t *position,
                         const uint8_t **bytes, size_t *length) {
    struct dicom_element item;
    if (*position >= pixels->value.length ||
        !read_element(&pixels->value, position, 0, &item, NULL) || item.tag != ITEM) {
        return false;
    }
    *bytes = item.value.bytes;
    *length = item.value.length;
    return true;
}

// ---- the file

// Does an element of one of the two first groups of a file start here?
static bool starts_dataset(const uint8_t *bytes, size_t length) {
    if (length < 8) {
        return false;
    }
    const uint16_t group = read16(bytes, false), element = read16(bytes + 2, false);
    const bool little = group == META_GROUP || group == FIRST_GROUP;
    const bool big = group == FIRST_GROUP << 8;
    const bool is_explicit = is_upper(bytes[4]) && is_upper(bytes[5]);
    // Implicit VR has no letters to tell it by: its first elements are short ones.
    const uint32_t claimed = read32(bytes + 4, big);
    return (little || big) && (is_explicit || (claimed <= 256 && claimed <= length - 8)) &&
           (big ? element >> 8 | (element & 0xFF) << 8 : element) <= 0x0100;
}

bool dicom_sniff(const uint8_t *bytes, size_t length) {
    return (length >= PREAMBLE + 4 && memcmp(bytes + PREAMBLE, "DICM", 4) == 0) ||
           starts_dataset(bytes, length);
}

// Reads the meta information, which is explicit VR and little endian in whatever file;
// *position moves to the dataset.
static bool read_meta(const uint8_t *bytes, size_t length, size_t *position,
                      struct dicom_file *file, struct error *error) {
    const struct dicom_set rest = {bytes, length, true, false};
    const size_t start = *position;
    while (length - *position >= 8 && read16(bytes + *position, false) == META_GROUP) {
        struct dicom_element element;
        if (!read_element(&rest, position, 0, &element, error)) {
            return false;
        }
    }
    const struct dicom_set meta = {bytes + start, *position - start, true, false};
    return dicom_word(&meta, TRANSFER_SYNTAX, file->transfer_syntax,
                      sizeof file->transfer_syntax) != DICOM_UNCLEAR ||
           fail(error, "its transfer syntax is no UID");
}

// Finds the pixels and checks every element before them.
static bool find_pixels(struct dicom_file *file, struct error *error) {
    struct dicom_set *data = &file->data;
    for (size_t position = 0; data->length - position >= 8;) {
        const size_t start = position;
        struct dicom_element element;
        if (!read_element(data, &position, 0, &element, error)) {
            return false;
        }
        if (element.tag == DICOM_PIXEL_DATA || element.tag == DICOM_FLOAT_PIXEL_DATA ||
            element.tag == DICOM_DOUBLE_PIXEL_DATA) {
            file->pixels = element;
            data->length = start; // what follows the pixels is nobody's business
            return true;
        }
    }
    return true;
}

bool dicom_open(const uint8_t *bytes, size_t length, struct dicom_file *file, struct error *error) {
    *file = (struct dicom_file){.inflated = NULL};
    const bool preamble = length >= PREAMBLE + 4 && memcmp(bytes + PREAMBLE, "DICM", 4) == 0;
    size_t position = preamble ? PREAMBLE + 4 : 0;
    if (!read_meta(bytes, length, &position, file, error)) {
        return false;
    }
    struct dicom_set *data = &file->data;
    data->bytes = bytes + position;
    data->length = length - position;
    if (strcmp(file->transfer_syntax, "1.2.840.10008.1.2.1.99") == 0) {
        if (!inflate_raw(data->bytes, data->length, MAX_INFLATED, &file->inflated, &data->length,
                         error)) {
            return fail_within(error, "the deflated dataset");
        }
        data->bytes = file->inflated;
    }
    // Writers are known to name one transfer syntax and use the other: the first element tells.
    data->explicit_vr = data->length >= 8 && is_upper(data->bytes[4]) && is_upper(data->bytes[5]);
    data->big_endian = strcmp(file->transfer_syntax, "1.2.840.10008.1.2.2") == 0 ||
                       (file->transfer_syntax[0] == '\0' && data->length >= 8 &&
                        read16(data->bytes, true) == FIRST_GROUP);
    if (!find_pixels(file, error)) {
        dicom_close(file);
        return false;
    }
    return true;
}

void dicom_close(struct dicom_file *file) {
    free(file->inflated);
    *file = (struct dicom_file){.inflated = NULL};
}

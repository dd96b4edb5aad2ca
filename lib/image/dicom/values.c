// What the elements of a DICOM file say.
#include "image/dicom/values.h"

#include "core/text/ascii.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_TEXT = 256, // characters of a number; the standard has 16 at most
    MAX_SAME = 64,  // values that may all be the same
};

// How the VRs that are numbers lie in the file (PS3.5 table 6.2-1).
enum form { UNSIGNED, SIGNED, FLOATING, TEXT };
static const struct {
    const char *names;
    enum form form;
    size_t size;
} FORMS[] = {
    {"US", UNSIGNED, 2},
    {"SS", SIGNED, 2},
    {"UL", UNSIGNED, 4},
    {"SL", SIGNED, 4},
    {"UV", UNSIGNED, 8},
    {"SV", SIGNED, 8},
    {"FL OF", FLOATING, 4},
    {"FD OD", FLOATING, 8},
    {"DS IS LO SH ST LT UT UC CS AE AS DA DT PN TM UI UR", TEXT, 0},
};

struct text_value {
    const char *bytes;
    size_t length;
};

// Values are padded with spaces or with NUL bytes.
static bool is_padding(char letter) {
    return letter == 0 || ascii_is_space(letter);
}

// The index-th of an element's values with backslashes between them, without blanks around it.
static bool find_text(const struct dicom_element *element, size_t index, struct text_value *out) {
    const char *start = (const char *)element->value.bytes, *end = start + element->value.length;
    for (; index > 0; index--) {
        start = memchr(start, '\\', (size_t)(end - start));
        if (start == NULL) {
            return false;
        }
        start++;
    }
    const char *stop = memchr(start, '\\', (size_t)(end - start));
    end = stop != NULL ? stop : end;
    while (start < end && is_padding(*start)) {
        start++;
    }
    while (start < end && is_padding(end[-1])) {
        end--;
    }
    *out = (struct text_value){start, (size_t)(end - start)};
    return true;
}

static enum dicom_given read_text(const struct text_value *text, double *value, bool *has_comma) {
    char decimal[MAX_TEXT + 1];
    if (text->length == 0) {
        return DICOM_ABSENT;
    }
    if (text->length > MAX_TEXT) {
        return DICOM_UNCLEAR;
    }
    memcpy(decimal, text->bytes, text->length);
    decimal[text->length] = '\0';
    char *comma = strchr(decimal, ',');
    *has_comma = comma != NULL && strchr(decimal, '.') == NULL;
    if (*has_comma) {
        *comma = '.'; // a second one ends the number before the text's end
    }
    if (decimal[strspn(decimal, "0123456789+-.eE")] != '\0') {
        return DICOM_UNCLEAR; // strtod takes more than that
    }
    char *end = decimal;
    *value = strtod(decimal, &end);
    return *end == '\0' && isfinite(*value) ? DICOM_GIVEN : DICOM_UNCLEAR;
}

static uint64_t read_bytes(const uint8_t *bytes, size_t size, bool big_endian) {
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) {
        value = value << 8 | bytes[big_endian ? i : size - 1 - i];
    }
    return value;
}

static double to_number(uint64_t bits, enum form form, size_t size) {
    float single = 0;
    double number = 0;
    if (form == FLOATING && size == sizeof single) {
        const uint32_t word = (uint32_t)bits;
        memcpy(&single, &word, sizeof single);
        return (double)single;
    }
    if (form == FLOATING) {
        memcpy(&number, &bits, sizeof number);
        return number;
    }
    const uint64_t sign = (uint64_t)1 << (8 * size - 1);
    return form == SIGNED ? (double)(int64_t)((bits ^ sign) - sign) : (double)bits;
}

enum dicom_given dicom_value(const struct dicom_element *element, const char *usual, size_t index,
                             double *value, struct image_note *note) {
    const bool untold = element->vr[0] == '\0' || strcmp(element->vr, "UN") == 0;
    const char *vr = untold ? usual : element->vr;
    size_t i = 0;
    while (i < sizeof FORMS / sizeof *FORMS && strstr(FORMS[i].names, vr) == NULL) {
        i++;
    }
    if (i == sizeof FORMS / sizeof *FORMS) {
        return element->value.length > 0 ? DICOM_UNCLEAR : DICOM_ABSENT;
    }
    const size_t size = FORMS[i].size;
    if (FORMS[i].form == TEXT) {
        struct text_value text;
        bool has_comma = false;
        const enum dicom_given given =
            find_text(element, index, &text) ? read_text(&text, value, &has_comma) : DICOM_ABSENT;
        if (given == DICOM_GIVEN && has_comma && note != NULL) {
            image_note_add(note, "(%04x,%04x) has a decimal comma: taken as %g", element->tag >> 16,
                           element->tag & 0xFFFFU, *value);
        }
        return given;
    }
    if (element->value.length % size != 0) {
        return DICOM_UNCLEAR;
    }
    if (element->value.length / size <= index) {
        return DICOM_ABSENT;
    }
    const uint64_t bits =
        read_bytes(element->value.bytes + index * size, size, element->value.big_endian);
    *value = to_number(bits, FORMS[i].form, size);
    return isfinite(*value) ? DICOM_GIVEN : DICOM_UNCLEAR;
}

enum dicom_given dicom_number(const struct dicom_set *set, uint32_t tag, const char *usual,
                              double *value, struct image_note *note) {
    struct dicom_element element;
    return dicom_find(set, tag, &element) ? dicom_value(&element, usual, 0, value, note)
                                          : DICOM_ABSENT;
}

enum dicom_given dicom_count(const struct dicom_set *set, uint32_t tag, unsigned *value) {
    struct dicom_element element;
    double first = 0, next = 0;
    if (!dicom_find(set, tag, &element)) {
        return DICOM_ABSENT;
    }
    enum dicom_given given = dicom_value(&element, "US", 0, &first, NULL);
    if (given != DICOM_GIVEN || first < 0 || first > UINT16_MAX || first != floor(first)) {
        return given == DICOM_ABSENT ? given : DICOM_UNCLEAR;
    }
    for (size_t i = 1; (given = dicom_value(&element, "US", i, &next, NULL)) != DICOM_ABSENT; i++) {
        if (given == DICOM_UNCLEAR || next != first || i == MAX_SAME) {
            return DICOM_UNCLEAR;
        }
    }
    *value = (unsigned)first;
    return DICOM_GIVEN;
}

enum dicom_given dicom_word(const struct dicom_set *set, uint32_t tag, char *text, size_t size) {
    struct dicom_element element;
    struct text_value first, next;
    if (!dicom_find(set, tag, &element) || !find_text(&element, 0, &first)) {
        return DICOM_ABSENT;
    }
    for (size_t i = 1; find_text(&element, i, &next); i++) {
        if (i == MAX_SAME || next.length != first.length ||
            memcmp(next.bytes, first.bytes, first.length) != 0) {
            return DICOM_UNCLEAR;
        }
    }
    if (first.length == 0) {
        return DICOM_ABSENT;
    }
    if (first.length >= size || memchr(first.bytes, '\0', first.length) != NULL) {
        return DICOM_UNCLEAR;
    }
    memcpy(text, first.bytes, first.length);
    text[first.length] = '\0';
    return DICOM_GIVEN;
}

bool dicom_u16(const struct dicom_element *element, size_t index, uint16_t *value) {
    if (element->value.length / 2 <= index) {
        return false;
    }
    *value = (uint16_t)read_bytes(element->value.bytes + 2 * index, 2, element->value.big_endian);
    return true;
}

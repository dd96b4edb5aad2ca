// The source of an object. Its texts may be hostile: they are held against what their VRs permit
// (PS3.5 table 6.2-1) before anything of them is written.
#include "objects/source.h"

#include "core/text/ascii.h"
#include "image/dicom/dicom.h"
#include "image/dicom/values.h"

#include <stdlib.h>
#include <string.h>

enum { ESCAPE = 0x1B, DATE_LENGTH = 8, MAX_TIME = 14 };

// A UID to refer to is taken as the source has it: makers are known that put zeros in front.
static bool read_uid(const struct object_source *source, uint32_t tag, const char *name,
                     char uid[DICOM_UID_SIZE], struct error *error) {
    const enum dicom_given given = dicom_word(&source->file.data, tag, uid, DICOM_UID_SIZE);
    return (given == DICOM_GIVEN && strspn(uid, "0123456789.") == strlen(uid)) ||
           fail(error, "its %s is %s: no object can refer to it", name,
                given == DICOM_ABSENT ? "missing" : "no UID");
}

static bool is_foreign(const struct object_source *source, struct error *error) {
    char model[sizeof OBJECT_MODEL];
    return dicom_word(&source->file.data, DICOM_TAG(0x0008, 0x1090), model, sizeof model) !=
               DICOM_GIVEN ||
           strcmp(model, OBJECT_MODEL) != 0 || fail(error, "is itself an object made by seg");
}

bool object_source_open(const uint8_t *bytes, size_t length, struct object_source *source,
                        struct error *error) {
    struct image_header header = {.frames = 1};
    *source = (struct object_source){.rows = 0};
    if (!dicom_sniff(bytes, length)) {
        return fail(error, "is no DICOM file");
    }
    if (!dicom_describe(bytes, length, &header, error) ||
        !dicom_open(bytes, length, &source->file, error)) {
        return false;
    }
    source->rows = header.height;
    source->columns = header.width;
    source->frames = header.frames;
    if (!is_foreign(source, error) ||
        !read_uid(source, DICOM_TAG(0x0008, 0x0016), "SOP Class UID", source->sop_class, error) ||
        !read_uid(source, DICOM_TAG(0x0008, 0x0018), "SOP Instance UID", source->sop_instance,
                  error) ||
        !read_uid(source, DICOM_TAG(0x0020, 0x000D), "Study Instance UID", source->study, error) ||
        !read_uid(source, DICOM_TAG(0x0020, 0x000E), "Series Instance UID", source->series,
                  error)) {
        object_source_close(source);
        return false;
    }
    return true;
}

void object_source_close(struct object_source *source) {
    dicom_close(&source->file);
}

// ---- texts

struct copied {
    char *bytes; // to be freed; NULL without memory
    size_t length;
};

// Takes the letters of `dropped` and control characters out, but for the one that changes between
// character sets, and the padding at the end.
static struct copied clean(const struct dicom_element *element, const char *dropped) {
    struct copied copied = {malloc(element->value.length + 1), 0};
    for (size_t i = 0; copied.bytes != NULL && i < element->value.length; i++) {
        const uint8_t letter = element->value.bytes[i];
        if ((letter >= ' ' && letter != 0x7F && strchr(dropped, letter) == NULL) ||
            letter == ESCAPE) {
            copied.bytes[copied.length++] = (char)letter;
        }
    }
    while (copied.length > 0 && copied.bytes[copied.length - 1] == ' ') {
        copied.length--;
    }
    if (copied.bytes != NULL) {
        copied.bytes[copied.length] = '\0';
    }
    return copied;
}

static bool all_of(const struct copied *text, const char *letters) {
    for (size_t i = 0; i < text->length; i++) {
        if (text->bytes[i] == '\0' || strchr(letters, text->bytes[i]) == NULL) {
            return false;
        }
    }
    return true;
}

// Is no value of several, with backslashes between them, longer?
static bool values_within(const struct copied *text, size_t longest) {
    size_t length = 0;
    for (size_t i = 0; i < text->length; i++) {
        length = text->bytes[i] == '\\' ? 0 : length + 1;
        if (length > longest) {
            return false;
        }
    }
    return true;
}

// HH, HHMM, HHMMSS or HHMMSS.F to HHMMSS.FFFFFF
static bool is_time(const struct copied *text) {
    size_t digits = 0;
    while (digits < text->length && ascii_is_digit(text->bytes[digits])) {
        digits++;
    }
    if (digits == text->length) {
        return digits == 2 || digits == 4 || digits == 6;
    }
    return digits == 6 && text->bytes[digits] == '.' && text->length > 7 &&
           text->length < MAX_TIME && strspn(text->bytes + 7, "0123456789") >= text->length - 7;
}

// Whether the text is one of this VR. Texts for people are let pass as they are: a name that is too
// long is still the patient's.
static bool is_of(const struct copied *text, const char *vr) {
    static const char digits[] = "0123456789";
    if (strcmp(vr, "DA") == 0) {
        return text->length == DATE_LENGTH && all_of(text, digits);
    }
    if (strcmp(vr, "TM") == 0) {
        return is_time(text);
    }
    if (strcmp(vr, "CS") == 0) {
        return values_within(text, 16) && all_of(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_ \\");
    }
    if (strcmp(vr, "DS") == 0) {
        return values_within(text, 16) && all_of(text, "0123456789+-.eE \\");
    }
    if (strcmp(vr, "IS") == 0) {
        return values_within(text, 12) && all_of(text, "0123456789+- \\");
    }
    if (strcmp(vr, "AS") == 0) {
        return text->length == 4 && strchr("DWMY", text->bytes[3]) != NULL &&
               strspn(text->bytes, digits) == 3;
    }
    return true;
}

// Puts the source's element `from` as `tag`.
static bool copy_as(struct dicom_builder *builder, const struct object_source *source,
                    uint32_t from, uint32_t tag, const char *vr, enum object_absent absent) {
    struct dicom_element element;
    struct copied text = {NULL, 0};
    if (dicom_find(&source->file.data, from, &element)) {
        // Before DICOM dates were 1993.10.15, and times 12:30:00.
        text = clean(&element, strcmp(vr, "DA") == 0 ? "." : strcmp(vr, "TM") == 0 ? ":" : "");
    }
    const bool given = text.bytes != NULL && text.length > 0 && is_of(&text, vr);
    if (given || absent == OBJECT_PUT_EMPTY) {
        dicom_put(builder, tag, vr, given ? text.bytes : "", given ? text.length : 0);
    }
    free(text.bytes);
    return given;
}

bool object_copy(struct dicom_builder *builder, const struct object_source *source, uint32_t tag,
                 const char *vr, enum object_absent absent) {
    return copy_as(builder, source, tag, tag, vr, absent);
}

// ---- dates and compression

void object_put_dates(struct dicom_builder *builder, const struct object_source *source) {
    static const struct {
        uint32_t date, time;
    } dates[] = {
        {DICOM_TAG(0x0008, 0x0023), DICOM_TAG(0x0008, 0x0033)}, // of the content
        {DICOM_TAG(0x0008, 0x0022), DICOM_TAG(0x0008, 0x0032)}, // acquisition
        {DICOM_TAG(0x0008, 0x0021), DICOM_TAG(0x0008, 0x0031)}, // series
        {DICOM_TAG(0x0008, 0x0020), DICOM_TAG(0x0008, 0x0030)}, // study
    };
    bool dated = false, timed = false;
    for (size_t i = 0; i < sizeof dates / sizeof *dates && !dated; i++) {
        dated = copy_as(builder, source, dates[i].date, dates[0].date, "DA", OBJECT_LEAVE_OUT);
        timed =
            dated && copy_as(builder, source, dates[i].time, dates[0].time, "TM", OBJECT_LEAVE_OUT);
    }
    if (!dated) {
        dicom_put_text(builder, dates[0].date, "DA", "19000101");
    }
    if (!timed) {
        dicom_put_text(builder, dates[0].time, "TM", "000000");
    }
}

void object_put_lossy(struct dicom_builder *builder, const struct object_source *source) {
    char said[3] = "";
    const char *syntax = source->file.transfer_syntax;
    const bool lossy = (dicom_word(&source->file.data, DICOM_TAG(0x0028, 0x2110), said,
                                   sizeof said) == DICOM_GIVEN &&
                        strcmp(said, "01") == 0) ||
                       strcmp(syntax, DICOM_JPEG_BASELINE) == 0 ||
                       strcmp(syntax, "1.2.840.10008.1.2.4.51") == 0; // JPEG of 12 bits
    dicom_put_text(builder, DICOM_TAG(0x0028, 0x2110), "CS", lossy ? "01" : "00");
    if (lossy) {
        (void)object_copy(builder, source, DICOM_TAG(0x0028, 0x2112), "DS", OBJECT_LEAVE_OUT);
        (void)object_copy(builder, source, DICOM_TAG(0x0028, 0x2114), "CS", OBJECT_LEAVE_OUT);
    }
}

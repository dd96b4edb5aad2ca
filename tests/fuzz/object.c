// Fuzzes what seg does with the file that an image came from: its header is read, and what it says
// of patient and study goes into a new object, which must be one that reads back.
#include "fuzz.h"

#include "image/dicom/values.h"
#include "objects/object.h"
#include "objects/uid.h"

#include <string.h>

#define MAX_PIXELS ((size_t)1 << 20) // more would only cost time

// Each kind in turn, by the file's length.
static bool make(const struct object_source *source, const struct image *mask, size_t kind,
                 struct object *object, struct error *error) {
    const struct object_maker maker = {UID_USUAL_ROOT, "Pleura", "1", "above 0.5"};
    const struct object_measures measures = {3, true, 0.5, true};
    switch (kind % 3) {
    case 0: return object_segmentation(source, &maker, mask, NULL, object, error);
    case 1: return object_capture(source, &maker, mask, mask, object, error);
    default: return object_report(source, &maker, &measures, NULL, object, error);
    }
}

static void check_object(const struct object_source *source, const struct object *object) {
    struct dicom_file file;
    struct error error = {""};
    char uid[DICOM_UID_SIZE];
    PROMISE(dicom_open(object->bytes, object->length, &file, &error));
    PROMISE(dicom_sound(&file.data));
    PROMISE(dicom_word(&file.data, DICOM_TAG(0x0008, 0x0018), uid, sizeof uid) == DICOM_GIVEN);
    PROMISE(strcmp(uid, object->sop_instance) == 0 && uid_is_valid(uid));
    PROMISE(dicom_word(&file.data, DICOM_TAG(0x0020, 0x000D), uid, sizeof uid) == DICOM_GIVEN);
    PROMISE(strcmp(uid, source->study) == 0);
    dicom_close(&file);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    struct object_source source;
    struct object object;
    struct image mask;
    struct error error = {""};
    if (!object_source_open(bytes, length, &source, &error)) {
        PROMISE(error.text[0] != 0);
        return 0;
    }
    if (source.rows * source.columns <= MAX_PIXELS &&
        image_alloc(&mask, source.rows, source.columns, &error)) {
        if (make(&source, &mask, length, &object, &error)) {
            check_object(&source, &object);
        } else {
            PROMISE(object.bytes == NULL && strstr(error.text, "too long") != NULL);
        }
        object_free(&object);
        image_free(&mask);
    }
    object_source_close(&source);
    return 0;
}

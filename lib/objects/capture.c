// Secondary Capture objects (PS3.3 A.8.1).
#include "image/dicom/values.h"
#include "objects/caption.h"
#include "objects/common.h"

#include <string.h>

static const struct object_kind KIND = {DICOM_SECONDARY_CAPTURE, "OT", "9002",
                                        "Pleura outline: " OBJECT_WARNING};

static bool draw(struct rgb_image *rendered, const struct image *gray, const struct image *mask,
                 struct error *error) {
    if (!rgb_image_from_gray(rendered, gray, error)) {
        return false;
    }
    if (!rgb_image_outline(rendered, mask, COLOUR_PREDICTION, 0, error) ||
        !caption_below(rendered, OBJECT_WARNING, error)) {
        rgb_image_free(rendered);
        return false;
    }
    return true;
}

// Laterality is wanted of body parts that there may be two of, and not permitted for the chest.
static void put_body_part(struct dicom_builder *builder, const struct object_source *source) {
    char part[17] = "";
    (void)object_copy(builder, source, DICOM_TAG(0x0018, 0x0015), "CS", OBJECT_LEAVE_OUT);
    if (dicom_word(&source->file.data, DICOM_TAG(0x0018, 0x0015), part, sizeof part) !=
            DICOM_GIVEN ||
        strcmp(part, "CHEST") != 0) {
        (void)object_copy(builder, source, DICOM_TAG(0x0020, 0x0060), "CS", OBJECT_PUT_EMPTY);
    }
}

bool object_capture(const struct object_source *source, const struct object_maker *maker,
                    const struct image *gray, const struct image *mask, struct object *object,
                    struct error *error) {
    struct dicom_builder builder = {.bytes = NULL};
    struct rgb_image rendered;
    *object = (struct object){.bytes = NULL};
    if (!draw(&rendered, gray, mask, error)) {
        return false;
    }
    object_put_common(&builder, source, maker, &KIND, object);
    dicom_put_text(&builder, DICOM_TAG(0x0008, 0x0008), "CS", "DERIVED\\SECONDARY");
    dicom_put_text(&builder, DICOM_TAG(0x0008, 0x0064), "CS", "WSD"); // made by a workstation
    dicom_put_text(&builder, DICOM_TAG(0x0008, 0x2111), "ST", maker->rule);
    object_put_source_image(&builder, source, false);
    object_put_source_series(&builder, source);
    put_body_part(&builder, source);
    (void)object_copy(&builder, source, DICOM_TAG(0x0020, 0x0020), "CS", OBJECT_PUT_EMPTY);
    // What is burnt in here identifies nobody; what the source has burnt in is still there.
    (void)object_copy(&builder, source, DICOM_TAG(0x0028, 0x0301), "CS", OBJECT_LEAVE_OUT);
    object_put_pixel_module(&builder, rendered.height, rendered.width, 3, "RGB", 8);
    object_put_lossy(&builder, source);
    dicom_put(&builder, DICOM_PIXEL_DATA, "OB", rendered.rgb, 3 * rendered.height * rendered.width);
    rgb_image_free(&rendered);
    return object_finish(&builder, maker, &KIND, object, error);
}

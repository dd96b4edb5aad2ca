// Segmentation objects (PS3.3 A.51, C.8.20): one frame, one segment. A projection X-ray has no
// frame of reference, no plane and no pixel measures in space, so the frame refers to its source
// instead (Derivation Image, PS3.3 A.51.5).
#include "objects/common.h"
#include "objects/uid.h"

#include <stdio.h>
#include <stdlib.h>

static const struct object_kind KIND = {"1.2.840.10008.5.1.4.1.1.66.4", "SEG", "9001",
                                        "Pleura segmentation: " OBJECT_WARNING};

#define SEGMENT_IDENTIFICATION DICOM_TAG(0x0062, 0x000A)
#define REFERENCED_SEGMENT_NUMBER DICOM_TAG(0x0062, 0x000B)
#define DIMENSION_ORGANIZATION_UID DICOM_TAG(0x0020, 0x9164)

static void put_tag(struct dicom_builder *builder, uint32_t tag, uint32_t value) {
    const uint8_t bytes[] = {(uint8_t)(value >> 16), (uint8_t)(value >> 24), (uint8_t)value,
                             (uint8_t)(value >> 8)};
    dicom_put(builder, tag, "AT", bytes, sizeof bytes);
}

static void put_image(struct dicom_builder *builder, const struct object_source *source,
                      const struct object_maker *maker, bool fractional) {
    dicom_put_text(builder, DICOM_TAG(0x0008, 0x0008), "CS", "DERIVED\\PRIMARY");
    (void)object_copy(builder, source, DICOM_TAG(0x0018, 0x0015), "CS", OBJECT_LEAVE_OUT);
    (void)object_copy(builder, source, DICOM_TAG(0x0020, 0x0020), "CS", OBJECT_PUT_EMPTY);
    dicom_put_text(builder, DICOM_TAG(0x0028, 0x0008), "IS", "1"); // frames
    object_put_pixel_module(builder, source->rows, source->columns, 1, "MONOCHROME2",
                            fractional ? 8 : 1);
    object_put_lossy(builder, source);
    dicom_put_text(builder, DICOM_TAG(0x0062, 0x0001), "CS", fractional ? "FRACTIONAL" : "BINARY");
    if (fractional) {
        dicom_put_text(builder, DICOM_TAG(0x0062, 0x0010), "CS", "PROBABILITY");
        dicom_put_number(builder, DICOM_TAG(0x0062, 0x000E), UINT8_MAX);
    }
    dicom_put_text(builder, DICOM_TAG(0x0062, 0x0013), "CS", "NO"); // segments overlap
    dicom_put_text(builder, DICOM_TAG(0x0070, 0x0080), "CS", "PNEUMOTHORAX");
    dicom_put_text(builder, DICOM_TAG(0x0070, 0x0081), "LO", maker->rule);
    dicom_put_text(builder, DICOM_TAG(0x0070, 0x0084), "PN", "Pleura^seg"); // who made the content
}

static void put_algorithm(struct dicom_builder *builder, const struct object_maker *maker) {
    static const struct dicom_code family = {"DCM", "123110", "Artificial Intelligence"};
    dicom_begin_sequence(builder, DICOM_TAG(0x0062, 0x0007));
    dicom_begin_item(builder);
    dicom_put_code(builder, DICOM_TAG(0x0066, 0x002F), &family);
    dicom_put_text(builder, DICOM_TAG(0x0066, 0x0031), "LO", maker->version);
    dicom_put_text(builder, DICOM_TAG(0x0066, 0x0036), "LO", maker->algorithm);
    dicom_end_item(builder);
    dicom_end_sequence(builder);
}

static void put_segment(struct dicom_builder *builder, const struct object_maker *maker) {
    static const struct dicom_code category = {"SCT", "49755003",
                                               "Morphologically Abnormal Structure"};
    // COLOUR_PREDICTION, which overlay draws predictions in, as CIELab with the D50 white of PS3.3
    // C.10.7.1.1, scaled to 16 bits.
    static const uint16_t red[] = {40935, 48414, 45985};
    uint8_t colour[sizeof red];
    for (size_t i = 0; i < sizeof red / sizeof *red; i++) {
        colour[2 * i] = (uint8_t)red[i];
        colour[2 * i + 1] = (uint8_t)(red[i] >> 8);
    }
    dicom_begin_sequence(builder, DICOM_TAG(0x0062, 0x0002));
    dicom_begin_item(builder);
    dicom_put_code(builder, DICOM_TAG(0x0062, 0x0003), &category);
    dicom_put_number(builder, DICOM_TAG(0x0062, 0x0004), 1);
    dicom_put_text(builder, DICOM_TAG(0x0062, 0x0005), "LO", object_pneumothorax.meaning);
    dicom_put_text(builder, DICOM_TAG(0x0062, 0x0006), "ST", OBJECT_WARNING);
    put_algorithm(builder, maker);
    dicom_put_text(builder, DICOM_TAG(0x0062, 0x0008), "CS", "AUTOMATIC");
    dicom_put_text(builder, DICOM_TAG(0x0062, 0x0009), "LO", maker->algorithm);
    dicom_put(builder, DICOM_TAG(0x0062, 0x000D), "US", colour, sizeof colour);
    dicom_put_code(builder, DICOM_TAG(0x0062, 0x000F), &object_pneumothorax);
    dicom_end_item(builder);
    dicom_end_sequence(builder);
}

// Frames are told apart by their segment alone.
static void put_dimensions(struct dicom_builder *builder, const struct object_maker *maker,
                           const char *series) {
    static const char name[] = "dimensions of ";
    char text[sizeof name + DICOM_UID_SIZE], organization[DICOM_UID_SIZE];
    const int length = snprintf(text, sizeof text, "%s%s", name, series);
    uid_of(organization, maker->root, text, (size_t)length);
    dicom_begin_sequence(builder, DICOM_TAG(0x0020, 0x9221));
    dicom_begin_item(builder);
    dicom_put_text(builder, DIMENSION_ORGANIZATION_UID, "UI", organization);
    dicom_end_item(builder);
    dicom_end_sequence(builder);
    dicom_begin_sequence(builder, DICOM_TAG(0x0020, 0x9222));
    dicom_begin_item(builder);
    dicom_put_text(builder, DIMENSION_ORGANIZATION_UID, "UI", organization);
    put_tag(builder, DICOM_TAG(0x0020, 0x9165), REFERENCED_SEGMENT_NUMBER);
    put_tag(builder, DICOM_TAG(0x0020, 0x9167), SEGMENT_IDENTIFICATION);
    dicom_put_text(builder, DICOM_TAG(0x0020, 0x9421), "LO", "Segment Number");
    dicom_end_item(builder);
    dicom_end_sequence(builder);
}

// Nothing is shared by frames, and the one frame's groups are its own, where readers look for them.
static void put_frame(struct dicom_builder *builder, const struct object_source *source) {
    static const struct dicom_code derivation = {"DCM", "113076", "Segmentation"};
    dicom_begin_sequence(builder, DICOM_TAG(0x5200, 0x9229));
    dicom_begin_item(builder);
    dicom_end_item(builder);
    dicom_end_sequence(builder);
    dicom_begin_sequence(builder, DICOM_TAG(0x5200, 0x9230));
    dicom_begin_item(builder);
    dicom_begin_sequence(builder, DICOM_TAG(0x0008, 0x9124)); // Derivation Image
    dicom_begin_item(builder);
    object_put_source_image(builder, source, true);
    dicom_put_code(builder, DICOM_TAG(0x0008, 0x9215), &derivation);
    dicom_end_item(builder);
    dicom_end_sequence(builder);
    dicom_begin_sequence(builder, DICOM_TAG(0x0020, 0x9111)); // Frame Content
    dicom_begin_item(builder);
    dicom_put_long(builder, DICOM_TAG(0x0020, 0x9157), 1); // Dimension Index Values
    dicom_end_item(builder);
    dicom_end_sequence(builder);
    dicom_begin_sequence(builder, SEGMENT_IDENTIFICATION);
    dicom_begin_item(builder);
    dicom_put_number(builder, REFERENCED_SEGMENT_NUMBER, 1);
    dicom_end_item(builder);
    dicom_end_sequence(builder);
    dicom_end_item(builder);
    dicom_end_sequence(builder);
}

// One bit a pixel, the first in a byte's lowest, without gaps between rows (PS3.5 8.1.1).
static bool put_bits(struct dicom_builder *builder, const struct image *mask, struct error *error) {
    const size_t pixels = mask->height * mask->width;
    uint8_t *bits = calloc((pixels + 7) / 8, 1);
    if (bits == NULL) {
        return fail(error, "no memory for %zu pixels", pixels);
    }
    for (size_t i = 0; i < pixels; i++) {
        bits[i / 8] |= (uint8_t)((mask->pixels[i] & 1) << i % 8);
    }
    dicom_put(builder, DICOM_PIXEL_DATA, "OB", bits, (pixels + 7) / 8);
    free(bits);
    return true;
}

bool object_segmentation(const struct object_source *source, const struct object_maker *maker,
                         const struct image *mask, const uint8_t *fractions, struct object *object,
                         struct error *error) {
    struct dicom_builder builder = {.bytes = NULL};
    *object = (struct object){.bytes = NULL};
    if (mask->height != source->rows || mask->width != source->columns) {
        return fail(error, "a mask of %zu x %zu, where the source has %zu rows and %zu columns",
                    mask->height, mask->width, source->rows, source->columns);
    }
    object_put_common(&builder, source, maker, &KIND, object);
    put_image(&builder, source, maker, fractions != NULL);
    object_put_source_series(&builder, source);
    put_segment(&builder, maker);
    put_dimensions(&builder, maker, object->series);
    put_frame(&builder, source);
    if (fractions != NULL) {
        dicom_put(&builder, DICOM_PIXEL_DATA, "OB", fractions, mask->height * mask->width);
    } else if (!put_bits(&builder, mask, error)) {
        dicom_builder_free(&builder);
        return false;
    }
    return object_finish(&builder, maker, &KIND, object, error);
}

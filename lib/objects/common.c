// What all kinds of objects have in common.
#include "objects/common.h"

#include "core/version.h"
#include "objects/uid.h"

#include <stdio.h>
#include <stdlib.h>

const struct dicom_code object_pneumothorax = {"SCT", "36118008", "Pneumothorax"};

// Elements that say whose image the source is, and of which study. What the standard wants in every
// object is put empty where the source lacks it.
static const struct {
    const char *vr;
    uint32_t tag;
    enum object_absent absent;
} COPIED[] = {
    {"CS", DICOM_TAG(0x0008, 0x0005), OBJECT_LEAVE_OUT}, // character set, of all texts below
    {"DA", DICOM_TAG(0x0008, 0x0020), OBJECT_PUT_EMPTY}, // study date and time
    {"TM", DICOM_TAG(0x0008, 0x0030), OBJECT_PUT_EMPTY},
    {"SH", DICOM_TAG(0x0008, 0x0050), OBJECT_PUT_EMPTY}, // accession number
    {"PN", DICOM_TAG(0x0008, 0x0090), OBJECT_PUT_EMPTY}, // referring physician
    {"LO", DICOM_TAG(0x0008, 0x1030), OBJECT_LEAVE_OUT}, // study description
    {"PN", DICOM_TAG(0x0010, 0x0010), OBJECT_PUT_EMPTY}, // patient: name, ID, its issuer
    {"LO", DICOM_TAG(0x0010, 0x0020), OBJECT_PUT_EMPTY},
    {"LO", DICOM_TAG(0x0010, 0x0021), OBJECT_LEAVE_OUT},
    {"DA", DICOM_TAG(0x0010, 0x0030), OBJECT_PUT_EMPTY}, // birth date, sex
    {"CS", DICOM_TAG(0x0010, 0x0040), OBJECT_PUT_EMPTY},
    {"AS", DICOM_TAG(0x0010, 0x1010), OBJECT_LEAVE_OUT}, // age, size, weight
    {"DS", DICOM_TAG(0x0010, 0x1020), OBJECT_LEAVE_OUT},
    {"DS", DICOM_TAG(0x0010, 0x1030), OBJECT_LEAVE_OUT},
    {"SH", DICOM_TAG(0x0020, 0x0010), OBJECT_PUT_EMPTY}, // study ID
};

void object_free(struct object *object) {
    free(object->bytes);
    object->bytes = NULL;
    object->length = 0;
}

// A source whose patient is taken out says how; where it says so in codes only, it is referred to.
static void put_deidentification(struct dicom_builder *builder,
                                 const struct object_source *source) {
    const uint32_t removed = DICOM_TAG(0x0012, 0x0062), method = DICOM_TAG(0x0012, 0x0063);
    if (object_copy(builder, source, removed, "CS", OBJECT_LEAVE_OUT) &&
        !object_copy(builder, source, method, "LO", OBJECT_LEAVE_OUT)) {
        dicom_put_text(builder, method, "LO", "as the source image says");
    }
}

void object_put_common(struct dicom_builder *builder, const struct object_source *source,
                       const struct object_maker *maker, const struct object_kind *kind,
                       struct object *object) {
    char names[512];
    const int length = snprintf(names, sizeof names, "%s\n%s\n%s\n%s", kind->sop_class,
                                source->series, maker->algorithm, maker->version);
    uid_of(object->series, maker->root, names, (size_t)length);
    for (size_t i = 0; i < sizeof COPIED / sizeof *COPIED; i++) {
        (void)object_copy(builder, source, COPIED[i].tag, COPIED[i].vr, COPIED[i].absent);
    }
    put_deidentification(builder, source);
    object_put_dates(builder, source);
    dicom_put_text(builder, DICOM_TAG(0x0008, 0x0060), "CS", kind->modality);
    dicom_put_text(builder, DICOM_TAG(0x0008, 0x0070), "LO", "Pleura"); // manufacturer, model
    dicom_put_text(builder, DICOM_TAG(0x0008, 0x103E), "LO", kind->description);
    dicom_put_text(builder, DICOM_TAG(0x0008, 0x1090), "LO", OBJECT_MODEL);
    dicom_put_text(builder, DICOM_TAG(0x0018, 0x1000), "LO", PLEURA_VERSION); // serial number
    dicom_put_text(builder, DICOM_TAG(0x0018, 0x1020), "LO", PLEURA_VERSION); // software version
    dicom_put_text(builder, DICOM_TAG(0x0020, 0x000D), "UI", source->study);
    dicom_put_text(builder, DICOM_TAG(0x0020, 0x000E), "UI", object->series);
    dicom_put_text(builder, DICOM_TAG(0x0020, 0x0011), "IS", kind->series_number);
    if (!object_copy(builder, source, DICOM_TAG(0x0020, 0x0013), "IS", OBJECT_LEAVE_OUT)) {
        dicom_put_text(builder, DICOM_TAG(0x0020, 0x0013), "IS", "1"); // instance number
    }
}

void object_put_reference(struct dicom_builder *builder, const char *sop_class,
                          const char *sop_instance, size_t frames) {
    dicom_put_text(builder, DICOM_TAG(0x0008, 0x1150), "UI", sop_class);
    dicom_put_text(builder, DICOM_TAG(0x0008, 0x1155), "UI", sop_instance);
    if (frames > 1) { // of many frames the first is taken
        dicom_put_text(builder, DICOM_TAG(0x0008, 0x1160), "IS", "1");
    }
}

void object_put_source_series(struct dicom_builder *builder, const struct object_source *source) {
    dicom_begin_sequence(builder, DICOM_TAG(0x0008, 0x1115)); // Referenced Series
    dicom_begin_item(builder);
    dicom_begin_sequence(builder, DICOM_TAG(0x0008, 0x114A)); // Referenced Instance
    dicom_begin_item(builder);
    object_put_reference(builder, source->sop_class, source->sop_instance, 1);
    dicom_end_item(builder);
    dicom_end_sequence(builder);
    dicom_put_text(builder, DICOM_TAG(0x0020, 0x000E), "UI", source->series);
    dicom_end_item(builder);
    dicom_end_sequence(builder);
}

void object_put_source_image(struct dicom_builder *builder, const struct object_source *source,
                             bool in_place) {
    static const struct dicom_code purpose = {"DCM", "121322",
                                              "Source image for image processing operation"};
    dicom_begin_sequence(builder, DICOM_TAG(0x0008, 0x2112));
    dicom_begin_item(builder);
    object_put_reference(builder, source->sop_class, source->sop_instance, source->frames);
    dicom_put_text(builder, DICOM_TAG(0x0028, 0x135A), "CS", in_place ? "YES" : "NO");
    dicom_put_code(builder, DICOM_TAG(0x0040, 0xA170), &purpose);
    dicom_end_item(builder);
    dicom_end_sequence(builder);
}

void object_put_pixel_module(struct dicom_builder *builder, size_t rows, size_t columns,
                             size_t samples, const char *photometric, size_t bits) {
    dicom_put_number(builder, DICOM_TAG(0x0028, 0x0002), samples);
    dicom_put_text(builder, DICOM_TAG(0x0028, 0x0004), "CS", photometric);
    if (samples > 1) {
        dicom_put_number(builder, DICOM_TAG(0x0028, 0x0006), 0); // pixel by pixel
    }
    dicom_put_number(builder, DICOM_TAG(0x0028, 0x0010), rows);
    dicom_put_number(builder, DICOM_TAG(0x0028, 0x0011), columns);
    dicom_put_number(builder, DICOM_TAG(0x0028, 0x0100), bits); // allocated, stored, high bit, sign
    dicom_put_number(builder, DICOM_TAG(0x0028, 0x0101), bits);
    dicom_put_number(builder, DICOM_TAG(0x0028, 0x0102), bits - 1);
    dicom_put_number(builder, DICOM_TAG(0x0028, 0x0103), 0);
}

bool object_finish(struct dicom_builder *builder, const struct object_maker *maker,
                   const struct object_kind *kind, struct object *object, struct error *error) {
    object->sop_class = kind->sop_class;
    uid_of(object->sop_instance, maker->root, builder->bytes, builder->length);
    const bool made =
        dicom_file_bytes(builder, kind->sop_class, object->sop_instance,
                         DICOM_EXPLICIT_LITTLE_ENDIAN, &object->bytes, &object->length, error);
    dicom_builder_free(builder);
    return made;
}

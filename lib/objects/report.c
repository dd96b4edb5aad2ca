// Structured Reports: Comprehensive SR (PS3.3 A.35.3) by TID 1500, "Measurement Report" (PS3.16).
#include "core/text/number.h"
#include "objects/common.h"
#include "objects/uid.h"

#include <stdio.h>

static const struct object_kind KIND = {"1.2.840.10008.5.1.4.1.1.88.33", "SR", "9003",
                                        "Pleura measurements: " OBJECT_WARNING};

// Codes for which no standard has one.
#define OWN_SCHEME "99PLEURA"

#define CONTAINS "CONTAINS"
#define CONTEXT "HAS OBS CONTEXT"
#define MODIFIER "HAS CONCEPT MOD"

#define CONTENT_SEQUENCE DICOM_TAG(0x0040, 0xA730)

// ---- content items: what all begin with, then each kind's value

static void put_head(struct dicom_builder *builder, const char *relation, const char *type,
                     const struct dicom_code *name) {
    dicom_put_text(builder, DICOM_TAG(0x0040, 0xA010), "CS", relation);
    dicom_put_text(builder, DICOM_TAG(0x0040, 0xA040), "CS", type);
    dicom_put_code(builder, DICOM_TAG(0x0040, 0xA043), name);
}

static void put_text_item(struct dicom_builder *builder, const char *relation,
                          const struct dicom_code *name, const char *text) {
    dicom_begin_item(builder);
    put_head(builder, relation, "TEXT", name);
    dicom_put_text(builder, DICOM_TAG(0x0040, 0xA160), "UT", text);
    dicom_end_item(builder);
}

static void put_code_item(struct dicom_builder *builder, const char *relation,
                          const struct dicom_code *name, const struct dicom_code *value) {
    dicom_begin_item(builder);
    put_head(builder, relation, "CODE", name);
    dicom_put_code(builder, DICOM_TAG(0x0040, 0xA168), value);
    dicom_end_item(builder);
}

// A UID made from `what` and another UID.
static void put_uid_item(struct dicom_builder *builder, const struct object_maker *maker,
                         const struct dicom_code *name, const char *what, const char *of) {
    char text[256], uid[DICOM_UID_SIZE];
    const int length = snprintf(text, sizeof text, "%s\n%s", what, of);
    uid_of(uid, maker->root, text, (size_t)length);
    dicom_begin_item(builder);
    put_head(builder, CONTEXT, "UIDREF", name);
    dicom_put_text(builder, DICOM_TAG(0x0040, 0xA124), "UI", uid);
    dicom_end_item(builder);
}

// `segmentation`: the reference is to its frame and segment; else to the source, where that is
// NULL.
static void put_image_item(struct dicom_builder *builder, const struct dicom_code *name,
                           const struct object_source *source, const struct object *segmentation) {
    dicom_begin_item(builder);
    dicom_begin_sequence(builder, DICOM_TAG(0x0008, 0x1199));
    dicom_begin_item(builder);
    if (segmentation == NULL) {
        object_put_reference(builder, source->sop_class, source->sop_instance, source->frames);
    } else {
        object_put_reference(builder, segmentation->sop_class, segmentation->sop_instance, 1);
        dicom_put_text(builder, DICOM_TAG(0x0008, 0x1160), "IS", "1");
    }
    dicom_end_item(builder);
    dicom_end_sequence(builder);
    put_head(builder, CONTAINS, "IMAGE", name);
    dicom_end_item(builder);
}

// `derivation` may be NULL.
static void put_number_item(struct dicom_builder *builder, const struct dicom_code *name,
                            const struct dicom_code *unit, double number,
                            const struct dicom_code *derivation) {
    static const struct dicom_code derived = {"DCM", "121401", "Derivation"};
    char text[NUMBER_TEXT_SIZE];
    (void)snprintf(text, sizeof text, "%.10g", number); // 16 characters at most
    dicom_begin_item(builder);
    put_head(builder, CONTAINS, "NUM", name);
    dicom_begin_sequence(builder, DICOM_TAG(0x0040, 0xA300));
    dicom_begin_item(builder);
    dicom_put_code(builder, DICOM_TAG(0x0040, 0x08EA), unit);
    dicom_put_text(builder, DICOM_TAG(0x0040, 0xA30A), "DS", text);
    dicom_end_item(builder);
    dicom_end_sequence(builder);
    if (derivation != NULL) {
        dicom_begin_sequence(builder, CONTENT_SEQUENCE);
        put_code_item(builder, MODIFIER, &derived, derivation);
        dicom_end_sequence(builder);
    }
    dicom_end_item(builder);
}

// Begins a container up to its content; dicom_end_sequence and dicom_end_item end it. `template`:
// the number of its TID; NULL: none of its own.
static void begin_container(struct dicom_builder *builder, const struct dicom_code *name,
                            const char *template) {
    dicom_put_code(builder, DICOM_TAG(0x0040, 0xA043), name);
    dicom_put_text(builder, DICOM_TAG(0x0040, 0xA050), "CS", "SEPARATE");
    if (template != NULL) {
        dicom_begin_sequence(builder, DICOM_TAG(0x0040, 0xA504));
        dicom_begin_item(builder);
        dicom_put_text(builder, DICOM_TAG(0x0008, 0x0105), "CS", "DCMR");
        dicom_put_text(builder, DICOM_TAG(0x0040, 0xDB00), "CS", template);
        dicom_end_item(builder);
        dicom_end_sequence(builder);
    }
    dicom_begin_sequence(builder, CONTENT_SEQUENCE);
}

static void begin_inner_container(struct dicom_builder *builder, const struct dicom_code *name,
                                  const char *template) {
    dicom_begin_item(builder);
    dicom_put_text(builder, DICOM_TAG(0x0040, 0xA010), "CS", CONTAINS);
    dicom_put_text(builder, DICOM_TAG(0x0040, 0xA040), "CS", "CONTAINER");
    begin_container(builder, name, template);
}

static void end_inner_container(struct dicom_builder *builder) {
    dicom_end_sequence(builder);
    dicom_end_item(builder);
}

// ---- the report's content

// Language, observer and procedure (TID 1204, 1001, 1004).
static void put_context(struct dicom_builder *builder, const struct object_maker *maker) {
    static const struct dicom_code language = {"DCM", "121049",
                                               "Language of Content Item and Descendants"};
    static const struct dicom_code english = {"RFC5646", "en", "English"};
    static const struct dicom_code observer = {"DCM", "121005", "Observer Type"};
    static const struct dicom_code device = {"DCM", "121007", "Device"};
    static const struct dicom_code device_uid = {"DCM", "121012", "Device Observer UID"};
    static const struct dicom_code device_name = {"DCM", "121013", "Device Observer Name"};
    static const struct dicom_code procedure = {"DCM", "121058", "Procedure reported"};
    static const struct dicom_code radiography = {"SCT", "168537006", "Plain radiography"};
    put_code_item(builder, MODIFIER, &language, &english);
    put_code_item(builder, CONTEXT, &observer, &device);
    put_uid_item(builder, maker, &device_uid, maker->algorithm, maker->version);
    put_text_item(builder, CONTEXT, &device_name, OBJECT_MODEL);
    put_code_item(builder, MODIFIER, &procedure, &radiography);
}

static void put_measures(struct dicom_builder *builder, const struct object_maker *maker,
                         const struct object_measures *measures) {
    static const struct dicom_code area = {"SCT", "42798000", "Area"};
    static const struct dicom_code pixels = {"UCUM", "{pixels}", "pixels"};
    static const struct dicom_code probability = {"DCM", "122157", "Probability"};
    static const struct dicom_code no_units = {"UCUM", "1", "no units"};
    static const struct dicom_code maximum = {"SCT", "56851009", "Maximum"};
    static const struct dicom_code decision = {OWN_SCHEME, "DECISION",
                                               "Decision of the rule: pneumothorax"};
    static const struct dicom_code yes = {"SCT", "373066001", "Yes"};
    static const struct dicom_code no = {"SCT", "373067005", "No"};
    static const struct dicom_code comment = {"DCM", "121106", "Comment"};
    put_number_item(builder, &area, &pixels, (double)measures->area, NULL);
    if (measures->has_probability) {
        put_number_item(builder, &probability, &no_units, measures->probability, &maximum);
    }
    put_code_item(builder, CONTAINS, &decision, measures->positive ? &yes : &no);
    put_text_item(builder, CONTAINS, &comment, maker->rule);
    put_text_item(builder, CONTAINS, &comment, OBJECT_WARNING);
}

static void put_group(struct dicom_builder *builder, const struct object_source *source,
                      const struct object_maker *maker, const struct object_measures *measures,
                      const struct object *segmentation) {
    static const struct dicom_code group = {"DCM", "125007", "Measurement Group"};
    static const struct dicom_code tracked = {"DCM", "112039", "Tracking Identifier"};
    static const struct dicom_code tracked_uid = {"DCM", "112040", "Tracking Unique Identifier"};
    static const struct dicom_code name = {"DCM", "111001", "Algorithm Name"};
    static const struct dicom_code version = {"DCM", "111003", "Algorithm Version"};
    static const struct dicom_code segment = {"DCM", "121214", "Referenced Segmentation Frame"};
    static const struct dicom_code segmented = {"DCM", "121233", "Source image for segmentation"};
    static const struct dicom_code measured = {"DCM", "121112", "Source of Measurement"};
    begin_inner_container(builder, &group, segmentation != NULL ? "1410" : "1501");
    put_text_item(builder, CONTEXT, &tracked, object_pneumothorax.meaning);
    put_uid_item(builder, maker, &tracked_uid, "tracked", source->sop_instance);
    put_text_item(builder, MODIFIER, &name, maker->algorithm);
    put_text_item(builder, MODIFIER, &version, maker->version);
    if (segmentation != NULL) {
        put_image_item(builder, &segment, source, segmentation);
        put_image_item(builder, &segmented, source, NULL);
    } else {
        put_image_item(builder, &measured, source, NULL);
    }
    put_measures(builder, maker, measures);
    end_inner_container(builder);
}

// ---- modules

static void put_evidence_series(struct dicom_builder *builder, const char *sop_class,
                                const char *sop_instance, const char *series) {
    dicom_begin_item(builder);
    dicom_begin_sequence(builder, DICOM_TAG(0x0008, 0x1199));
    dicom_begin_item(builder);
    object_put_reference(builder, sop_class, sop_instance, 1);
    dicom_end_item(builder);
    dicom_end_sequence(builder);
    dicom_put_text(builder, DICOM_TAG(0x0020, 0x000E), "UI", series);
    dicom_end_item(builder);
}

// What the report refers to, of this one study.
static void put_evidence(struct dicom_builder *builder, const struct object_source *source,
                         const struct object *segmentation) {
    dicom_begin_sequence(builder, DICOM_TAG(0x0040, 0xA375));
    dicom_begin_item(builder);
    dicom_begin_sequence(builder, DICOM_TAG(0x0008, 0x1115));
    put_evidence_series(builder, source->sop_class, source->sop_instance, source->series);
    if (segmentation != NULL) {
        put_evidence_series(builder, segmentation->sop_class, segmentation->sop_instance,
                            segmentation->series);
    }
    dicom_end_sequence(builder);
    dicom_put_text(builder, DICOM_TAG(0x0020, 0x000D), "UI", source->study);
    dicom_end_item(builder);
    dicom_end_sequence(builder);
}

static void put_document(struct dicom_builder *builder) {
    dicom_begin_sequence(builder, DICOM_TAG(0x0008, 0x0110)); // Coding Scheme Identification
    dicom_begin_item(builder);
    dicom_put_text(builder, DICOM_TAG(0x0008, 0x0102), "SH", OWN_SCHEME);
    dicom_put_text(builder, DICOM_TAG(0x0008, 0x0115), "ST", "Pleura");
    dicom_end_item(builder);
    dicom_end_sequence(builder);
    dicom_begin_sequence(builder, DICOM_TAG(0x0008, 0x1111)); // Performed Procedure Step: unknown
    dicom_end_sequence(builder);
    dicom_begin_sequence(builder, DICOM_TAG(0x0040, 0xA372)); // Performed Procedure: unknown
    dicom_end_sequence(builder);
    dicom_put_text(builder, DICOM_TAG(0x0040, 0xA491), "CS", "COMPLETE");
    dicom_put_text(builder, DICOM_TAG(0x0040, 0xA492), "LO", OBJECT_WARNING);
    dicom_put_text(builder, DICOM_TAG(0x0040, 0xA493), "CS", "UNVERIFIED");
    dicom_put_text(builder, DICOM_TAG(0x0040, 0xA496), "CS", "PRELIMINARY");
}

bool object_report(const struct object_source *source, const struct object_maker *maker,
                   const struct object_measures *measures, const struct object *segmentation,
                   struct object *object, struct error *error) {
    static const struct dicom_code title = {"DCM", "126000", "Imaging Measurement Report"};
    static const struct dicom_code measurements = {"DCM", "126010", "Imaging Measurements"};
    struct dicom_builder builder = {.bytes = NULL};
    *object = (struct object){.bytes = NULL};
    object_put_common(&builder, source, maker, &KIND, object);
    put_document(&builder);
    put_evidence(&builder, source, segmentation);
    dicom_put_text(&builder, DICOM_TAG(0x0040, 0xA040), "CS", "CONTAINER");
    begin_container(&builder, &title, "1500");
    put_context(&builder, maker);
    begin_inner_container(&builder, &measurements, NULL);
    put_group(&builder, source, maker, measures, segmentation);
    end_inner_container(&builder);
    dicom_end_sequence(&builder);
    return object_finish(&builder, maker, &KIND, object, error);
}

// What all kinds of objects have in common.
#ifndef PLEURA_OBJECTS_COMMON_H
#define PLEURA_OBJECTS_COMMON_H

#include "objects/object.h"

// A kind of object, and what its series is called.
struct object_kind {
    const char *sop_class, *modality, *series_number, *description;
};

extern const struct dicom_code object_pneumothorax;

// Puts the modules Patient, General Study, Patient Study, General Series, Equipment, and the
// series' UID, which is one for all objects of this kind, of one maker, from one series.
void object_put_common(struct dicom_builder *builder, const struct object_source *source,
                       const struct object_maker *maker, const struct object_kind *kind,
                       struct object *object);

// Puts Referenced SOP Class and Instance UID, and the frame where there are several.
void object_put_reference(struct dicom_builder *builder, const char *sop_class,
                          const char *sop_instance, size_t frames);

// Puts the Common Instance Reference module (PS3.3 C.12.2) for the source.
void object_put_source_series(struct dicom_builder *builder, const struct object_source *source);

// Puts Source Image Sequence for the source, with the purpose of image processing. `in_place`: the
// object's pixels are those of the source, one for one.
void object_put_source_image(struct dicom_builder *builder, const struct object_source *source,
                             bool in_place);

// Puts rows, columns and how the pixels lie. `bits`: 1 or 8, allocated and stored.
void object_put_pixel_module(struct dicom_builder *builder, size_t rows, size_t columns,
                             size_t samples, const char *photometric, size_t bits);

// Makes the object, whose UID comes from all that has been put, and frees the builder. False, with
// an empty object, where something went wrong.
CHECKED bool object_finish(struct dicom_builder *builder, const struct object_maker *maker,
                           const struct object_kind *kind, struct object *object,
                           struct error *error);

#endif

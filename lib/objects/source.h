// The DICOM file that an object is derived from: whose image it is, and of which study.
#ifndef PLEURA_OBJECTS_SOURCE_H
#define PLEURA_OBJECTS_SOURCE_H

#include "image/dicom/write/dataset.h"

// The model that objects are made by: their Manufacturer's Model Name.
#define OBJECT_MODEL "Pleura seg"

struct object_source {
    struct dicom_file file;
    size_t rows, columns, frames;
    char sop_class[DICOM_UID_SIZE], sop_instance[DICOM_UID_SIZE];
    char study[DICOM_UID_SIZE], series[DICOM_UID_SIZE];
};

// Reads the header of a file that stays in memory until object_source_close. False for what
// dicom_describe refuses, where one of the four UIDs is missing or is no digits and dots, and for
// an object that was made here: an archive that routes all images on would have it go round for
// ever.
CHECKED bool object_source_open(const uint8_t *bytes, size_t length, struct object_source *source,
                                struct error *error);

void object_source_close(struct object_source *source);

// What of an element that is not there, or says nothing that its VR permits, is put.
enum object_absent { OBJECT_LEAVE_OUT, OBJECT_PUT_EMPTY };

// Puts the source's element as this VR (a text) into an object: without padding and control
// characters; dates and times in the form that the standard has now. True if it said something.
bool object_copy(struct dicom_builder *builder, const struct object_source *source, uint32_t tag,
                 const char *vr, enum object_absent absent);

// Puts Content Date and Time: the source's own, or else the first of its acquisition's, series' and
// study's date, each with its time; 1900-01-01 without any. Nothing is dated by a clock: equal
// input gives equal bytes.
void object_put_dates(struct dicom_builder *builder, const struct object_source *source);

// Puts Lossy Image Compression, with ratio and method where the source has them: what is derived
// from a lossy image says so (PS3.3 C.7.6.1.1.5).
void object_put_lossy(struct dicom_builder *builder, const struct object_source *source);

#endif

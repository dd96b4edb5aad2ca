// Building datasets for DICOM files: explicit VR, little endian (PS3.5 7.1.2).
#ifndef PLEURA_IMAGE_DICOM_WRITE_DATASET_H
#define PLEURA_IMAGE_DICOM_WRITE_DATASET_H

#include "image/dicom/file.h"

#define DICOM_EXPLICIT_LITTLE_ENDIAN "1.2.840.10008.1.2.1"
#define DICOM_JPEG_BASELINE "1.2.840.10008.1.2.4.50"
#define DICOM_SECONDARY_CAPTURE "1.2.840.10008.5.1.4.1.1.7"

#define DICOM_MAX_ELEMENTS 128 // of the dataset itself
#define DICOM_MAX_OPEN 16      // sequences and items, one in the other

// A dataset that grows; starts as zeros. Its elements may be put in any order, those of a
// sequence's items in the order of their tags, after which readers look for them. What goes wrong
// (no memory, too long a value) is told at the end, by dicom_file_bytes.
struct dicom_builder {
    uint8_t *bytes;
    size_t length, capacity;
    struct {
        uint32_t tag;
        size_t start;
    } elements[DICOM_MAX_ELEMENTS];
    size_t count;
    size_t open[DICOM_MAX_OPEN]; // where the lengths of open sequences and items stand
    size_t depth;
    const char *failure; // NULL: none
};

// Puts bytes of any VR; an odd length is filled up, by a NUL for UI, OB and UN and by a blank else.
void dicom_put(struct dicom_builder *builder, uint32_t tag, const char *vr, const void *bytes,
               size_t length);

void dicom_put_text(struct dicom_builder *builder, uint32_t tag, const char *vr, const char *text);

// US.
void dicom_put_number(struct dicom_builder *builder, uint32_t tag, size_t number);

// UL.
void dicom_put_long(struct dicom_builder *builder, uint32_t tag, uint32_t number);

// What is put between begin and end belongs to the sequence; within it, to an item.
void dicom_begin_sequence(struct dicom_builder *builder, uint32_t tag);
void dicom_end_sequence(struct dicom_builder *builder);
void dicom_begin_item(struct dicom_builder *builder);
void dicom_end_item(struct dicom_builder *builder);

// A coded concept (PS3.3 table 8.8-1): "SCT", "36118008", "Pneumothorax".
struct dicom_code {
    const char *scheme, *value, *meaning;
};

// A sequence of one item, the code.
void dicom_put_code(struct dicom_builder *builder, uint32_t tag, const struct dicom_code *code);

// Pixel Data of one compressed frame: an empty offset table, one fragment.
void dicom_put_encapsulated(struct dicom_builder *builder, const uint8_t *frame, size_t length);

// Makes a file of it: preamble, meta information, the elements in the order of their tags, SOP
// Class and SOP Instance UID among them. *bytes is the caller's to free. False, with what went
// wrong first, where anything has.
CHECKED bool dicom_file_bytes(struct dicom_builder *builder, const char *sop_class,
                              const char *sop_instance, const char *transfer_syntax,
                              uint8_t **bytes, size_t *length, struct error *error);

void dicom_builder_free(struct dicom_builder *builder);

#endif

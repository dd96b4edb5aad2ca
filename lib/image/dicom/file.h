// The structure of a DICOM file (PS3.5 chapter 7, PS3.10): elements, sequences, fragments. Nothing
// is copied but what a deflated file inflates to, and no length is followed beyond the bytes that
// are there. What the elements
// say is read by values.c.
#ifndef PLEURA_IMAGE_DICOM_FILE_H
#define PLEURA_IMAGE_DICOM_FILE_H

#include "core/error.h"

#include <stddef.h>
#include <stdint.h>

// A tag as one number, group in front.
#define DICOM_TAG(group, element) ((uint32_t)(group) << 16 | (element))

#define DICOM_FLOAT_PIXEL_DATA DICOM_TAG(0x7FE0, 0x0008)
#define DICOM_DOUBLE_PIXEL_DATA DICOM_TAG(0x7FE0, 0x0009)
#define DICOM_PIXEL_DATA DICOM_TAG(0x7FE0, 0x0010)

enum { DICOM_UID_SIZE = 65 }; // 64 characters and a NUL

// Elements in a row: a whole dataset or an item of a sequence.
struct dicom_set {
    const uint8_t *bytes;
    size_t length;
    bool explicit_vr, big_endian;
};

struct dicom_element {
    uint32_t tag;
    char vr[3]; // "" in implicit VR
    bool undefined_length;
    struct dicom_set value; // its bytes, without delimiters, and how they are coded
};

struct dicom_file {
    struct dicom_set data;                // everything before the pixels
    struct dicom_element pixels;          // Pixel Data of any kind, or tag 0 where there is none
    char transfer_syntax[DICOM_UID_SIZE]; // "" where the file does not tell
    uint8_t *inflated;
};

// True for 'DICM' behind a preamble, and for a file without one that starts with an element of
// group 0002 or 0008.
bool dicom_sniff(const uint8_t *bytes, size_t length);

// Finds the parts of a file that stays in memory until dicom_close. False for elements that do not
// fit into the file, and for deflated ones that inflate to more than 1 GiB.
CHECKED bool dicom_open(const uint8_t *bytes, size_t length, struct dicom_file *file,
                        struct error *error);

void dicom_close(struct dicom_file *file);

// The element of a set with this tag. False without it, also where it is empty.
bool dicom_find(const struct dicom_set *set, uint32_t tag, struct dicom_element *out);

// Do all elements of a set fit into it? dicom_find sees none behind one that does not.
bool dicom_sound(const struct dicom_set *set);

// The first item of a sequence's element.
bool dicom_first_item(const struct dicom_element *sequence, struct dicom_set *item);

// Walks over the fragments of encapsulated Pixel Data: *position starts at 0. The first is the
// offset table. False at the end.
bool dicom_next_fragment(const struct dicom_element *pixels, size_t *position,
                         const uint8_t **bytes, size_t *length);

#endif

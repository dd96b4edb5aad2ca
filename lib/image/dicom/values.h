// What the elements of a DICOM file say: numbers of whatever value representation, and text.
#ifndef PLEURA_IMAGE_DICOM_VALUES_H
#define PLEURA_IMAGE_DICOM_VALUES_H

#include "image/dicom/file.h"
#include "image/image.h"

enum dicom_given {
    DICOM_ABSENT, // no such element, or nothing in it
    DICOM_GIVEN,
    DICOM_UNCLEAR, // there, and not understood
};

// The index-th number of an element: text (DS, IS and whatever else is text; blanks around it are
// let pass, and with a notice a decimal comma), US, SS, UL, SL, UV, SV, FL, FD, OF, OD. `usual`:
// the two letters of the data dictionary, for implicit VR and UN. Finite, or it is unclear. `note`
// may be NULL.
enum dicom_given dicom_value(const struct dicom_element *element, const char *usual, size_t index,
                             double *value, struct image_note *note);

// The same for the first number of the element of a set with this tag.
enum dicom_given dicom_number(const struct dicom_set *set, uint32_t tag, const char *usual,
                              double *value, struct image_note *note);

// A whole number of 0..65535 that is there once, or several times and always the same.
enum dicom_given dicom_count(const struct dicom_set *set, uint32_t tag, unsigned *value);

// A word of text (CS, UI) without the blanks and NULs around it, that is there once, or several
// times and always the same. Unclear where the values differ or do not fit.
enum dicom_given dicom_word(const struct dicom_set *set, uint32_t tag, char *text, size_t size);

// The index-th 16-bit number of an element's value, whatever it stands for.
bool dicom_u16(const struct dicom_element *element, size_t index, uint16_t *value);

#endif

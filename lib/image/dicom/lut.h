// The look-up tables of DICOM files: Modality LUT, VOI LUT, palettes (PS3.3 C.11.1.1, C.11.2.1.1,
// C.7.6.3.1.5).
#ifndef PLEURA_IMAGE_DICOM_LUT_H
#define PLEURA_IMAGE_DICOM_LUT_H

#include "image/dicom/values.h"

struct dicom_lut {
    const uint8_t *entries;
    bool words, big_endian; // entries of 16 bits, or of 8
    bool swapped;           // of 8 bits, two in a word of a big endian file
    int64_t count, first;   // entries, and the value that the first is for
    unsigned bits;          // the fewest that hold the greatest entry; 0 where all are 0
    unsigned claimed_bits;  // what the descriptor says
};

// Reads the table of a set whose descriptor and data have these tags; its entries stay in the set.
// The values that will be looked up lie within least..greatest, which tells whether a first value
// of 32768 and more is negative: descriptors are known to have the wrong value representation, and
// implicit VR has none. Absent without both elements; unclear where the descriptor is not three
// numbers or speaks of 0 or more than 16 bits, and where the data are too short for it.
enum dicom_given dicom_lut_read(const struct dicom_set *set, uint32_t descriptor, uint32_t data,
                                double least, double greatest, struct dicom_lut *lut);

// The entry for a value; the first for what lies before, the last for what lies behind.
unsigned dicom_lut_at(const struct dicom_lut *lut, double value);

// Is there an entry for the value?
bool dicom_lut_has(const struct dicom_lut *lut, double value);

#endif

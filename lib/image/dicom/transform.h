// What a DICOM header says on the way from stored values to grey levels: Modality transformation,
// VOI transformation, padding.
#ifndef PLEURA_IMAGE_DICOM_TRANSFORM_H
#define PLEURA_IMAGE_DICOM_TRANSFORM_H

#include "image/dicom/lut.h"
#include "image/format.h"

enum dicom_voi_kind { VOI_NONE, VOI_LINEAR, VOI_LINEAR_EXACT, VOI_SIGMOID, VOI_LUT };

struct dicom_transform {
    bool has_modality_lut;
    struct dicom_lut modality_lut;
    double slope, intercept; // without such a LUT
    enum dicom_voi_kind voi;
    struct dicom_lut voi_lut;
    double centre, width;
    bool padded; // stored values that are no part of the image: min to max
    int32_t padding_min, padding_max;
};

// Stored values lie within least..greatest; least is negative where they have a sign. Whatever the
// dataset has and cannot be used is told in *note:
// - Modality LUT, else Rescale Slope and Intercept (either alone: 1, 0). Where they are not
//   understood the stored values stay as they are, and VOI is left out, as its numbers mean others.
// - VOI LUT and window, of which `prefer` wins; the other one where that is not understood. The
//   first of several. VOI LUT Function: LINEAR, LINEAR_EXACT, SIGMOID.
// - Pixel Padding Value and Pixel Padding Range Limit, in any order.
// Enhanced objects have Rescale, window and VOI LUT in functional groups, shared or of the first
// frame; these win.
void dicom_transform_read(const struct dicom_set *dataset, int32_t least, int32_t greatest,
                          enum image_voi prefer, struct dicom_transform *transform,
                          struct image_note *note);

// Does the dataset have a window or a VOI LUT, understood or not?
bool dicom_has_voi(const struct dicom_set *dataset);

// What the Modality transformation makes of a stored value.
double dicom_modality_value(const struct dicom_transform *transform, int32_t stored);

// What the VOI transformation makes of that, 0..1 from black to white; not for VOI_NONE. Windows:
// PS3.3 C.11.2.1.2 (LINEAR), C.11.2.1.3.1 (SIGMOID), C.11.2.1.3.2 (LINEAR_EXACT). A LUT's white is
// 2^n - 1, where n is the fewest bits that hold its greatest entry.
double dicom_voi_value(const struct dicom_transform *transform, double value);

// Does the value fall into the window, edges included, or have an entry in the LUT?
bool dicom_voi_covers(const struct dicom_transform *transform, double value);

#endif

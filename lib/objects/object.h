// DICOM objects that are derived from an X-ray: a segmentation, a picture, a report. Equal
// arguments give equal bytes: UIDs are made from what they name, dates are the source's.
#ifndef PLEURA_OBJECTS_OBJECT_H
#define PLEURA_OBJECTS_OBJECT_H

#include "image/image.h"
#include "objects/source.h"

// What every object says of itself to people.
#define OBJECT_WARNING "research software, not a finding"

// Who has made an object, and how.
struct object_maker {
    const char *root;      // of UIDs, see uid.h
    const char *algorithm; // its name, printable ASCII without backslashes, at most 64 characters
    const char *version;   // of its weights, likewise
    const char *rule;      // what counts as lesion, in words, likewise
};

// A whole file in memory.
struct object {
    const char *sop_class;
    char sop_instance[DICOM_UID_SIZE], series[DICOM_UID_SIZE];
    uint8_t *bytes; // to be freed by object_free
    size_t length;
};

void object_free(struct object *object);

// A Segmentation of one frame and one segment, the mask, which has the source's rows and columns.
// `fractions`: of as many pixels, 0..255 for a probability from 0 to 1, which then are its pixels
// (FRACTIONAL, PROBABILITY); NULL: the mask's are, one bit each (BINARY).
CHECKED bool object_segmentation(const struct object_source *source,
                                 const struct object_maker *maker, const struct image *mask,
                                 const uint8_t *fractions, struct object *object,
                                 struct error *error);

// A Secondary Capture for archives that show no segmentations: the source as 8-bit gray with the
// mask's outline, both of the source's size, and OBJECT_WARNING in a strip below it (caption.h).
CHECKED bool object_capture(const struct object_source *source, const struct object_maker *maker,
                            const struct image *gray, const struct image *mask,
                            struct object *object, struct error *error);

// What a report says of an image.
struct object_measures {
    size_t area; // of the lesion, in pixels
    bool has_probability;
    double probability; // the greatest of any pixel
    bool positive;      // the rule's decision: there is a lesion
};

// A Structured Report (Comprehensive SR) by the template TID 1500, with one group of measurements:
// by TID 1410 of the segmentation, or by TID 1501 of the source where that is NULL.
CHECKED bool object_report(const struct object_source *source, const struct object_maker *maker,
                           const struct object_measures *measures,
                           const struct object *segmentation, struct object *object,
                           struct error *error);

#endif

// What a DICOM header says on the way from stored values to grey levels.
#include "image/dicom/transform.h"

#include <math.h>
#include <string.h>
#include <strings.h>

#define PIXEL_PADDING_VALUE DICOM_TAG(0x0028, 0x0120)
#define PIXEL_PADDING_RANGE_LIMIT DICOM_TAG(0x0028, 0x0121)
#define WINDOW_CENTER DICOM_TAG(0x0028, 0x1050)
#define WINDOW_WIDTH DICOM_TAG(0x0028, 0x1051)
#define RESCALE_INTERCEPT DICOM_TAG(0x0028, 0x1052)
#define RESCALE_SLOPE DICOM_TAG(0x0028, 0x1053)
#define VOI_LUT_FUNCTION DICOM_TAG(0x0028, 0x1056)
#define MODALITY_LUT_SEQUENCE DICOM_TAG(0x0028, 0x3000)
#define LUT_DESCRIPTOR DICOM_TAG(0x0028, 0x3002)
#define LUT_DATA DICOM_TAG(0x0028, 0x3006)
#define VOI_LUT_SEQUENCE DICOM_TAG(0x0028, 0x3010)
#define FRAME_VOI_LUT_SEQUENCE DICOM_TAG(0x0028, 0x9132)
#define PIXEL_VALUE_TRANSFORMATION_SEQUENCE DICOM_TAG(0x0028, 0x9145)
#define SHARED_FUNCTIONAL_GROUPS DICOM_TAG(0x5200, 0x9229)
#define PER_FRAME_FUNCTIONAL_GROUPS DICOM_TAG(0x5200, 0x9230)

// A sigmoid is within a grey level of 0 or 255 beyond so many widths from its centre.
static const double SIGMOID_REACH = 1.5;

// Numbers of a Rescale beyond these make differences that a double does not hold.
static const double MAX_RESCALE = 1e15;

// ---- where things are

// The first item of a sequence of the set: absent for an empty sequence, unclear for a damaged one.
static enum dicom_given find_item(const struct dicom_set *set, uint32_t sequence,
                                  struct dicom_set *item) {
    struct dicom_element element;
    if (!dicom_find(set, sequence, &element)) {
        return DICOM_ABSENT;
    }
    return dicom_first_item(&element, item) && dicom_sound(item) ? DICOM_GIVEN : DICOM_UNCLEAR;
}

// The set to look for an attribute in: the functional groups' macro that has it, or the dataset.
static struct dicom_set find_home(const struct dicom_set *dataset, uint32_t macro, uint32_t tag,
                                  struct image_note *note) {
    static const uint32_t groups[] = {SHARED_FUNCTIONAL_GROUPS, PER_FRAME_FUNCTIONAL_GROUPS};
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        struct dicom_set group, item;
        struct dicom_element element;
        const enum dicom_given outer = find_item(dataset, groups[i], &group);
        const enum dicom_given inner =
            outer == DICOM_GIVEN ? find_item(&group, macro, &item) : outer;
        if (inner == DICOM_UNCLEAR) {
            image_note_add(note, "its functional groups (%04x,%04x) are damaged: left out",
                           groups[i] >> 16, groups[i] & 0xFFFFU);
        }
        if (inner == DICOM_GIVEN && dicom_find(&item, tag, &element)) {
            return item;
        }
    }
    return *dataset;
}

static enum dicom_given read_lut(const struct dicom_set *set, uint32_t sequence, double least,
                                 double greatest, struct dicom_lut *lut) {
    struct dicom_set item;
    const enum dicom_given given = find_item(set, sequence, &item);
    if (given != DICOM_GIVEN) {
        return given;
    }
    // An item without a table, or with one of zeros, is as little of use as a damaged one.
    return dicom_lut_read(&item, LUT_DESCRIPTOR, LUT_DATA, least, greatest, lut) == DICOM_GIVEN &&
                   lut->bits > 0
               ? DICOM_GIVEN
               : DICOM_UNCLEAR;
}

// ---- Modality

static enum dicom_given read_rescale(const struct dicom_set *dataset,
                                     struct dicom_transform *transform, struct image_note *note) {
    const struct dicom_set set =
        find_home(dataset, PIXEL_VALUE_TRANSFORMATION_SEQUENCE, RESCALE_SLOPE, note);
    double slope = 1, intercept = 0;
    const enum dicom_given has_slope = dicom_number(&set, RESCALE_SLOPE, "DS", &slope, note);
    const enum dicom_given has_intercept =
        dicom_number(&set, RESCALE_INTERCEPT, "DS", &intercept, note);
    if (has_slope == DICOM_UNCLEAR || has_intercept == DICOM_UNCLEAR || fabs(slope) > MAX_RESCALE ||
        fabs(slope) < 1 / MAX_RESCALE || fabs(intercept) > MAX_RESCALE) {
        return DICOM_UNCLEAR;
    }
    if (has_slope != has_intercept) {
        image_note_add(note, "has a Rescale %s: the other is taken as %d",
                       has_slope == DICOM_GIVEN ? "Slope and no Intercept"
                                                : "Intercept and no Slope",
                       has_slope == DICOM_GIVEN ? 0 : 1);
    }
    transform->slope = slope;
    transform->intercept = intercept;
    return DICOM_GIVEN;
}

// False where it is not understood.
static bool read_modality(const struct dicom_set *dataset, int32_t least, int32_t greatest,
                          struct dicom_transform *transform, struct image_note *note) {
    const enum dicom_given lut =
        read_lut(dataset, MODALITY_LUT_SEQUENCE, least, greatest, &transform->modality_lut);
    transform->has_modality_lut = lut == DICOM_GIVEN;
    if (lut == DICOM_GIVEN) {
        return true;
    }
    const bool good = lut == DICOM_ABSENT && read_rescale(dataset, transform, note) == DICOM_GIVEN;
    if (!good) {
        image_note_add(note,
                       "its %s is not understood: left out, and with it any window or VOI LUT",
                       lut == DICOM_UNCLEAR ? "Modality LUT" : "Rescale Slope or Intercept");
    }
    return good;
}

double dicom_modality_value(const struct dicom_transform *transform, int32_t stored) {
    return transform->has_modality_lut ? dicom_lut_at(&transform->modality_lut, stored)
                                       : stored * transform->slope + transform->intercept;
}

// ---- VOI

static enum dicom_given read_voi_lut(const struct dicom_set *dataset, double least, double greatest,
                                     struct dicom_transform *transform, struct image_note *note) {
    const struct dicom_set set = find_home(dataset, FRAME_VOI_LUT_SEQUENCE, VOI_LUT_SEQUENCE, note);
    struct dicom_lut *lut = &transform->voi_lut;
    const enum dicom_given given = read_lut(&set, VOI_LUT_SEQUENCE, least, greatest, lut);
    if (given == DICOM_UNCLEAR) {
        image_note_add(note, "its VOI LUT is damaged: left out");
    } else if (given == DICOM_GIVEN) {
        transform->voi = VOI_LUT;
        if (lut->bits != lut->claimed_bits) {
            image_note_add(note, "its VOI LUT has %u bits, not the %u that it says: white is %u",
                           lut->bits, lut->claimed_bits, (1U << lut->bits) - 1);
        }
    }
    return given;
}

static enum dicom_voi_kind read_function(const struct dicom_set *set, struct image_note *note) {
    char function[17] = "";
    const enum dicom_given given = dicom_word(set, VOI_LUT_FUNCTION, function, sizeof function);
    if (given == DICOM_GIVEN && strcasecmp(function, "LINEAR_EXACT") == 0) {
        return VOI_LINEAR_EXACT;
    }
    if (given == DICOM_GIVEN && strcasecmp(function, "SIGMOID") == 0) {
        return VOI_SIGMOID;
    }
    if (given != DICOM_ABSENT && strcasecmp(function, "LINEAR") != 0) {
        image_note_add(note, "its VOI LUT Function is not known: taken as LINEAR");
    }
    return VOI_LINEAR;
}

// The first pair of which there is anything.
static enum dicom_given read_pair(const struct dicom_set *set, double *centre, double *width,
                                  struct image_note *note) {
    enum { PAIRS = 64 };
    struct dicom_element centres, widths;
    const bool has_centres = dicom_find(set, WINDOW_CENTER, &centres);
    const bool has_widths = dicom_find(set, WINDOW_WIDTH, &widths);
    for (size_t i = 0; i < PAIRS && has_centres && has_widths; i++) {
        const enum dicom_given first = dicom_value(&centres, "DS", i, centre, note);
        const enum dicom_given second = dicom_value(&widths, "DS", i, width, note);
        if (first != DICOM_ABSENT || second != DICOM_ABSENT) {
            return first == DICOM_GIVEN && second == DICOM_GIVEN ? DICOM_GIVEN : DICOM_UNCLEAR;
        }
    }
    return has_centres || has_widths ? DICOM_UNCLEAR : DICOM_ABSENT;
}

static enum dicom_given read_window(const struct dicom_set *dataset,
                                    struct dicom_transform *transform, struct image_note *note) {
    const struct dicom_set set = find_home(dataset, FRAME_VOI_LUT_SEQUENCE, WINDOW_CENTER, note);
    double centre = 0, width = 0;
    const enum dicom_given given = read_pair(&set, &centre, &width, note);
    if (given == DICOM_UNCLEAR) {
        image_note_add(note, "its window is not understood: left out");
    }
    if (given != DICOM_GIVEN) {
        return given;
    }
    const enum dicom_voi_kind kind = read_function(&set, note);
    if (kind == VOI_LINEAR ? width < 1 : width <= 0) {
        image_note_add(note, "its window has a width of %g: left out", width);
        return DICOM_UNCLEAR;
    }
    transform->voi = kind;
    transform->centre = centre;
    transform->width = width;
    return DICOM_GIVEN;
}

double dicom_voi_value(const struct dicom_transform *transform, double value) {
    const double centre = transform->centre, width = transform->width;
    switch (transform->voi) {
    case VOI_LINEAR:
        return value <= centre - 0.5 - (width - 1) / 2 ? 0
               : value > centre - 0.5 + (width - 1) / 2
                   ? 1
                   : (value - (centre - 0.5)) / (width - 1) + 0.5;
    case VOI_LINEAR_EXACT: return (value - centre) / width + 0.5;
    case VOI_SIGMOID: return 1 / (1 + exp(-4 * (value - centre) / width));
    default:
        return dicom_lut_at(&transform->voi_lut, value) / ((1U << transform->voi_lut.bits) - 1.0);
    }
}

bool dicom_voi_covers(const struct dicom_transform *transform, double value) {
    const double width = transform->width;
    switch (transform->voi) {
    case VOI_LINEAR: return fabs(value - (transform->centre - 0.5)) <= (width - 1) / 2;
    case VOI_LINEAR_EXACT: return fabs(value - transform->centre) <= width / 2;
    case VOI_SIGMOID: return fabs(value - transform->centre) <= width * SIGMOID_REACH;
    default: return dicom_lut_has(&transform->voi_lut, value);
    }
}

bool dicom_has_voi(const struct dicom_set *dataset) {
    static const uint32_t tags[] = {WINDOW_CENTER, WINDOW_WIDTH, VOI_LUT_SEQUENCE};
    struct image_note unsaid = {""};
    struct dicom_element element;
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        const struct dicom_set set = find_home(dataset, FRAME_VOI_LUT_SEQUENCE, tags[i], &unsaid);
        if (dicom_find(&set, tags[i], &element)) {
            return true;
        }
    }
    return false;
}

// ---- padding

// A stored value. Its representation is Pixel Representation's whatever the element's own says: a
// number beyond the one's range is the other's two's complement.
static enum dicom_given read_stored(const struct dicom_set *dataset, uint32_t tag, bool is_signed,
                                    int32_t *stored, struct image_note *note) {
    double value = 0;
    const enum dicom_given given =
        dicom_number(dataset, tag, is_signed ? "SS" : "US", &value, note);
    if (given != DICOM_GIVEN) {
        return given;
    }
    if (value < INT16_MIN || value > UINT16_MAX || value != floor(value)) {
        return DICOM_UNCLEAR;
    }
    const uint16_t bits = (uint16_t)(int32_t)value;
    *stored = is_signed ? (int16_t)bits : bits;
    return DICOM_GIVEN;
}

static void read_padding(const struct dicom_set *dataset, bool is_signed,
                         struct dicom_transform *transform, struct image_note *note) {
    int32_t value = 0, limit = 0;
    const enum dicom_given has_value =
        read_stored(dataset, PIXEL_PADDING_VALUE, is_signed, &value, note);
    const enum dicom_given has_limit =
        read_stored(dataset, PIXEL_PADDING_RANGE_LIMIT, is_signed, &limit, note);
    if (has_value == DICOM_UNCLEAR || has_limit == DICOM_UNCLEAR) {
        image_note_add(note, "its Pixel Padding %s is not understood: left out",
                       has_value == DICOM_UNCLEAR ? "Value" : "Range Limit");
    } else if (has_limit == DICOM_GIVEN && has_value == DICOM_ABSENT) {
        image_note_add(note,
                       "has a Pixel Padding Range Limit and no Pixel Padding Value: left out");
    }
    transform->padded = has_value == DICOM_GIVEN;
    limit = has_limit == DICOM_GIVEN ? limit : value;
    transform->padding_min = value < limit ? value : limit;
    transform->padding_max = value < limit ? limit : value;
}

// ---- all of it

// Both ends of what the Modality transformation can give.
static void modality_range(const struct dicom_transform *transform, int32_t least, int32_t greatest,
                           double *low, double *high) {
    const double one = dicom_modality_value(transform, least);
    const double other = dicom_modality_value(transform, greatest);
    *low = transform->has_modality_lut ? 0 : fmin(one, other);
    *high =
        transform->has_modality_lut ? (1U << transform->modality_lut.bits) - 1.0 : fmax(one, other);
}

void dicom_transform_read(const struct dicom_set *dataset, int32_t least, int32_t greatest,
                          enum image_voi prefer, struct dicom_transform *transform,
                          struct image_note *note) {
    *transform = (struct dicom_transform){.slope = 1, .intercept = 0, .voi = VOI_NONE};
    read_padding(dataset, least < 0, transform, note);
    if (!read_modality(dataset, least, greatest, transform, note)) {
        return;
    }
    double low = 0, high = 0;
    modality_range(transform, least, greatest, &low, &high);
    if (prefer == IMAGE_VOI_LUT) {
        if (read_voi_lut(dataset, low, high, transform, note) != DICOM_GIVEN) {
            (void)read_window(dataset, transform, note);
        }
    } else if (read_window(dataset, transform, note) != DICOM_GIVEN) {
        (void)read_voi_lut(dataset, low, high, transform, note);
    }
}

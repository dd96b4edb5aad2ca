// The samples of a DICOM frame to 8-bit gray: one table for every value that a sample can have,
// then one look-up a pixel.
#include "image/dicom_gray.h"

#include <math.h>
#include <string.h>

#define WINDOW_CENTER DICOM_TAG(0x0028, 0x1050)
#define WINDOW_WIDTH DICOM_TAG(0x0028, 0x1051)
#define VOI_LUT_FUNCTION DICOM_TAG(0x0028, 0x1056)
#define VOI_LUT_SEQUENCE DICOM_TAG(0x0028, 0x3010)
#define FRAME_VOI_LUT_SEQUENCE DICOM_TAG(0x0028, 0x9132)
#define RESCALE_INTERCEPT DICOM_TAG(0x0028, 0x1052)
#define RESCALE_SLOPE DICOM_TAG(0x0028, 0x1053)
#define MODALITY_LUT_SEQUENCE DICOM_TAG(0x0028, 0x3000)
#define PIXEL_VALUE_TRANSFORMATION_SEQUENCE DICOM_TAG(0x0028, 0x9145)
#define LUT_DESCRIPTOR DICOM_TAG(0x0028, 0x3002)
#define LUT_DATA DICOM_TAG(0x0028, 0x3006)
#define PALETTE_DESCRIPTOR DICOM_TAG(0x0028, 0x1101) // red; green and blue follow
#define PALETTE_DATA DICOM_TAG(0x0028, 0x1201)
#define SEGMENTED_PALETTE_DATA DICOM_TAG(0x0028, 0x1221)
#define SHARED_FUNCTIONAL_GROUPS DICOM_TAG(0x5200, 0x9229)
#define PER_FRAME_FUNCTIONAL_GROUPS DICOM_TAG(0x5200, 0x9230)

enum { VALUES = 1 << 16 };

struct lut {
    const uint8_t *entries;
    bool words, big_endian;
    int64_t count, first;
    unsigned bits;
};

struct modality {
    bool has_lut;
    struct lut lut;
    double slope, intercept;
};

enum voi_kind { VOI_RANGE, VOI_LINEAR, VOI_LINEAR_EXACT, VOI_SIGMOID, VOI_LUT };

struct voi {
    enum voi_kind kind;
    double centre, width;
    double least, greatest; // of the range
    struct lut lut;
};

// ---- look-up tables

static bool read_lut(const struct dicom_set *set, uint32_t descriptor, uint32_t data,
                     bool is_signed, struct lut *lut) {
    uint16_t count = 0, first = 0, bits = 0;
    struct dicom_element element;
    if (!dicom_u16(set, descriptor, 0, &count) || !dicom_u16(set, descriptor, 1, &first) ||
        !dicom_u16(set, descriptor, 2, &bits) || !dicom_find(set, data, &element) || bits == 0 ||
        bits > 16) {
        return false;
    }
    *lut = (struct lut){
        .entries = element.value.bytes,
        .big_endian = element.value.big_endian,
        .count = count == 0 ? VALUES : count,
        .first = is_signed ? (int16_t)first : first,
        .bits = bits,
    };
    lut->words = element.value.length / 2 >= (size_t)lut->count;
    return element.value.length >= (size_t)lut->count;
}

static unsigned look_up(const struct lut *lut, int64_t value) {
    int64_t at = value - lut->first;
    at = at < 0 ? 0 : at >= lut->count ? lut->count - 1 : at;
    if (!lut->words) {
        return lut->entries[at];
    }
    const uint8_t *entry = lut->entries + 2 * at;
    const unsigned word = lut->big_endian ? (unsigned)(entry[0] << 8 | entry[1])
                                          : (unsigned)(entry[1] << 8 | entry[0]);
    return word & ((1U << lut->bits) - 1);
}

// ---- what the dataset says

// The set that has the attributes of a functional group's macro: that macro, or the dataset.
static struct dicom_set find_macro(const struct dicom_set *dataset, uint32_t macro) {
    static const uint32_t groups[] = {SHARED_FUNCTIONAL_GROUPS, PER_FRAME_FUNCTIONAL_GROUPS};
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        struct dicom_element element;
        struct dicom_set item;
        if (dicom_find(dataset, groups[i], &element) && dicom_first_item(&element, &item) &&
            dicom_find(&item, macro, &element) && dicom_first_item(&element, &item)) {
            return item;
        }
    }
    return *dataset;
}

static bool read_sequence_lut(const struct dicom_set *set, uint32_t sequence, bool is_signed,
                              struct lut *lut) {
    struct dicom_element element;
    struct dicom_set item;
    return dicom_find(set, sequence, &element) && dicom_first_item(&element, &item) &&
           read_lut(&item, LUT_DESCRIPTOR, LUT_DATA, is_signed, lut);
}

static struct modality read_modality(const struct dicom_set *dataset, bool is_signed) {
    struct modality modality = {.slope = 1, .intercept = 0};
    const struct dicom_set set = find_macro(dataset, PIXEL_VALUE_TRANSFORMATION_SEQUENCE);
    modality.has_lut = read_sequence_lut(dataset, MODALITY_LUT_SEQUENCE, is_signed, &modality.lut);
    if (!dicom_decimal(&set, RESCALE_SLOPE, &modality.slope) || modality.slope == 0 ||
        !dicom_decimal(&set, RESCALE_INTERCEPT, &modality.intercept)) {
        modality.slope = 1;
        modality.intercept = 0;
    }
    return modality;
}

static bool read_window(const struct dicom_set *set, struct voi *voi) {
    char function[17] = "LINEAR";
    (void)dicom_text(set, VOI_LUT_FUNCTION, function, sizeof function);
    const bool exact = strcmp(function, "LINEAR_EXACT") == 0;
    const bool sigmoid = strcmp(function, "SIGMOID") == 0;
    voi->kind = exact ? VOI_LINEAR_EXACT : sigmoid ? VOI_SIGMOID : VOI_LINEAR;
    return dicom_decimal(set, WINDOW_CENTER, &voi->centre) &&
           dicom_decimal(set, WINDOW_WIDTH, &voi->width) &&
           (exact || sigmoid ? voi->width > 0 : voi->width >= 1);
}

static struct voi read_voi(const struct dicom_set *dataset, bool is_signed, enum image_voi prefer) {
    struct voi lut = {.kind = VOI_LUT}, window = {.kind = VOI_LINEAR};
    const struct dicom_set set = find_macro(dataset, FRAME_VOI_LUT_SEQUENCE);
    const bool has_lut = read_sequence_lut(&set, VOI_LUT_SEQUENCE, is_signed, &lut.lut);
    const bool has_window = read_window(&set, &window);
    if (has_lut && (prefer == IMAGE_VOI_LUT || !has_window)) {
        return lut;
    }
    return has_window ? window : (struct voi){.kind = VOI_RANGE};
}

// ---- one value

static int32_t stored_value(const struct dicom_frame *frame, unsigned raw) {
    const int32_t value = (int32_t)(raw >> frame->shift & ((1U << frame->stored_bits) - 1));
    const int32_t sign = 1 << (frame->stored_bits - 1);
    return frame->is_signed ? (value ^ sign) - sign : value;
}

static double modality_value(const struct modality *modality, int32_t stored) {
    return modality->has_lut ? look_up(&modality->lut, stored)
                             : stored * modality->slope + modality->intercept;
}

static double window_value(const struct voi *voi, double value) {
    const double centre = voi->centre, width = voi->width;
    switch (voi->kind) {
    case VOI_LINEAR:
        return value <= centre - 0.5 - (width - 1) / 2 ? 0
               : value > centre - 0.5 + (width - 1) / 2
                   ? 1
                   : (value - (centre - 0.5)) / (width - 1) + 0.5;
    case VOI_LINEAR_EXACT: return (value - centre) / width + 0.5;
    case VOI_SIGMOID: return 1 / (1 + exp(-4 * (value - centre) / width));
    case VOI_LUT: {
        const double at = value > -VALUES ? value < VALUES ? value : VALUES : -VALUES;
        return look_up(&voi->lut, (int64_t)floor(at + 0.5)) / ((1U << voi->lut.bits) - 1.0);
    }
    default:
        return voi->greatest > voi->least ? (value - voi->least) / (voi->greatest - voi->least) : 0;
    }
}

// Also of what is no number: a rescale can overflow.
static uint8_t to_byte(double fraction) {
    return (uint8_t)(255 * (fraction > 0 ? fraction < 1 ? fraction : 1 : 0) + 0.5);
}

static unsigned luma(unsigned red, unsigned green, unsigned blue) {
    return (unsigned)((19595ULL * red + 38470ULL * green + 7471ULL * blue + 32768) >> 16);
}

// ---- pixels of one sample

// Where pixel i's sample (luma, gray, index) is, counted in samples.
static size_t sample_at(const struct dicom_frame *frame, size_t i) {
    return frame->halved ? i / 2 * 4 + i % 2 : frame->planar ? i : i * frame->samples;
}

static unsigned raw_value(const struct dicom_frame *frame, size_t i) {
    const size_t at = sample_at(frame, i);
    switch (frame->sample_bits) {
    case 1: return frame->bytes[at / 8] >> (at % 8) & 1U;
    case 8: return frame->bytes[at];
    default: return (unsigned)(frame->bytes[2 * at + 1] << 8 | frame->bytes[2 * at]);
    }
}

static void find_range(const struct dicom_frame *frame, const struct modality *modality,
                       struct voi *voi) {
    bool present[VALUES] = {false};
    const size_t pixels = frame->rows * frame->columns;
    for (size_t i = 0; i < pixels; i++) {
        present[raw_value(frame, i)] = true;
    }
    voi->least = INFINITY;
    voi->greatest = -INFINITY;
    for (size_t raw = 0; raw < VALUES; raw++) {
        if (present[raw]) {
            const double value = modality_value(modality, stored_value(frame, (unsigned)raw));
            voi->least = value < voi->least ? value : voi->least;
            voi->greatest = value > voi->greatest ? value : voi->greatest;
        }
    }
}

static void fill_gray(const struct dicom_set *dataset, const struct dicom_frame *frame,
                      enum image_voi prefer, uint8_t *table) {
    const unsigned count = 1U << frame->sample_bits;
    const bool inverted = frame->colour == DICOM_MONOCHROME1;
    if (frame->stored_bits == 1) {
        for (unsigned raw = 0; raw < count; raw++) {
            table[raw] = raw >> frame->shift & 1 ? 255 : 0;
        }
    } else if (frame->stored_bits == 8 && !frame->is_signed) {
        for (unsigned raw = 0; raw < count; raw++) {
            table[raw] = (uint8_t)stored_value(frame, raw);
        }
    } else {
        const struct modality modality = read_modality(dataset, frame->is_signed);
        struct voi voi = read_voi(dataset, frame->is_signed, prefer);
        if (voi.kind == VOI_RANGE) {
            find_range(frame, &modality, &voi);
        }
        for (unsigned raw = 0; raw < count; raw++) {
            const double value = modality_value(&modality, stored_value(frame, raw));
            table[raw] = to_byte(window_value(&voi, value));
        }
    }
    for (unsigned raw = 0; inverted && raw < count; raw++) {
        table[raw] = (uint8_t)(255 - table[raw]);
    }
}

static bool fill_palette(const struct dicom_set *dataset, const struct dicom_frame *frame,
                         uint8_t *table, struct error *error) {
    struct lut lut[3];
    struct dicom_element segmented;
    if (dicom_find(dataset, SEGMENTED_PALETTE_DATA, &segmented)) {
        return fail(error, "has a segmented palette: only plain ones are read");
    }
    for (unsigned i = 0; i < 3; i++) {
        if (!read_lut(dataset, PALETTE_DESCRIPTOR + i, PALETTE_DATA + i, frame->is_signed,
                      &lut[i])) {
            return fail(error, "its palette is missing or too short");
        }
    }
    for (unsigned raw = 0; raw < 1U << frame->sample_bits; raw++) {
        unsigned rgb[3];
        for (unsigned i = 0; i < 3; i++) {
            const unsigned entry = look_up(&lut[i], stored_value(frame, raw));
            rgb[i] = lut[i].bits > 8 ? entry >> (lut[i].bits - 8) : entry;
        }
        table[raw] = (uint8_t)luma(rgb[0], rgb[1], rgb[2]);
    }
    return true;
}

static void map_gray(const struct dicom_frame *frame, const uint8_t *table, struct image *out) {
    const size_t pixels = frame->rows * frame->columns;
    const bool plain = frame->samples == 1 || (frame->planar && !frame->halved);
    if (plain && frame->sample_bits == 8) {
        for (size_t i = 0; i < pixels; i++) {
            out->pixels[i] = table[frame->bytes[i]];
        }
    } else {
        for (size_t i = 0; i < pixels; i++) {
            out->pixels[i] = table[raw_value(frame, i)];
        }
    }
}

// ---- pixels of three samples

static void map_rgb(const struct dicom_frame *frame, struct image *out) {
    const size_t pixels = frame->rows * frame->columns;
    const size_t step = frame->planar ? 1 : 3, plane = frame->planar ? pixels : 1;
    const unsigned most = (1U << frame->stored_bits) - 1;
    const struct dicom_frame flat = {.bytes = frame->bytes,
                                     .samples = 1,
                                     .sample_bits = frame->sample_bits,
                                     .stored_bits = frame->stored_bits,
                                     .shift = frame->shift};
    for (size_t i = 0; i < pixels; i++) {
        unsigned rgb[3];
        for (size_t j = 0; j < 3; j++) {
            rgb[j] = (unsigned)stored_value(&flat, raw_value(&flat, i * step + j * plane));
        }
        const unsigned gray = luma(rgb[0], rgb[1], rgb[2]);
        out->pixels[i] = (uint8_t)(most == 255 ? gray : (gray * 255 + most / 2) / most);
    }
}

bool dicom_frame_to_gray(const struct dicom_set *dataset, const struct dicom_frame *frame,
                         enum image_voi prefer, struct image *out, struct error *error) {
    if (frame->colour == DICOM_RGB) {
        if (frame->is_signed) {
            return fail(error, "colours with a sign are not read");
        }
        map_rgb(frame, out);
        return true;
    }
    const bool as_it_is = frame->colour == DICOM_MONOCHROME2 && frame->sample_bits == 8 &&
                          frame->stored_bits == 8 && !frame->is_signed;
    if (as_it_is) {
        if (frame->bytes != out->pixels) {
            memcpy(out->pixels, frame->bytes, frame->rows * frame->columns);
        }
        return true;
    }
    uint8_t table[VALUES];
    if (frame->colour == DICOM_PALETTE) {
        if (!fill_palette(dataset, frame, table, error)) {
            return false;
        }
    } else if (frame->colour == DICOM_YBR) {
        for (unsigned raw = 0; raw < 1U << frame->sample_bits; raw++) {
            table[raw] = to_byte(stored_value(frame, raw) / ((1U << frame->stored_bits) - 1.0));
        }
    } else {
        fill_gray(dataset, frame, prefer, table);
    }
    map_gray(frame, table, out);
    return true;
}

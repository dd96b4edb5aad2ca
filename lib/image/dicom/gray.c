// The samples of a DICOM frame to 8-bit gray: one table for every value that a sample can have,
// then one look-up a pixel.
#include "image/dicom/gray.h"

#include "image/dicom/transform.h"

#include <math.h>
#include <string.h>
#include <strings.h>

#define PALETTE_DESCRIPTOR DICOM_TAG(0x0028, 0x1101) // red; green and blue follow
#define PALETTE_DATA DICOM_TAG(0x0028, 0x1201)
#define SEGMENTED_PALETTE_DATA DICOM_TAG(0x0028, 0x1221)
#define PRESENTATION_LUT_SEQUENCE DICOM_TAG(0x2050, 0x0010)
#define PRESENTATION_LUT_SHAPE DICOM_TAG(0x2050, 0x0020)

enum {
    VALUES = 1 << 16,
    DISPLAY_BITS = 8, // values of so many bits and without a sign are for display as they are
};

// ---- one sample

static int32_t stored_value(const struct dicom_frame *frame, unsigned raw) {
    const int32_t value = (int32_t)(raw >> frame->shift & ((1U << frame->stored_bits) - 1));
    const int32_t sign = 1 << (frame->stored_bits - 1);
    return frame->is_signed ? (value ^ sign) - sign : value;
}

// Do bits of a sample beyond the value say something? Those above a negative one may repeat its
// sign.
static bool has_more_bits(const struct dicom_frame *frame, unsigned raw) {
    const unsigned low = raw & ((1U << frame->shift) - 1);
    const unsigned high = raw >> frame->shift >> frame->stored_bits;
    const unsigned all = (1U << frame->sample_bits) - 1;
    const bool repeats =
        stored_value(frame, raw) < 0 && high == all >> frame->shift >> frame->stored_bits;
    return low != 0 || (high != 0 && !repeats);
}

// Is it the image's padding, as a stored value or with all its bits?
static bool is_padding(const struct dicom_frame *frame, const struct dicom_transform *transform,
                       unsigned raw) {
    const int32_t least = transform->padding_min, greatest = transform->padding_max;
    const int32_t stored = stored_value(frame, raw);
    const int32_t whole = frame->is_signed ? (int16_t)raw : (int32_t)raw;
    return transform->padded &&
           ((stored >= least && stored <= greatest) ||
            (frame->sample_bits == 16 && frame->shift == 0 && whole >= least && whole <= greatest));
}

static unsigned luma(unsigned red, unsigned green, unsigned blue) {
    return (unsigned)((19595ULL * red + 38470ULL * green + 7471ULL * blue + 32768) >> 16);
}

// Where pixel i's sample (luma, gray, index) is, counted in samples.
static size_t sample_at(const struct dicom_frame *frame, size_t i) {
    return frame->halved ? i / 2 * 4 + i % 2 : frame->planar ? i : i * frame->samples;
}

static unsigned raw_value(const struct dicom_frame *frame, size_t i) {
    const size_t index = sample_at(frame, i);
    switch (frame->sample_bits) {
    case 1: return frame->bytes[index / 8] >> (index % 8) & 1U;
    case 8: return frame->bytes[index];
    default: return (unsigned)(frame->bytes[2 * index + 1] << 8 | frame->bytes[2 * index]);
    }
}

// ---- gray

// The sample values of a frame, and the modality values of them.
struct gray {
    const struct dicom_frame *frame;
    struct dicom_transform transform;
    bool present[VALUES]; // in the image, not as padding
};

static double value_of(const struct gray *gray, unsigned raw) {
    return dicom_modality_value(&gray->transform, stored_value(gray->frame, raw));
}

// Marks what is present; of an image of nothing but padding all of that.
static void find_present(struct gray *gray, struct image_note *note) {
    const struct dicom_frame *frame = gray->frame;
    const size_t pixels = frame->rows * frame->columns;
    bool any = false, more_bits = false;
    bool padding[VALUES] = {false};
    for (size_t i = 0; i < pixels; i++) {
        gray->present[raw_value(frame, i)] = true;
    }
    for (unsigned raw = 0; raw < VALUES; raw++) {
        padding[raw] = gray->present[raw] && is_padding(frame, &gray->transform, raw);
        gray->present[raw] = gray->present[raw] && !padding[raw];
        any |= gray->present[raw];
        more_bits |= gray->present[raw] && has_more_bits(frame, raw);
    }
    if (!any) {
        image_note_add(note, "all its pixels are padding: taken as the picture");
        memcpy(gray->present, padding, sizeof padding);
    }
    if (more_bits) {
        image_note_add(note, "has bits set beyond the %u stored: left out", frame->stored_bits);
    }
}

static void check_covered(const struct gray *gray, struct image_note *note) {
    const struct dicom_transform *transform = &gray->transform;
    for (unsigned raw = 0; raw < VALUES; raw++) {
        if (gray->present[raw] && dicom_voi_covers(transform, value_of(gray, raw))) {
            return;
        }
    }
    if (transform->voi == VOI_LUT) {
        image_note_add(note, "no pixel falls into its VOI LUT");
    } else {
        image_note_add(note, "no pixel falls into its window %g/%g", transform->centre,
                       transform->width);
    }
}

// Without a window or LUT: the least and the greatest value, which become black and white.
static void find_range(const struct gray *gray, bool display, double *least, double *greatest) {
    const struct dicom_frame *frame = gray->frame;
    *least = INFINITY;
    *greatest = -INFINITY;
    for (unsigned raw = 0; raw < 1U << frame->sample_bits; raw++) {
        const bool possible = display && stored_value(frame, raw) < 1 << frame->depth;
        if (possible || gray->present[raw]) {
            const double value = value_of(gray, raw);
            *least = fmin(*least, value);
            *greatest = fmax(*greatest, value);
        }
    }
}

// Photometric Interpretation decides; what says otherwise is told.
static void check_presentation(const struct dicom_set *dataset, bool inverted,
                               struct image_note *note) {
    char shape[17] = "";
    struct dicom_element sequence;
    const enum dicom_given given = dicom_word(dataset, PRESENTATION_LUT_SHAPE, shape, sizeof shape);
    const bool agrees = strcasecmp(shape, inverted ? "INVERSE" : "IDENTITY") == 0;
    if (given != DICOM_ABSENT && !agrees) {
        image_note_add(note, "its Presentation LUT Shape is not that of MONOCHROME%d: left out",
                       inverted ? 1 : 2);
    }
    if (dicom_find(dataset, PRESENTATION_LUT_SEQUENCE, &sequence)) {
        image_note_add(note, "has a Presentation LUT: left out");
    }
}

static void fill_gray(const struct dicom_set *dataset, const struct dicom_frame *frame,
                      const struct image_options *options, uint8_t *table,
                      struct image_note *note) {
    struct gray gray = {.frame = frame};
    const bool inverted = frame->colour == DICOM_MONOCHROME1;
    const bool display = frame->depth <= DISPLAY_BITS && !frame->is_signed;
    const int32_t values = 1 << frame->stored_bits;
    const int32_t negative = frame->is_signed ? values / 2 : 0;
    dicom_transform_read(dataset, -negative, values - 1 - negative, options->voi, &gray.transform,
                         note);
    check_presentation(dataset, inverted, note);
    const bool ranged = gray.transform.voi == VOI_NONE;
    if (!ranged || !display || frame->sample_bits > frame->depth) {
        find_present(&gray, note);
    }
    double least = 0, greatest = 0;
    if (ranged) {
        find_range(&gray, display, &least, &greatest);
        least = options->from_zero && least > 0 ? 0 : least;
    } else {
        check_covered(&gray, note);
    }
    const double width = greatest > least ? greatest - least : INFINITY;
    for (unsigned raw = 0; raw < 1U << frame->sample_bits; raw++) {
        const double value = value_of(&gray, raw);
        const uint8_t level =
            image_level(ranged ? (value - least) / width : dicom_voi_value(&gray.transform, value));
        table[raw] = inverted ? (uint8_t)(255 - level) : level;
    }
}

// ---- colours

static bool read_palette(const struct dicom_set *dataset, const struct dicom_frame *frame,
                         struct dicom_lut lut[3], struct error *error) {
    const int32_t values = 1 << frame->stored_bits;
    const int32_t negative = frame->is_signed ? values / 2 : 0;
    struct dicom_element segmented;
    if (dicom_find(dataset, SEGMENTED_PALETTE_DATA, &segmented)) {
        return fail(error, "has a segmented palette: only plain ones are read");
    }
    for (unsigned i = 0; i < 3; i++) {
        if (dicom_lut_read(dataset, PALETTE_DESCRIPTOR + i, PALETTE_DATA + i, -negative,
                           values - 1 - negative, &lut[i]) != DICOM_GIVEN) {
            return fail(error, "its palette is missing or too short");
        }
    }
    return true;
}

bool dicom_check_palette(const struct dicom_set *dataset, const struct dicom_frame *frame,
                         struct error *error) {
    struct dicom_lut lut[3];
    return frame->colour != DICOM_PALETTE || read_palette(dataset, frame, lut, error);
}

static bool fill_palette(const struct dicom_set *dataset, const struct dicom_frame *frame,
                         uint8_t *table, struct error *error) {
    struct dicom_lut lut[3];
    unsigned bits = 0, claimed_bits = DISPLAY_BITS;
    if (!read_palette(dataset, frame, lut, error)) {
        return false;
    }
    for (unsigned i = 0; i < 3; i++) {
        bits = lut[i].bits > bits ? lut[i].bits : bits;
        claimed_bits = lut[i].claimed_bits > claimed_bits ? lut[i].claimed_bits : claimed_bits;
    }
    // Entries of 8 bits are known to be called 16.
    bits = bits <= DISPLAY_BITS ? DISPLAY_BITS : claimed_bits > bits ? claimed_bits : bits;
    for (unsigned raw = 0; raw < 1U << frame->sample_bits; raw++) {
        const int32_t value = stored_value(frame, raw);
        unsigned rgb[3];
        for (unsigned i = 0; i < 3; i++) {
            rgb[i] = dicom_lut_at(&lut[i], value) >> (bits - DISPLAY_BITS);
        }
        table[raw] = (uint8_t)luma(rgb[0], rgb[1], rgb[2]);
    }
    return true;
}

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

// ---- all

// Nothing is to be done where samples are in place and the table changes none.
static void map_gray(const struct dicom_frame *frame, const uint8_t *table, struct image *out) {
    const size_t pixels = frame->rows * frame->columns;
    const bool plain = frame->samples == 1 || (frame->planar && !frame->halved);
    bool same = plain && frame->sample_bits == 8;
    for (unsigned raw = 0; same && raw < 256; raw++) {
        same = table[raw] == raw;
    }
    if (same && frame->bytes != out->pixels) {
        memcpy(out->pixels, frame->bytes, pixels);
    }
    if (same) {
        return;
    }
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

bool dicom_frame_to_gray(const struct dicom_set *dataset, const struct dicom_frame *frame,
                         const struct image_options *options, struct image *out,
                         struct image_note *note, struct error *error) {
    const bool colour = frame->colour != DICOM_MONOCHROME1 && frame->colour != DICOM_MONOCHROME2;
    if (colour && dicom_has_voi(dataset)) {
        image_note_add(note, "has a window or VOI LUT, which means nothing in colours: left out");
    }
    if (frame->colour == DICOM_RGB) {
        map_rgb(frame, out);
        return true;
    }
    uint8_t table[VALUES];
    if (frame->colour == DICOM_PALETTE) {
        if (!fill_palette(dataset, frame, table, error)) {
            return false;
        }
    } else if (frame->colour == DICOM_YBR) {
        for (unsigned raw = 0; raw < 1U << frame->sample_bits; raw++) {
            table[raw] = image_level(stored_value(frame, raw) / ((1U << frame->stored_bits) - 1.0));
        }
    } else {
        fill_gray(dataset, frame, options, table, note);
    }
    map_gray(frame, table, out);
    return true;
}

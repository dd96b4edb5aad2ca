// DICOM files to 8-bit gray: what the header says of the pixels (here), the first frame out of its
// compression (frame.c), its samples to gray (gray.c).
#include "image/dicom/dicom.h"

#include "image/codec/jpeg.h"
#include "image/dicom/file.h"
#include "image/dicom/frame.h"
#include "image/dicom/gray.h"
#include "image/dicom/values.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLES_PER_PIXEL DICOM_TAG(0x0028, 0x0002)
#define PHOTOMETRIC_INTERPRETATION DICOM_TAG(0x0028, 0x0004)
#define PLANAR_CONFIGURATION DICOM_TAG(0x0028, 0x0006)
#define NUMBER_OF_FRAMES DICOM_TAG(0x0028, 0x0008)
#define ROWS DICOM_TAG(0x0028, 0x0010)
#define COLUMNS DICOM_TAG(0x0028, 0x0011)
#define BITS_ALLOCATED DICOM_TAG(0x0028, 0x0100)
#define BITS_STORED DICOM_TAG(0x0028, 0x0101)
#define HIGH_BIT DICOM_TAG(0x0028, 0x0102)
#define PIXEL_REPRESENTATION DICOM_TAG(0x0028, 0x0103)

enum { PHOTOMETRIC_SIZE = 17 }; // 16 characters and a NUL

static const struct {
    const char *name;
    unsigned samples;
    enum dicom_colour colour;
    bool halved; // without compression
} PHOTOMETRIC_INTERPRETATIONS[] = {
    {"MONOCHROME1", 1, DICOM_MONOCHROME1, false},
    {"MONOCHROME2", 1, DICOM_MONOCHROME2, false},
    {"PALETTE COLOR", 1, DICOM_PALETTE, false},
    {"RGB", 3, DICOM_RGB, false},
    {"YBR_FULL", 3, DICOM_YBR, false},
    {"YBR_FULL_422", 3, DICOM_YBR, true},
    {"YBR_ICT", 3, DICOM_RGB, false},
    {"YBR_RCT", 3, DICOM_RGB, false},
};

// A number of the header, `otherwise` where there is none.
static bool read_number(const struct dicom_set *set, uint32_t tag, unsigned otherwise,
                        unsigned *value, struct error *error) {
    *value = otherwise;
    return dicom_count(set, tag, value) != DICOM_UNCLEAR ||
           fail(error, "element (%04x,%04x) of its header is not understood", tag >> 16,
                tag & 0xFFFFU);
}

static bool read_colour(const struct dicom_set *set, struct dicom_frame *frame,
                        struct error *error) {
    char name[PHOTOMETRIC_SIZE] = "";
    const enum dicom_given given = dicom_word(set, PHOTOMETRIC_INTERPRETATION, name, sizeof name);
    if (given == DICOM_ABSENT) {
        (void)snprintf(name, sizeof name, "%s", frame->samples == 1 ? "MONOCHROME2" : "RGB");
    }
    for (size_t i = 0; i < sizeof PHOTOMETRIC_INTERPRETATIONS / sizeof *PHOTOMETRIC_INTERPRETATIONS;
         i++) {
        if (strcmp(name, PHOTOMETRIC_INTERPRETATIONS[i].name) == 0) {
            frame->colour = PHOTOMETRIC_INTERPRETATIONS[i].colour;
            frame->halved = PHOTOMETRIC_INTERPRETATIONS[i].halved;
            return frame->samples == PHOTOMETRIC_INTERPRETATIONS[i].samples ||
                   fail(error, "%s with %u samples a pixel makes no sense", name, frame->samples);
        }
    }
    return fail(error, "its colours (Photometric Interpretation) are not read");
}

// Fills everything of *frame but its bytes.
static bool read_header(const struct dicom_set *set, struct dicom_frame *frame, size_t *frames,
                        struct error *error) {
    unsigned rows = 0, columns = 0, is_signed = 0, planar = 0, high = 0;
    *frame = (struct dicom_frame){.bytes = NULL};
    if (!read_number(set, ROWS, 0, &rows, error) ||
        !read_number(set, COLUMNS, 0, &columns, error) ||
        !read_number(set, SAMPLES_PER_PIXEL, 1, &frame->samples, error) ||
        !read_number(set, BITS_ALLOCATED, 0, &frame->sample_bits, error) ||
        !read_number(set, BITS_STORED, frame->sample_bits, &frame->stored_bits, error) ||
        !read_number(set, HIGH_BIT, frame->stored_bits - 1, &high, error) ||
        !read_number(set, PIXEL_REPRESENTATION, 0, &is_signed, error) ||
        !read_number(set, PLANAR_CONFIGURATION, 0, &planar, error)) {
        return false;
    }
    frame->rows = rows;
    frame->columns = columns;
    frame->depth = frame->stored_bits;
    frame->planar = planar == 1;
    if (frame->rows == 0 || frame->columns == 0) {
        return fail(error, "holds no image: no Rows and Columns");
    }
    if (is_signed > 1 || planar > 1) {
        return fail(error, "a %s of %u makes no sense",
                    is_signed > 1 ? "Pixel Representation" : "Planar Configuration",
                    is_signed > 1 ? is_signed : planar);
    }
    frame->is_signed = is_signed == 1;
    const unsigned bits = frame->sample_bits;
    if (bits != 1 && bits != 8 && bits != 16) {
        return fail(error, "has %u bits a sample: only 1, 8 and 16 are read", bits);
    }
    if (frame->stored_bits == 0 || frame->stored_bits > bits || high >= bits ||
        high + 1 < frame->stored_bits || (bits == 1 && frame->samples != 1)) {
        return fail(error, "%u stored bits up to bit %u of %u make no sense", frame->stored_bits,
                    high, bits);
    }
    frame->shift = high + 1 - frame->stored_bits;
    double count = 1;
    if (dicom_number(set, NUMBER_OF_FRAMES, "IS", &count, NULL) == DICOM_UNCLEAR || count > 1e9) {
        return fail(error, "its Number of Frames is not understood");
    }
    *frames = count >= 1 ? (size_t)count : 1;
    return read_colour(set, frame, error);
}

// Finds the first frame, and all that the header says of it.
static bool find_image(const struct dicom_file *file, size_t *frames, struct dicom_frame *frame,
                       struct dicom_source *source, struct error *error) {
    *source = (struct dicom_source){.joined = NULL};
    if (file->pixels.tag == 0) {
        return fail(error, "holds no image: no Pixel Data");
    }
    if (file->pixels.tag != DICOM_PIXEL_DATA) {
        return fail(error, "holds floating point pixels: only integers are read");
    }
    return read_header(&file->data, frame, frames, error) &&
           dicom_find_frame(file, *frames, frame, source, error) &&
           dicom_check_palette(&file->data, frame, error);
}

static bool decode_file(const struct dicom_file *file, const struct image_options *options,
                        struct image *out, struct image_note *note, struct error *error) {
    struct dicom_frame frame;
    struct dicom_source source;
    size_t frames = 1;
    uint8_t *owned = NULL;
    const bool found = find_image(file, &frames, &frame, &source, error);
    if (found && frames > 1) {
        image_note_add(note, "first frame of %zu", frames);
    }
    char name[PHOTOMETRIC_SIZE];
    if (found &&
        dicom_word(&file->data, PHOTOMETRIC_INTERPRETATION, name, sizeof name) == DICOM_ABSENT) {
        image_note_add(note, "has no Photometric Interpretation: taken as %s",
                       frame.samples == 1 ? "MONOCHROME2" : "RGB");
    }
    if (found && source.uncompressed) {
        image_note_add(note, "is not compressed as its transfer syntax says");
    }
    const bool taken = found && dicom_take_frame(file, &source, &frame, out, &owned, error);
    if (taken && frame.without_end) {
        image_note_add(note, JPEG_WITHOUT_END);
    }
    const bool decoded =
        taken && dicom_frame_to_gray(&file->data, &frame, options, out, note, error);
    free(owned);
    dicom_source_free(&source);
    return decoded;
}

bool dicom_decode(const uint8_t *bytes, size_t length, const struct image_options *options,
                  struct image *out, struct image_note *note, struct error *error) {
    *out = (struct image){NULL, 0, 0};
    note->text[0] = '\0';
    struct dicom_file file;
    if (!dicom_open(bytes, length, &file, error)) {
        return false;
    }
    const bool decoded = decode_file(&file, options, out, note, error);
    dicom_close(&file);
    if (!decoded) {
        image_free(out);
    }
    return decoded;
}

bool dicom_describe(const uint8_t *bytes, size_t length, struct image_header *header,
                    struct error *error) {
    struct dicom_file file;
    if (!dicom_open(bytes, length, &file, error)) {
        return false;
    }
    struct dicom_frame frame;
    struct dicom_source source;
    const bool found = find_image(&file, &header->frames, &frame, &source, error);
    const struct dicom_set *set = &file.data;
    unsigned height = 0, width = 0;
    (void)dicom_count(set, ROWS, &height);
    (void)dicom_count(set, COLUMNS, &width);
    header->height = height;
    header->width = width;
    header->samples = 1;
    (void)dicom_count(set, SAMPLES_PER_PIXEL, &header->samples);
    (void)dicom_count(set, BITS_ALLOCATED, &header->bits_allocated);
    header->bits_stored = header->bits_allocated;
    (void)dicom_count(set, BITS_STORED, &header->bits_stored);
    (void)dicom_word(set, PHOTOMETRIC_INTERPRETATION, header->photometric,
                     sizeof header->photometric);
    (void)snprintf(header->transfer_syntax, sizeof header->transfer_syntax, "%s",
                   file.transfer_syntax);
    dicom_source_free(&source);
    dicom_close(&file);
    return found;
}

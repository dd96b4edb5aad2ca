// DICOM files to 8-bit gray: what the header says of the pixels (here), the first frame out of its
// compression (dicom_frame.c), its samples to gray (dicom_gray.c).
#include "image/dicom.h"

#include "image/dicom_file.h"
#include "image/dicom_frame.h"
#include "image/dicom_gray.h"

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

static unsigned number_or(const struct dicom_set *set, uint32_t tag, unsigned otherwise) {
    uint16_t value = 0;
    return dicom_u16(set, tag, 0, &value) ? value : otherwise;
}

static bool read_colour(const struct dicom_set *set, struct dicom_frame *frame,
                        struct error *error) {
    char name[17] = "";
    if (!dicom_text(set, PHOTOMETRIC_INTERPRETATION, name, sizeof name)) {
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
    *frame = (struct dicom_frame){
        .rows = number_or(set, ROWS, 0),
        .columns = number_or(set, COLUMNS, 0),
        .samples = number_or(set, SAMPLES_PER_PIXEL, 1),
        .sample_bits = number_or(set, BITS_ALLOCATED, 0),
        .is_signed = number_or(set, PIXEL_REPRESENTATION, 0) == 1,
        .planar = number_or(set, PLANAR_CONFIGURATION, 0) == 1,
    };
    if (frame->rows == 0 || frame->columns == 0) {
        return fail(error, "holds no image: no Rows and Columns");
    }
    const unsigned bits = frame->sample_bits;
    if (bits != 1 && bits != 8 && bits != 16) {
        return fail(error, "has %u bits a sample: only 1, 8 and 16 are read", bits);
    }
    frame->stored_bits = number_or(set, BITS_STORED, bits);
    const unsigned high = number_or(set, HIGH_BIT, frame->stored_bits - 1);
    if (frame->stored_bits == 0 || frame->stored_bits > bits || high >= bits ||
        high + 1 < frame->stored_bits || (bits == 1 && frame->samples != 1)) {
        return fail(error, "%u stored bits up to bit %u of %u make no sense", frame->stored_bits,
                    high, bits);
    }
    frame->shift = high + 1 - frame->stored_bits;
    double count = 1;
    (void)dicom_decimal(set, NUMBER_OF_FRAMES, &count);
    *frames = count >= 1 && count < 1e9 ? (size_t)count : 1;
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
           dicom_find_frame(file, *frames, frame, source, error);
}

static bool decode_file(const struct dicom_file *file, const struct image_options *options,
                        struct image *out, struct image_note *note, struct error *error) {
    struct dicom_frame frame;
    struct dicom_source source;
    size_t frames = 1;
    uint8_t *owned = NULL;
    const bool decoded = find_image(file, &frames, &frame, &source, error) &&
                         dicom_take_frame(file, &source, &frame, out, &owned, error) &&
                         dicom_frame_to_gray(&file->data, &frame, options->voi, out, error);
    free(owned);
    dicom_source_free(&source);
    if (decoded && frames > 1) {
        image_note_add(note, "first frame of %zu", frames);
    }
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
    header->height = number_or(set, ROWS, 0);
    header->width = number_or(set, COLUMNS, 0);
    header->samples = number_or(set, SAMPLES_PER_PIXEL, 1);
    header->bits_allocated = number_or(set, BITS_ALLOCATED, 0);
    header->bits_stored = number_or(set, BITS_STORED, header->bits_allocated);
    (void)dicom_text(set, PHOTOMETRIC_INTERPRETATION, header->photometric,
                     sizeof header->photometric);
    (void)snprintf(header->transfer_syntax, sizeof header->transfer_syntax, "%s",
                   file.transfer_syntax);
    dicom_source_free(&source);
    dicom_close(&file);
    return found;
}

// Image files of every format that formats.def lists.
#ifndef PLEURA_IMAGE_FORMAT_H
#define PLEURA_IMAGE_FORMAT_H

#include "image/image.h"

// Which of a DICOM file's ways from values to grey levels wins where both are there.
enum image_voi { IMAGE_VOI_LUT, IMAGE_VOI_WINDOW };

struct image_options {
    enum image_voi voi;
    bool from_zero; // where an image's least and greatest value make the range, it begins at 0 at
                    // the latest: for masks, whose value 0 is the background
};

// Does the content, not the name, look like the format?
typedef bool image_sniff_function(const uint8_t *bytes, size_t length);

// Makes *out from the bytes of a whole file. The bytes may be hostile: no length in them is
// believed before it has been held against the bytes that are there, and nothing above the limits
// of image.h is made.
typedef bool image_decode_function(const uint8_t *bytes, size_t length,
                                   const struct image_options *options, struct image *out,
                                   struct image_note *note, struct error *error);

// What a file says of its image before any pixel of it is decoded. Texts are the file's own: they
// may hold anything but a NUL.
struct image_header {
    char format[8];                       // its name in formats.def; "" for unknown content
    size_t height, width;                 // pixels; 0 where the file does not say
    unsigned samples;                     // a pixel
    unsigned bits_stored, bits_allocated; // a sample
    size_t frames;                        // 1, or more for DICOM
    char photometric[24];                 // DICOM's Photometric Interpretation, PNG's colour type
    char transfer_syntax[65];             // DICOM's UID
};

// Fills *header, which starts as zeros and 1 frame, from the bytes of a whole file, of which it
// touches no more than it needs: they may be mapped. False, with what there is in *header and in
// the decoder's own words, for what the decoder would refuse without looking at the pixels.
typedef bool image_describe_function(const uint8_t *bytes, size_t length,
                                     struct image_header *header, struct error *error);

// The extensions of all formats' files, a blank behind each: ".png .dcm ".
extern const char image_extensions[];

// Is it one of the formats, going by its content?
bool image_known(const uint8_t *bytes, size_t length);

// Decodes a whole file of any format to 8-bit gray; the caller frees *out. `options` NULL: a VOI
// LUT wins. False, with an empty *out, for unknown content and for whatever the format's decoder
// refuses.
CHECKED bool image_decode(const uint8_t *bytes, size_t length, const struct image_options *options,
                          struct image *out, struct image_note *note, struct error *error);

// Reads the header of a file of any format. What this refuses, image_decode refuses; the other way
// round only damage in the pixels may be in between.
CHECKED bool image_describe(const uint8_t *bytes, size_t length, struct image_header *header,
                            struct error *error);

#endif

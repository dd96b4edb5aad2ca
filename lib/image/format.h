// Image files of every format that formats.def lists.
#ifndef PLEURA_IMAGE_FORMAT_H
#define PLEURA_IMAGE_FORMAT_H

#include "image/image.h"

// Which of a DICOM file's ways from values to grey levels wins where both are there.
enum image_voi { IMAGE_VOI_LUT, IMAGE_VOI_WINDOW };

struct image_options {
    enum image_voi voi;
};

// Does the content, not the name, look like the format?
typedef bool image_sniff_function(const uint8_t *bytes, size_t length);

// Makes *out from the bytes of a whole file. The bytes may be hostile: no length in them is
// believed before it has been held against the bytes that are there, and nothing above the limits
// of image.h is made.
typedef bool image_decode_function(const uint8_t *bytes, size_t length,
                                   const struct image_options *options, struct image *out,
                                   struct image_note *note, struct error *error);

// Is it one of the formats, going by its content?
bool image_known(const uint8_t *bytes, size_t length);

// Decodes a whole file of any format to 8-bit gray; the caller frees *out. `options` NULL: a VOI
// LUT wins. False, with an empty *out, for unknown content and for whatever the format's decoder
// refuses.
CHECKED bool image_decode(const uint8_t *bytes, size_t length, const struct image_options *options,
                          struct image *out, struct image_note *note, struct error *error);

#endif

// The headers of compressed images, read before any decoder sees them: decoders allocate what a
// header claims, and some write beyond it when the file around the stream claims something else.
#ifndef PLEURA_IMAGE_CODEC_CODESTREAM_H
#define PLEURA_IMAGE_CODEC_CODESTREAM_H

#include "image/image.h"

enum {
    CODESTREAM_JPEG_LS = 55, // as a process
    CODESTREAM_SOS = 0xDA,   // second bytes of JPEG's markers
    CODESTREAM_APP1 = 0xE1,
};

struct codestream {
    const uint8_t *bytes; // the stream itself, without a file format's boxes around it
    size_t length;
    size_t height, width;
    unsigned components;
    unsigned precision; // bits a sample
    bool is_signed;     // JPEG 2000 only
    unsigned process;   // JPEG: n of its SOFn marker (0..15), 55 for JPEG-LS; JPEG 2000: 0
    bool has_colour;    // JPEG: an Adobe or JFIF segment tells how its colours are coded
};

// JPEG (ISO 10918-1) and JPEG-LS (ISO 14495-1): the marker segments up to the frame header.
CHECKED bool codestream_read_jpeg(const uint8_t *bytes, size_t length, struct codestream *out,
                                  struct error *error);

// A marker segment of a JPEG stream, without marker and length. Start with one of zeros.
struct codestream_segment {
    unsigned marker;
    const uint8_t *body;
    size_t length;
    size_t end; // where the next one starts
};

// Goes from one segment to the next, SOS the last: behind its header are the compressed samples.
// False for what is no segment, and where the stream ends.
CHECKED bool codestream_next_segment(const struct codestream *stream,
                                     struct codestream_segment *segment, struct error *error);

// JPEG 2000 (ISO 15444-1): the SIZ segment, of a bare stream or of the one in a JP2 file. False
// also for components of different size, precision or sign.
CHECKED bool codestream_read_jpeg2000(const uint8_t *bytes, size_t length, struct codestream *out,
                                      struct error *error);

#endif

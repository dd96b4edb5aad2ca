// The headers of JPEG, JPEG-LS and JPEG 2000 streams.
#include "image/codec/codestream.h"

#include <string.h>

enum {
    // Second bytes of JPEG's markers.
    SOF0 = 0xC0,
    DHT = 0xC4,
    JPG = 0xC8,
    DAC = 0xCC,
    SOF15 = 0xCF,
    RST0 = 0xD0, // to RST7: these, and all below SOF0, have no length
    SOI = 0xD8,
    EOI = 0xD9,
    APP0 = 0xE0,
    APP14 = 0xEE,
    SOF55 = 0xF7,
    // Where JPEG 2000's SIZ segment has its fields, from the start of the stream.
    SIZ_LENGTH = 4,
    SIZ_RIGHT = 8,
    SIZ_BOTTOM = 12,
    SIZ_LEFT = 16,
    SIZ_TOP = 20,
    SIZ_COMPONENTS = 40,
    SIZ_END = 42,
    SIZ_COMPONENT = 3, // bytes each
    // A JP2 file's boxes before the stream are small; what is searched for its start.
    JP2_BOXES = 4096,
};

static size_t big16(const uint8_t *bytes) {
    return (size_t)bytes[0] << 8 | bytes[1];
}

static size_t big32(const uint8_t *bytes) {
    return big16(bytes) << 16 | big16(bytes + 2);
}

static bool is_frame_header(unsigned marker) {
    return marker == SOF55 ||
           (marker >= SOF0 && marker <= SOF15 && marker != DHT && marker != JPG && marker != DAC);
}

bool codestream_next_segment(const struct codestream *stream, struct codestream_segment *segment,
                             struct error *error) {
    const uint8_t *bytes = stream->bytes;
    size_t offset = segment->end > 0 ? segment->end : 2;
    while (stream->length - offset >= 4) {
        const unsigned marker = bytes[offset + 1];
        if (bytes[offset] != 0xFF || marker < SOF0 || (marker >= RST0 && marker <= SOI)) {
            return fail(error, "the JPEG stream has no segment at byte %zu", offset);
        }
        if (marker == 0xFF) { // fill bytes
            offset++;
            continue;
        }
        const size_t length = big16(bytes + offset + 2);
        if (marker == EOI || length < 2 || length > stream->length - offset - 2) {
            break;
        }
        *segment = (struct codestream_segment){marker, bytes + offset + 4, length - 2,
                                               offset + 2 + length};
        return true;
    }
    return fail(error, "the JPEG stream ends in its header");
}

bool codestream_read_jpeg(const uint8_t *bytes, size_t length, struct codestream *out,
                          struct error *error) {
    *out = (struct codestream){.bytes = bytes, .length = length};
    if (length < 4 || bytes[0] != 0xFF || bytes[1] != SOI) {
        return fail(error, "the JPEG stream does not start like one");
    }
    struct codestream_segment segment = {.marker = 0};
    for (;;) {
        if (!codestream_next_segment(out, &segment, error)) {
            return false;
        }
        if (segment.marker == CODESTREAM_SOS) {
            return fail(error, "the JPEG stream has no frame header");
        }
        const uint8_t *body = segment.body;
        if (is_frame_header(segment.marker) && segment.length >= 6) {
            out->precision = body[0];
            out->height = big16(body + 1);
            out->width = big16(body + 3);
            out->components = body[5];
            out->process = segment.marker == SOF55 ? CODESTREAM_JPEG_LS : segment.marker - SOF0;
            return true;
        }
        out->has_colour |=
            (segment.marker == APP0 && segment.length >= 5 && memcmp(body, "JFIF", 5) == 0) ||
            (segment.marker == APP14 && segment.length >= 12 && memcmp(body, "Adobe", 5) == 0);
    }
}

bool codestream_read_jpeg2000(const uint8_t *bytes, size_t length, struct codestream *out,
                              struct error *error) {
    static const uint8_t jp2[] = {0, 0, 0, 12, 'j', 'P', ' ', ' '};
    static const uint8_t start[] = {0xFF, 0x4F, 0xFF, 0x51};
    const bool boxed = length >= sizeof jp2 && memcmp(bytes, jp2, sizeof jp2) == 0;
    const size_t searched = boxed ? JP2_BOXES : sizeof start;
    const uint8_t *siz = memmem(bytes, length < searched ? length : searched, start, sizeof start);
    if (siz == NULL) {
        return fail(error, "the JPEG 2000 stream does not start like one");
    }
    length -= (size_t)(siz - bytes);
    if (length < SIZ_END + SIZ_COMPONENT) {
        return fail(error, "the JPEG 2000 stream is cut short");
    }
    const size_t components = big16(siz + SIZ_COMPONENTS);
    if (components == 0 || big16(siz + SIZ_LENGTH) < SIZ_END - 4 + SIZ_COMPONENT * components ||
        (length - SIZ_END) / SIZ_COMPONENT < components ||
        big32(siz + SIZ_RIGHT) <= big32(siz + SIZ_LEFT) ||
        big32(siz + SIZ_BOTTOM) <= big32(siz + SIZ_TOP)) {
        return fail(error, "the JPEG 2000 stream has no valid size");
    }
    const uint8_t *component = siz + SIZ_END;
    for (size_t i = 0; i < components; i++, component += SIZ_COMPONENT) {
        if (component[0] != siz[SIZ_END] || component[1] != 1 || component[2] != 1) {
            return fail(error, "JPEG 2000 components of different size or precision are not read");
        }
    }
    *out = (struct codestream){
        .bytes = siz,
        .length = length,
        .height = big32(siz + SIZ_BOTTOM) - big32(siz + SIZ_TOP),
        .width = big32(siz + SIZ_RIGHT) - big32(siz + SIZ_LEFT),
        .components = (unsigned)components,
        .precision = (siz[SIZ_END] & 0x7FU) + 1,
        .is_signed = (siz[SIZ_END] & 0x80U) != 0,
    };
    return true;
}

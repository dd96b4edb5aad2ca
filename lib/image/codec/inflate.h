// Raw deflate streams (RFC 1951), as DICOM uses them.
#ifndef PLEURA_IMAGE_CODEC_INFLATE_H
#define PLEURA_IMAGE_CODEC_INFLATE_H

#include "core/error.h"

#include <stddef.h>
#include <stdint.h>

// Inflates into *out (the caller frees). False for a damaged or cut stream, for one that inflates
// to more than `limit` bytes, and without memory. Bytes behind the stream's end are ignored.
CHECKED bool inflate_raw(const uint8_t *bytes, size_t length, size_t limit, uint8_t **out,
                         size_t *out_length, struct error *error);

#endif

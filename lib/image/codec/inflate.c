// Raw deflate streams by zlib.
#include "image/codec/inflate.h"

#include "core/array.h"

#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

enum { FIRST_PIECE = 1 << 16, MAX_PIECE = 1 << 30 };

// Inflates until the stream ends or *out, grown as needed up to `limit`, is full.
static int inflate_all(z_stream *stream, size_t length, size_t limit, uint8_t **out,
                       size_t *out_length) {
    size_t size = 0;
    int status = Z_OK;
    while (status == Z_OK) {
        if (*out_length == size) {
            if (size == limit) {
                return Z_BUF_ERROR;
            }
            const size_t needed = size == 0 && limit > FIRST_PIECE ? FIRST_PIECE : size + 1;
            uint8_t *grown = array_grow_within(*out, &size, needed, 1, limit);
            if (grown == NULL) {
                return Z_MEM_ERROR;
            }
            *out = grown;
        }
        const size_t available = size - *out_length < MAX_PIECE ? size - *out_length : MAX_PIECE;
        if (stream->avail_in == 0) {
            const size_t piece = length < MAX_PIECE ? length : MAX_PIECE;
            stream->avail_in = (uInt)piece;
            length -= piece;
        }
        stream->next_out = *out + *out_length;
        stream->avail_out = (uInt)available;
        status = inflate(stream, Z_NO_FLUSH);
        *out_length += available - stream->avail_out;
        if (status == Z_OK && stream->avail_in == 0 && stream->avail_out > 0 && length == 0) {
            return Z_DATA_ERROR; // all is read and the end was not there
        }
    }
    return status;
}

bool inflate_raw(const uint8_t *bytes, size_t length, size_t limit, uint8_t **out,
                 size_t *out_length, struct error *error) {
    *out = NULL;
    *out_length = 0;
    z_stream stream = {.next_in = (z_const Bytef *)bytes};
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) {
        return fail(error, "no memory for zlib");
    }
    const int status = inflate_all(&stream, length, limit, out, out_length);
    (void)inflateEnd(&stream);
    if (status == Z_STREAM_END) {
        return true;
    }
    free(*out);
    *out = NULL;
    return fail(error, "%s",
                status == Z_MEM_ERROR                           ? "no memory to inflate it"
                : status == Z_BUF_ERROR && *out_length >= limit ? "inflates to too much"
                                                                : "is damaged or cut short");
}

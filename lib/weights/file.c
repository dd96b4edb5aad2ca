// Telling files of weights apart.
#include "weights/file.h"

#include "core/file.h"
#include "weights/checkpoint.h"
#include "weights/pth.h"
#include "weights/safetensors.h"

#include <stdlib.h>

#define LARGEST_FILE ((size_t)4 << 30) // bytes

bool weights_read_bytes(const unsigned char *bytes, size_t length, struct weight_table *table,
                        struct error *error) {
    if (pth_is_zip(bytes, length)) {
        return pth_read_zip(bytes, length, table, error);
    }
    if (pth_is_old(bytes, length)) {
        return pth_read_old(bytes, length, table, error);
    }
    // Nothing marks a .safetensors file but the start of its header.
    if (length > 9 && bytes[8] == '{') {
        return safetensors_read(bytes, length, table, error);
    }
    return fail(error, "holds no weights that are known here: a checkpoint, .safetensors or .pth");
}

// A tensor stream starts with a map of three, as no other of these files does.
static bool is_stream(const unsigned char *bytes, size_t length) {
    return length > 0 && bytes[0] == 0x83;
}

bool weights_read_file(const char *path, struct weight_table *table, struct error *error) {
    uint8_t *bytes = NULL;
    size_t length = 0;
    if (!file_read(path, LARGEST_FILE, &bytes, &length, error)) {
        return fail_within(error, "%s", path);
    }
    const bool stream = is_stream(bytes, length);
    const bool read =
        stream || weights_read_bytes(bytes, length, table, error) || fail_within(error, "%s", path);
    free(bytes);
    return stream ? checkpoint_read(path, table, error) : read;
}

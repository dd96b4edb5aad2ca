// Zip archives of stored (uncompressed) entries, as PyTorch writes them; others are refused.
#ifndef PLEURA_WEIGHTS_ZIP_H
#define PLEURA_WEIGHTS_ZIP_H

#include "core/error.h"

#include <stddef.h>
#include <stdint.h>

struct zip_entry {
    const char *name; // not terminated
    size_t name_length;
    uint64_t header, length; // where its local header is, and its bytes
    uint32_t crc;
    uint16_t method, flags;
};

struct zip {
    const unsigned char *bytes;
    size_t length;
    struct zip_entry *entries;
    size_t count;
};

// Reads the directory of an archive in memory, which must outlive it.
CHECKED bool zip_open(struct zip *zip, const unsigned char *bytes, size_t length,
                      struct error *error);
void zip_close(struct zip *zip);

// The entry whose name ends in `end` (from a '/' on, or all of it), or NULL.
const struct zip_entry *zip_find(const struct zip *zip, const char *end);

// Its bytes, after their checksum has been found right.
CHECKED bool zip_bytes(const struct zip *zip, const struct zip_entry *entry,
                       const unsigned char **bytes, struct error *error);

#endif

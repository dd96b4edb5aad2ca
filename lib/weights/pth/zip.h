// Zip archives of stored (uncompressed) entries, as PyTorch writes them; others are refused.
#ifndef PLEURA_WEIGHTS_PTH_ZIP_H
#define PLEURA_WEIGHTS_PTH_ZIP_H

#include "stream/record.h"
#include "weights/source.h"

struct zip_entry {
    struct text name;
    uint64_t header, length; // where its local header is, and its bytes
    uint32_t crc;            // 0: not computed
    uint16_t method, flags;
};

struct zip {
    const struct weight_source *source;
    struct arena *arena;
    struct zip_entry *entries;
    size_t count;
    uint64_t behind; // bytes that follow the archive
};

// Reads the directory of an archive, into memory of the arena. Both must outlive it.
CHECKED bool zip_open(struct zip *zip, const struct weight_source *source, struct arena *arena,
                      struct error *error);

// The first entry called `name`, in a folder or not, or NULL.
const struct zip_entry *zip_find(const struct zip *zip, const char *name);

// Where an entry's bytes start. Fails for one that is compressed, and where they are not.
CHECKED bool zip_locate(const struct zip *zip, const struct zip_entry *entry, uint64_t *offset,
                        struct error *error);

// Fails where an entry's bytes do not have its checksum.
CHECKED bool zip_check(const struct zip *zip, const struct zip_entry *entry, struct error *error);

// Its bytes, after their checksum has been found right; NULL with *error.
CHECKED const unsigned char *zip_bytes(const struct zip *zip, const struct zip_entry *entry,
                                       struct error *error);

#endif

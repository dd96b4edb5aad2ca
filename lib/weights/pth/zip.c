// The directory of a zip archive (APPNOTE 6.3, with zip64).
#include "weights/pth/zip.h"

#include <inttypes.h>
#include <string.h>
#include <zlib.h>

#define END_LENGTH 22                      // of the end record, without its comment
#define MAX_TAIL 65535                     // of the comment, and of what else follows
#define END64_LENGTH 56                    // of the end record of zip64
#define LOCATOR_LENGTH 20                  // of what tells where that is, before the end record
#define ENTRY_LENGTH 46                    // of a directory entry, without names
#define HEADER_LENGTH 30                   // of a local header, without names
#define MAX_DIRECTORY ((uint64_t)64 << 20) // bytes
#define PIECE (16 << 10)                   // bytes that are read at once
#define SIGNATURE(a, b) (0x4B50u | (uint32_t)(a) << 16 | (uint32_t)(b) << 24)

static uint64_t little_endian(const unsigned char *start, size_t bytes) {
    uint64_t value = 0;
    for (size_t i = bytes; i > 0; i--) {
        value = value << 8 | start[i - 1];
    }
    return value;
}

// ---- the directory: where it is, and how many entries it says

struct directory {
    uint64_t start, length, count;
    uint64_t end; // of the archive
};

static bool find_directory64(const struct zip *zip, uint64_t end, struct directory *found,
                             struct error *error) {
    unsigned char locator[LOCATOR_LENGTH];
    unsigned char record[END64_LENGTH];
    if (end < LOCATOR_LENGTH ||
        !weight_source_read(zip->source, end - LOCATOR_LENGTH, locator, LOCATOR_LENGTH, error) ||
        little_endian(locator, 4) != SIGNATURE(6, 7) ||
        !weight_source_read(zip->source, little_endian(locator + 8, 8), record, END64_LENGTH,
                            error) ||
        little_endian(record, 4) != SIGNATURE(6, 6)) {
        return fail(error, "a zip archive whose directory (zip64) is not where it says");
    }
    found->start = little_endian(record + 48, 8);
    found->length = little_endian(record + 40, 8);
    found->count = little_endian(record + 32, 8);
    return true;
}

// An end record may lie anywhere in the last bytes: a comment follows it, and whatever has been
// added to the file. PyTorch, too, takes the last one.
static bool find_directory(const struct zip *zip, struct directory *found, struct error *error) {
    const uint64_t length = zip->source->length;
    const uint64_t tail = length < END_LENGTH + MAX_TAIL ? length : (uint64_t)END_LENGTH + MAX_TAIL;
    const unsigned char *bytes =
        weight_source_take(zip->source, length - tail, tail, zip->arena, error);
    if (bytes == NULL) {
        return false;
    }
    for (uint64_t i = tail; i >= END_LENGTH; i--) {
        const unsigned char *record = bytes + i - END_LENGTH;
        const uint64_t comment = little_endian(record + 20, 2);
        if (little_endian(record, 4) != SIGNATURE(5, 6) || comment > tail - i) {
            continue;
        }
        const uint64_t start = length - tail + i - END_LENGTH;
        *found = (struct directory){little_endian(record + 16, 4), little_endian(record + 12, 4),
                                    little_endian(record + 10, 2), start + END_LENGTH + comment};
        return (found->start != UINT32_MAX && found->length != UINT32_MAX &&
                found->count != UINT16_MAX) ||
               find_directory64(zip, start, found, error);
    }
    return fail(error, "a zip archive that is cut short: it has no end record");
}

// Numbers that do not fit into 32 bits are in the extra field 1, in this order.
static void read_extra(const unsigned char *extra, size_t length, uint64_t *large[3]) {
    while (length >= 4) {
        const uint64_t kind = little_endian(extra, 2);
        const uint64_t bytes = little_endian(extra + 2, 2);
        if (bytes > length - 4) {
            return;
        }
        const unsigned char *start = extra + 4;
        for (size_t i = 0; kind == 1 && i < 3; i++) {
            if (*large[i] == UINT32_MAX && start + 8 <= extra + 4 + bytes) {
                *large[i] = little_endian(start, 8);
                start += 8;
            }
        }
        extra += 4 + bytes;
        length -= 4 + bytes;
    }
}

static bool read_entry(const unsigned char *start, uint64_t left, struct zip_entry *entry,
                       uint64_t *used, struct error *error) {
    if (left < ENTRY_LENGTH || little_endian(start, 4) != SIGNATURE(1, 2)) {
        return fail(error, "a zip archive whose directory is damaged");
    }
    const uint64_t name = little_endian(start + 28, 2);
    const uint64_t extra = little_endian(start + 30, 2);
    *used = ENTRY_LENGTH + name + extra + little_endian(start + 32, 2);
    if (*used > left) {
        return fail(error, "a zip archive whose directory is damaged");
    }
    *entry = (struct zip_entry){.name = {(const char *)start + ENTRY_LENGTH, name},
                                .header = little_endian(start + 42, 4),
                                .length = little_endian(start + 24, 4),
                                .crc = (uint32_t)little_endian(start + 16, 4),
                                .method = (uint16_t)little_endian(start + 10, 2),
                                .flags = (uint16_t)little_endian(start + 8, 2)};
    uint64_t stored = little_endian(start + 20, 4);
    uint64_t *large[3] = {&entry->length, &stored, &entry->header};
    read_extra(start + ENTRY_LENGTH + name, extra, large);
    if (entry->method != 0) {
        entry->length = stored; // compressed: in the file it has so many, and it is not read
    }
    return true;
}

// Entries do not share bytes: together they are no longer than the file.
static bool read_entries(struct zip *zip, const struct directory *directory, struct error *error) {
    const unsigned char *start =
        weight_source_take(zip->source, directory->start, directory->length, zip->arena, error);
    uint64_t left = directory->length;
    uint64_t bytes = 0;
    zip->entries = start == NULL ? NULL
                                 : arena_take(zip->arena,
                                              (directory->count + 1) * sizeof *zip->entries, error);
    if (zip->entries == NULL) {
        return false;
    }
    while (zip->count < directory->count) {
        uint64_t used = 0;
        struct zip_entry *entry = &zip->entries[zip->count];
        if (!read_entry(start, left, entry, &used, error)) {
            return false;
        }
        if (entry->length > zip->source->length - bytes) {
            return fail(error, "a zip archive with more bytes in it than in the file");
        }
        bytes += entry->length;
        start += used;
        left -= used;
        zip->count++;
    }
    return true;
}

bool zip_open(struct zip *zip, const struct weight_source *source, struct arena *arena,
              struct error *error) {
    struct directory directory = {0, 0, 0, 0};
    *zip = (struct zip){.source = source, .arena = arena};
    if (!find_directory(zip, &directory, error)) {
        return false;
    }
    zip->behind = source->length - directory.end;
    if (directory.start > source->length || directory.length > source->length - directory.start ||
        directory.count > directory.length / ENTRY_LENGTH) {
        return fail(error, "a zip archive whose directory lies outside of it");
    }
    if (directory.length > MAX_DIRECTORY) {
        return fail(error, "a zip archive with a directory of %" PRIu64 " bytes", directory.length);
    }
    return read_entries(zip, &directory, error);
}

// ---- entries

const struct zip_entry *zip_find(const struct zip *zip, const char *name) {
    const size_t length = strlen(name);
    for (size_t i = 0; i < zip->count; i++) {
        const struct text full = zip->entries[i].name;
        if (full.length >= length && memcmp(full.bytes + full.length - length, name, length) == 0 &&
            (full.length == length || full.bytes[full.length - length - 1] == '/')) {
            return &zip->entries[i];
        }
    }
    return NULL;
}

bool zip_locate(const struct zip *zip, const struct zip_entry *entry, uint64_t *offset,
                struct error *error) {
    unsigned char header[HEADER_LENGTH];
    if ((entry->flags & 1) != 0 || entry->method != 0) {
        return fail(error, "'%.*s' is %s, which PyTorch never does", TEXT_ARG(entry->name),
                    (entry->flags & 1) != 0 ? "encrypted" : "compressed");
    }
    if (!weight_source_read(zip->source, entry->header, header, sizeof header, error) ||
        little_endian(header, 4) != SIGNATURE(3, 4)) {
        return fail(error, "'%.*s' does not lie where the directory says", TEXT_ARG(entry->name));
    }
    *offset = entry->header + HEADER_LENGTH + little_endian(header + 26, 2) +
              little_endian(header + 28, 2);
    if (*offset > zip->source->length || entry->length > zip->source->length - *offset) {
        return fail(error, "'%.*s' ends outside of the file", TEXT_ARG(entry->name));
    }
    return true;
}

bool zip_check(const struct zip *zip, const struct zip_entry *entry, struct error *error) {
    unsigned char piece[PIECE];
    uint64_t offset = 0;
    unsigned long crc = 0;
    if (entry->crc == 0) {
        return true;
    }
    if (!zip_locate(zip, entry, &offset, error)) {
        return false;
    }
    for (uint64_t left = entry->length; left > 0;) {
        const size_t length = left < sizeof piece ? (size_t)left : sizeof piece;
        if (!weight_source_read(zip->source, offset, piece, length, error)) {
            return false;
        }
        crc = crc32_z(crc, piece, length);
        offset += length;
        left -= length;
    }
    return crc == entry->crc ||
           fail(error, "'%.*s' is damaged: its checksum is wrong", TEXT_ARG(entry->name));
}

const unsigned char *zip_bytes(const struct zip *zip, const struct zip_entry *entry,
                               struct error *error) {
    uint64_t offset = 0;
    return zip_locate(zip, entry, &offset, error) && zip_check(zip, entry, error)
               ? weight_source_take(zip->source, offset, entry->length, zip->arena, error)
               : NULL;
}

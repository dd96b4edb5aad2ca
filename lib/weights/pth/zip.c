// The directory of a zip archive (APPNOTE 6.3, with zip64).
#include "weights/pth/zip.h"

#include <inttypes.h>
#include <string.h>
#include <zlib.h>

#define END_LENGTH 22                          // of the end record, without its comment
#define LONGEST_TAIL 65535                     // of the comment, and of what else follows
#define END64_LENGTH 56                        // of the end record of zip64
#define LOCATOR_LENGTH 20                      // of what tells where that is, before the end record
#define ENTRY_LENGTH 46                        // of a directory entry, without names
#define HEADER_LENGTH 30                       // of a local header, without names
#define LONGEST_DIRECTORY ((uint64_t)64 << 20) // bytes
#define PIECE (16 << 10)                       // bytes that are read at once
#define SIGNATURE(a, b) (0x4B50u | (uint32_t)(a) << 16 | (uint32_t)(b) << 24)

static uint64_t number(const unsigned char *at, size_t bytes) {
    uint64_t value = 0;
    for (size_t i = bytes; i > 0; i--) {
        value = value << 8 | at[i - 1];
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
        number(locator, 4) != SIGNATURE(6, 7) ||
        !weight_source_read(zip->source, number(locator + 8, 8), record, END64_LENGTH, error) ||
        number(record, 4) != SIGNATURE(6, 6)) {
        return fail(error, "a zip archive whose directory (zip64) is not where it says");
    }
    found->start = number(record + 48, 8);
    found->length = number(record + 40, 8);
    found->count = number(record + 32, 8);
    return true;
}

// An end record may lie anywhere in the last bytes: a comment follows it, and whatever has been
// added to the file. PyTorch, too, takes the last one.
static bool find_directory(const struct zip *zip, struct directory *found, struct error *error) {
    const uint64_t length = zip->source->length;
    const uint64_t tail =
        length < END_LENGTH + LONGEST_TAIL ? length : (uint64_t)END_LENGTH + LONGEST_TAIL;
    const unsigned char *bytes =
        weight_source_take(zip->source, length - tail, tail, zip->arena, error);
    if (bytes == NULL) {
        return false;
    }
    for (uint64_t i = tail; i >= END_LENGTH; i--) {
        const unsigned char *at = bytes + i - END_LENGTH;
        const uint64_t comment = number(at + 20, 2);
        if (number(at, 4) != SIGNATURE(5, 6) || comment > tail - i) {
            continue;
        }
        const uint64_t start = length - tail + i - END_LENGTH;
        *found = (struct directory){number(at + 16, 4), number(at + 12, 4), number(at + 10, 2),
                                    start + END_LENGTH + comment};
        return (found->start != UINT32_MAX && found->length != UINT32_MAX &&
                found->count != UINT16_MAX) ||
               find_directory64(zip, start, found, error);
    }
    return fail(error, "a zip archive that is cut short: it has no end record");
}

// Numbers that do not fit into 32 bits are in the extra field 1, in this order.
static void read_extra(const unsigned char *extra, size_t length, uint64_t *large[3]) {
    while (length >= 4) {
        const uint64_t kind = number(extra, 2);
        const uint64_t bytes = number(extra + 2, 2);
        if (bytes > length - 4) {
            return;
        }
        const unsigned char *at = extra + 4;
        for (size_t i = 0; kind == 1 && i < 3; i++) {
            if (*large[i] == UINT32_MAX && at + 8 <= extra + 4 + bytes) {
                *large[i] = number(at, 8);
                at += 8;
            }
        }
        extra += 4 + bytes;
        length -= 4 + bytes;
    }
}

static bool read_entry(const unsigned char *at, uint64_t left, struct zip_entry *entry,
                       uint64_t *used, struct error *error) {
    if (left < ENTRY_LENGTH || number(at, 4) != SIGNATURE(1, 2)) {
        return fail(error, "a zip archive whose directory is damaged");
    }
    const uint64_t name = number(at + 28, 2);
    const uint64_t extra = number(at + 30, 2);
    *used = ENTRY_LENGTH + name + extra + number(at + 32, 2);
    if (*used > left) {
        return fail(error, "a zip archive whose directory is damaged");
    }
    *entry = (struct zip_entry){.name = {(const char *)at + ENTRY_LENGTH, name},
                                .header = number(at + 42, 4),
                                .length = number(at + 24, 4),
                                .crc = (uint32_t)number(at + 16, 4),
                                .method = (uint16_t)number(at + 10, 2),
                                .flags = (uint16_t)number(at + 8, 2)};
    uint64_t stored = number(at + 20, 4);
    uint64_t *large[3] = {&entry->length, &stored, &entry->header};
    read_extra(at + ENTRY_LENGTH + name, extra, large);
    return true;
}

// Entries do not share bytes: together they are no longer than the file.
static bool read_entries(struct zip *zip, const struct directory *directory, struct error *error) {
    const unsigned char *at =
        weight_source_take(zip->source, directory->start, directory->length, zip->arena, error);
    uint64_t left = directory->length;
    uint64_t bytes = 0;
    zip->entries =
        at == NULL ? NULL
                   : arena_take(zip->arena, (directory->count + 1) * sizeof *zip->entries, error);
    if (zip->entries == NULL) {
        return false;
    }
    while (zip->count < directory->count) {
        uint64_t used = 0;
        struct zip_entry *entry = &zip->entries[zip->count];
        if (!read_entry(at, left, entry, &used, error)) {
            return false;
        }
        if (entry->length > zip->source->length - bytes) {
            return fail(error, "a zip archive with more bytes in it than in the file");
        }
        bytes += entry->length;
        at += used;
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
    if (directory.length > LONGEST_DIRECTORY) {
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

bool zip_place(const struct zip *zip, const struct zip_entry *entry, uint64_t *at,
               struct error *error) {
    unsigned char header[HEADER_LENGTH];
    if ((entry->flags & 1) != 0 || entry->method != 0) {
        return fail(error, "'%.*s' is %s, which PyTorch never does", TEXT_ARG(entry->name),
                    (entry->flags & 1) != 0 ? "encrypted" : "compressed");
    }
    if (!weight_source_read(zip->source, entry->header, header, sizeof header, error) ||
        number(header, 4) != SIGNATURE(3, 4)) {
        return fail(error, "'%.*s' does not lie where the directory says", TEXT_ARG(entry->name));
    }
    *at = entry->header + HEADER_LENGTH + number(header + 26, 2) + number(header + 28, 2);
    if (*at > zip->source->length || entry->length > zip->source->length - *at) {
        return fail(error, "'%.*s' ends outside of the file", TEXT_ARG(entry->name));
    }
    return true;
}

bool zip_check(const struct zip *zip, const struct zip_entry *entry, struct error *error) {
    unsigned char piece[PIECE];
    uint64_t at = 0;
    unsigned long crc = 0;
    if (entry->crc == 0) {
        return true;
    }
    if (!zip_place(zip, entry, &at, error)) {
        return false;
    }
    for (uint64_t left = entry->length; left > 0;) {
        const size_t length = left < sizeof piece ? (size_t)left : sizeof piece;
        if (!weight_source_read(zip->source, at, piece, length, error)) {
            return false;
        }
        crc = crc32_z(crc, piece, length);
        at += length;
        left -= length;
    }
    return crc == entry->crc ||
           fail(error, "'%.*s' is damaged: its checksum is wrong", TEXT_ARG(entry->name));
}

const unsigned char *zip_bytes(const struct zip *zip, const struct zip_entry *entry,
                               struct error *error) {
    uint64_t at = 0;
    return zip_place(zip, entry, &at, error) && zip_check(zip, entry, error)
               ? weight_source_take(zip->source, at, entry->length, zip->arena, error)
               : NULL;
}

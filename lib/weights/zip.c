// The directory of a zip archive (APPNOTE 6.3, with zip64).
#include "weights/zip.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define END_LENGTH 22 // of the end record, without its comment
#define LONGEST_COMMENT 65535
#define ENTRY_LENGTH 46  // of a directory entry, without names
#define HEADER_LENGTH 30 // of a local header, without names
#define MOST_ENTRIES 100000

static uint64_t number(const unsigned char *at, size_t bytes) {
    uint64_t value = 0;
    for (size_t i = bytes; i > 0; i--) {
        value = value << 8 | at[i - 1];
    }
    return value;
}

// The directory: where it is, and how many entries it says.
struct directory {
    uint64_t start, length, count;
};

static bool find_directory64(const struct zip *zip, size_t end, struct directory *found,
                             struct error *error) {
    if (end < 20 || number(zip->bytes + end - 20, 4) != 0x07064B50u) {
        return fail(error, "a zip archive without the directory it needs");
    }
    const uint64_t at = number(zip->bytes + end - 20 + 8, 8);
    if (zip->length < 56 || at > zip->length - 56 || number(zip->bytes + at, 4) != 0x06064B50u) {
        return fail(error, "a zip archive whose directory lies outside of it");
    }
    *found = (struct directory){number(zip->bytes + at + 48, 8), number(zip->bytes + at + 40, 8),
                                number(zip->bytes + at + 32, 8)};
    return true;
}

static bool find_directory(const struct zip *zip, struct directory *found, struct error *error) {
    for (size_t back = END_LENGTH; back <= zip->length && back <= END_LENGTH + LONGEST_COMMENT;
         back++) {
        const unsigned char *at = zip->bytes + zip->length - back;
        if (number(at, 4) != 0x06054B50u || number(at + 20, 2) != back - END_LENGTH) {
            continue;
        }
        *found = (struct directory){number(at + 16, 4), number(at + 12, 4), number(at + 10, 2)};
        return (found->start != UINT32_MAX && found->length != UINT32_MAX &&
                found->count != UINT16_MAX) ||
               find_directory64(zip, zip->length - back, found, error);
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
    if (left < ENTRY_LENGTH || number(at, 4) != 0x02014B50u) {
        return fail(error, "a zip archive whose directory is damaged");
    }
    const uint64_t name = number(at + 28, 2);
    const uint64_t extra = number(at + 30, 2);
    *used = ENTRY_LENGTH + name + extra + number(at + 32, 2);
    if (*used > left) {
        return fail(error, "a zip archive whose directory is damaged");
    }
    *entry = (struct zip_entry){.name = (const char *)at + ENTRY_LENGTH,
                                .name_length = name,
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

bool zip_open(struct zip *zip, const unsigned char *bytes, size_t length, struct error *error) {
    struct directory directory = {0, 0, 0};
    *zip = (struct zip){.bytes = bytes, .length = length};
    if (!find_directory(zip, &directory, error)) {
        return false;
    }
    if (directory.start > length || directory.length > length - directory.start ||
        directory.count > directory.length / ENTRY_LENGTH || directory.count > MOST_ENTRIES) {
        return fail(error, "a zip archive whose directory lies outside of it");
    }
    zip->entries = calloc(directory.count + 1, sizeof *zip->entries);
    if (zip->entries == NULL) {
        return fail(error, "no memory");
    }
    const unsigned char *at = bytes + directory.start;
    uint64_t left = directory.length;
    while (zip->count < directory.count) {
        uint64_t used = 0;
        if (!read_entry(at, left, &zip->entries[zip->count], &used, error)) {
            zip_close(zip);
            return false;
        }
        at += used;
        left -= used;
        zip->count++;
    }
    return true;
}

void zip_close(struct zip *zip) {
    free(zip->entries);
    *zip = (struct zip){.count = 0};
}

const struct zip_entry *zip_find(const struct zip *zip, const char *end) {
    const size_t length = strlen(end);
    for (size_t i = 0; i < zip->count; i++) {
        const struct zip_entry *entry = &zip->entries[i];
        if (entry->name_length >= length &&
            memcmp(entry->name + entry->name_length - length, end, length) == 0 &&
            (entry->name_length == length || entry->name[entry->name_length - length - 1] == '/')) {
            return entry;
        }
    }
    return NULL;
}

bool zip_bytes(const struct zip *zip, const struct zip_entry *entry, const unsigned char **bytes,
               struct error *error) {
    const int shown = entry->name_length < 100 ? (int)entry->name_length : 100;
    if (entry->method != 0 || (entry->flags & 1) != 0) {
        return fail(error, "'%.*s' is compressed or encrypted, which PyTorch never does", shown,
                    entry->name);
    }
    if (entry->header > zip->length || zip->length - entry->header < HEADER_LENGTH ||
        number(zip->bytes + entry->header, 4) != 0x04034B50u) {
        return fail(error, "'%.*s' does not lie where the directory says", shown, entry->name);
    }
    const unsigned char *at = zip->bytes + entry->header;
    const uint64_t start = entry->header + HEADER_LENGTH + number(at + 26, 2) + number(at + 28, 2);
    if (start > zip->length || entry->length > zip->length - start) {
        return fail(error, "'%.*s' ends outside of the file", shown, entry->name);
    }
    *bytes = zip->bytes + start;
    return crc32_z(crc32(0, NULL, 0), *bytes, entry->length) == entry->crc ||
           fail(error, "'%.*s' is damaged: its checksum is wrong", shown, entry->name);
}

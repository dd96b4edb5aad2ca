// Names in a shard folder.
#include "dataset/shards/shards.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUFFIX ".mpk"

static size_t digits(const char *cursor, const char *end, const char *which) {
    size_t count = 0;
    while (cursor + count < end && strchr(which, cursor[count]) != NULL && cursor[count] != 0) {
        count++;
    }
    return count;
}

bool shard_name_valid(struct text name) {
    const char *cursor = name.bytes;
    const char *end = cursor + name.length;
    const size_t tail = strlen(SUFFIX);
    if (name.length >= SHARD_NAME_SIZE || name.length < strlen(SHARD_PREFIX) ||
        memcmp(cursor, SHARD_PREFIX, strlen(SHARD_PREFIX)) != 0) {
        return false;
    }
    cursor += strlen(SHARD_PREFIX);
    const size_t digit_count = digits(cursor, end, "0123456789");
    cursor += digit_count;
    if (digit_count < 5 || cursor == end || *cursor != '-') {
        return false;
    }
    cursor++;
    return digits(cursor, end, "0123456789abcdef") == 16 && (size_t)(end - cursor) == 16 + tail &&
           memcmp(cursor + 16, SUFFIX, tail) == 0;
}

bool shard_digest_parse(struct text text, uint64_t *digest) {
    char terminated[17] = "";
    if (text.length != 16 || digits(text.bytes, text.bytes + 16, "0123456789abcdef") != 16) {
        return false;
    }
    memcpy(terminated, text.bytes, 16);
    *digest = strtoull(terminated, NULL, 16);
    return true;
}

void shard_name(char name[SHARD_NAME_SIZE], size_t index, uint64_t hash) {
    (void)snprintf(name, SHARD_NAME_SIZE, SHARD_PREFIX "%05zu-%016" PRIx64 SUFFIX, index, hash);
}

// Names in a shard folder.
#include "dataset/shards/shards.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUFFIX ".mpk"

static size_t digits(const char *at, const char *end, const char *which) {
    size_t count = 0;
    while (at + count < end && strchr(which, at[count]) != NULL && at[count] != 0) {
        count++;
    }
    return count;
}

bool shard_name_valid(struct text name) {
    const char *at = name.bytes;
    const char *end = at + name.length;
    const size_t tail = strlen(SUFFIX);
    if (name.length >= SHARD_NAME_SIZE || name.length < strlen(SHARD_PREFIX) ||
        memcmp(at, SHARD_PREFIX, strlen(SHARD_PREFIX)) != 0) {
        return false;
    }
    at += strlen(SHARD_PREFIX);
    const size_t number = digits(at, end, "0123456789");
    at += number;
    if (number < 5 || at == end || *at != '-') {
        return false;
    }
    at++;
    return digits(at, end, "0123456789abcdef") == 16 && (size_t)(end - at) == 16 + tail &&
           memcmp(at + 16, SUFFIX, tail) == 0;
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

void shard_name(char name[SHARD_NAME_SIZE], size_t number, uint64_t hash) {
    (void)snprintf(name, SHARD_NAME_SIZE, SHARD_PREFIX "%05zu-%016" PRIx64 SUFFIX, number, hash);
}

// The XXH3 hash of bytes: of 64 bits, piece by piece or at once; of 128 bits, at once.
#ifndef PLEURA_STREAM_DIGEST_H
#define PLEURA_STREAM_DIGEST_H

#include <stddef.h>
#include <stdint.h>

struct digest;

struct digest *digest_new(void);         // NULL without memory
void digest_free(struct digest *digest); // NULL is fine
void digest_reset(struct digest *digest);
void digest_add(struct digest *digest, const void *bytes, size_t length);
uint64_t digest_value(const struct digest *digest);

uint64_t digest_of(const void *bytes, size_t length);

struct digest_128 {
    uint64_t high, low;
};

struct digest_128 digest_128_of(const void *bytes, size_t length);

#endif

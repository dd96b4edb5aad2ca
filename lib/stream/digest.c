// XXH3 from libxxhash; its x86 dispatcher picks AVX2 or AVX-512 where the processor has them.
#include "stream/digest.h"

#include "core/simd.h"

#include <xxhash.h>
#if defined(PROCESSOR_X86_64) && __has_include(<xxh_x86dispatch.h>)
#include <xxh_x86dispatch.h>
#endif

struct digest *digest_new(void) {
    XXH3_state_t *state = XXH3_createState();
    if (state != NULL) {
        (void)XXH3_64bits_reset(state);
    }
    return (struct digest *)state;
}

static XXH3_state_t *state_of(const struct digest *digest) {
    return (XXH3_state_t *)(uintptr_t)digest;
}

void digest_free(struct digest *digest) {
    (void)XXH3_freeState(state_of(digest));
}

void digest_reset(struct digest *digest) {
    (void)XXH3_64bits_reset(state_of(digest));
}

void digest_add(struct digest *digest, const void *bytes, size_t length) {
    (void)XXH3_64bits_update(state_of(digest), bytes, length);
}

uint64_t digest_value(const struct digest *digest) {
    return XXH3_64bits_digest(state_of(digest));
}

uint64_t digest_of(const void *bytes, size_t length) {
    return XXH3_64bits(bytes, length);
}

struct digest_128 digest_128_of(const void *bytes, size_t length) {
    const XXH128_hash_t hash = XXH3_128bits(bytes, length);
    return (struct digest_128){hash.high64, hash.low64};
}

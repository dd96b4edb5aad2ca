// SplitMix64, and MT19937 as far as the folds need it.
#include "core/numbers/random.h"

#include "core/numbers/random_draw.h"

struct random random_seed(uint64_t seed, uint64_t stream, uint64_t index) {
    return (struct random){random_start(seed, stream, index)};
}

uint64_t random_next(struct random *random) {
    const uint64_t drawn = random_draw(random->state, 0);
    random->state += RANDOM_STEP;
    return drawn;
}

uint64_t random_below(struct random *random, uint64_t bound) {
    __extension__ typedef unsigned __int128 wide;
    const uint64_t rejected = -bound % bound;
    for (;;) {
        const wide product = (wide)random_next(random) * bound;
        if ((uint64_t)product >= rejected) {
            return (uint64_t)(product >> 64);
        }
    }
}

double random_uniform(struct random *random) {
    return (double)(random_next(random) >> 11) * 0x1p-53;
}

static void swap(uint32_t *order, size_t i, size_t j) {
    const uint32_t kept = order[i];
    order[i] = order[j];
    order[j] = kept;
}

void random_shuffle(struct random *random, uint32_t *order, size_t count) {
    for (size_t i = 0; i < count; i++) {
        order[i] = (uint32_t)i;
    }
    for (size_t i = 0; i + 1 < count; i++) {
        swap(order, i, i + (size_t)random_below(random, count - i));
    }
}

// MT19937 (Matsumoto and Nishimura 1998).
#define MT_SIZE 624
#define MT_SHIFT 397

struct twister {
    uint32_t state[MT_SIZE];
    size_t next;
};

static void twister_seed(struct twister *twister, uint32_t seed) {
    twister->state[0] = seed;
    for (uint32_t i = 1; i < MT_SIZE; i++) {
        const uint32_t last = twister->state[i - 1];
        twister->state[i] = 1812433253u * (last ^ (last >> 30)) + i;
    }
    twister->next = MT_SIZE;
}

static void twister_refill(struct twister *twister) {
    uint32_t *state = twister->state;
    for (size_t i = 0; i < MT_SIZE; i++) {
        const uint32_t joined = (state[i] & 0x80000000u) | (state[(i + 1) % MT_SIZE] & 0x7FFFFFFFu);
        const uint32_t odd = joined & 1 ? 0x9908B0DFu : 0;
        state[i] = state[(i + MT_SHIFT) % MT_SIZE] ^ (joined >> 1) ^ odd;
    }
    twister->next = 0;
}

static uint32_t twister_next(struct twister *twister) {
    if (twister->next == MT_SIZE) {
        twister_refill(twister);
    }
    uint32_t y = twister->state[twister->next++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9D2C5680u;
    y ^= (y << 15) & 0xEFC60000u;
    return y ^ (y >> 18);
}

void random_torch_permutation(uint32_t *order, size_t count, uint32_t seed) {
    struct twister twister;
    twister_seed(&twister, seed);
    for (size_t i = 0; i < count; i++) {
        order[i] = (uint32_t)i;
    }
    for (size_t i = 0; i + 1 < count; i++) {
        swap(order, i, i + twister_next(&twister) % (count - i));
    }
}

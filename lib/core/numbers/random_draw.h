// SplitMix64 (Steele, Lea, Flood 2014), for whoever draws inside of a loop.
#ifndef PLEURA_CORE_NUMBERS_RANDOM_DRAW_H
#define PLEURA_CORE_NUMBERS_RANDOM_DRAW_H

#include "core/device.h"

#include <stdint.h>

#define RANDOM_STEP 0x9E3779B97F4A7C15u // of the state, from draw to draw

ON_DEVICE static inline uint64_t random_mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

// The state that random_seed starts with.
ON_DEVICE static inline uint64_t random_start(uint64_t seed, uint64_t stream, uint64_t index) {
    const uint64_t first = random_mix(seed + RANDOM_STEP) + stream;
    return random_mix(random_mix(first + RANDOM_STEP) + index + RANDOM_STEP);
}

// Draw number `draw`, from 0 on, as random_next and random_uniform give it.
ON_DEVICE static inline uint64_t random_draw(uint64_t start, uint64_t draw) {
    return random_mix(start + (draw + 1) * RANDOM_STEP);
}

ON_DEVICE static inline double random_draw_uniform(uint64_t start, uint64_t draw) {
    return (double)(random_draw(start, draw) >> 11) * 0x1p-53;
}

#endif

// Matrix units (AMX) as loops over numbers, for processors without: tiles of 16 rows of 64 bytes,
// and what Intel's manual, volume 2, says of their instructions.
#ifndef PLEURA_TESTS_UNIT_BACKEND_AMX_EMULATION_H
#define PLEURA_TESTS_UNIT_BACKEND_AMX_EMULATION_H

#include "backend/bf16.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static _Thread_local char emulated_tiles[8][16][64];

static inline void emulated_load(int tile, const void *from, size_t step) {
    for (size_t row = 0; row < 16; row++) {
        memcpy(emulated_tiles[tile][row], (const char *)from + row * step, 64);
    }
}

static inline void emulated_store(int tile, void *to, size_t step) {
    for (size_t row = 0; row < 16; row++) {
        memcpy((char *)to + row * step, emulated_tiles[tile][row], 64);
    }
}

static inline void emulated_multiply(int sum, int a, int b) {
    for (size_t row = 0; row < 16; row++) {
        float sums[16];
        uint16_t left[32];
        memcpy(sums, emulated_tiles[sum][row], sizeof sums);
        memcpy(left, emulated_tiles[a][row], sizeof left);
        for (size_t pair = 0; pair < 16; pair++) {
            uint16_t right[32];
            memcpy(right, emulated_tiles[b][pair], sizeof right);
            for (size_t k = 0; k < 32; k++) {
                sums[k / 2] += bf16_to(left[2 * pair + k % 2]) * bf16_to(right[k]);
            }
        }
        memcpy(emulated_tiles[sum][row], sums, sizeof sums);
    }
}

#define ZERO(tile) memset(emulated_tiles[tile], 0, sizeof emulated_tiles[tile])
#define LOAD(tile, address, step) emulated_load(tile, address, step)
#define STORE(tile, address, step) emulated_store(tile, address, step)
#define MULTIPLY(sum, a, b) emulated_multiply(sum, a, b)

#endif

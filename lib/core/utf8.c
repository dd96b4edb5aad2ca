// The Unicode standard's table 3-7, well-formed byte sequences.
#include "core/utf8.h"

#include <stdint.h>
#include <string.h>

size_t utf8_character(const char *at, size_t left) {
    const unsigned char *byte = (const unsigned char *)at;
    if (left == 0 || byte[0] < 0x80) {
        return left > 0;
    }
    const size_t length = byte[0] < 0xE0 ? 2 : byte[0] < 0xF0 ? 3 : 4;
    if (byte[0] < 0xC2 || byte[0] > 0xF4 || length > left) {
        return 0;
    }
    // The second byte's range is narrower where a shorter form, a surrogate or too much would be.
    const unsigned char least = byte[0] == 0xE0 ? 0xA0 : byte[0] == 0xF0 ? 0x90 : 0x80;
    const unsigned char most = byte[0] == 0xED ? 0x9F : byte[0] == 0xF4 ? 0x8F : 0xBF;
    if (byte[1] < least || byte[1] > most) {
        return 0;
    }
    for (size_t i = 2; i < length; i++) {
        if ((byte[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    return length;
}

bool utf8_valid(const char *at, size_t length) {
    for (size_t i = 0; i < length;) {
        uint64_t word;
        if (length - i >= sizeof word) {
            memcpy(&word, at + i, sizeof word);
            if ((word & 0x8080808080808080u) == 0) {
                i += sizeof word;
                continue;
            }
        }
        const size_t step = utf8_character(at + i, length - i);
        if (step == 0) {
            return false;
        }
        i += step;
    }
    return true;
}

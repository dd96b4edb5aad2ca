// The Unicode standard's table 3-7, well-formed byte sequences.
#include "core/text/utf8.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

size_t utf8_character(const char *text, size_t left) {
    const unsigned char *byte = (const unsigned char *)text;
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

bool utf8_valid(const char *text, size_t length) {
    for (size_t i = 0; i < length;) {
        uint64_t word;
        if (length - i >= sizeof word) {
            memcpy(&word, text + i, sizeof word);
            if ((word & 0x8080808080808080u) == 0) {
                i += sizeof word;
                continue;
            }
        }
        const size_t step = utf8_character(text + i, length - i);
        if (step == 0) {
            return false;
        }
        i += step;
    }
    return true;
}

// U+200E, U+200F, U+2028 to U+202E, U+2066 to U+2069, as three bytes: what moves text about.
static bool moves_text(const unsigned char *byte) {
    return byte[0] == 0xE2 && ((byte[1] == 0x80 && (byte[2] == 0x8E || byte[2] == 0x8F ||
                                                    (byte[2] >= 0xA8 && byte[2] <= 0xAE))) ||
                               (byte[1] == 0x81 && byte[2] >= 0xA6 && byte[2] <= 0xA9));
}

size_t utf8_show(const char *text, size_t left, char shown[UTF8_SHOWN]) {
    const unsigned char *byte = (const unsigned char *)text;
    const size_t length = utf8_character(text, left);
    if (length == 0 || (length == 1 && (byte[0] < ' ' || byte[0] == 0x7F))) {
        (void)snprintf(shown, UTF8_SHOWN, "\\x%02x", byte[0]);
        return 1;
    }
    if (length == 2 && byte[0] == 0xC2 && byte[1] < 0xA0) {
        (void)snprintf(shown, UTF8_SHOWN, "\\x%02x", byte[1]);
    } else if (length == 3 && moves_text(byte)) {
        (void)snprintf(shown, UTF8_SHOWN, "\\u20%02x",
                       (unsigned)(byte[1] & 3) << 6 | (byte[2] & 0x3F));
    } else {
        memcpy(shown, text, length);
        shown[length] = 0;
    }
    return length;
}

void utf8_show_text(const char *text, size_t length, char *shown, size_t size) {
    size_t used = 0;
    char character[UTF8_SHOWN];
    for (size_t i = 0; i < length;) {
        i += utf8_show(text + i, length - i, character);
        const size_t bytes = strlen(character);
        if (bytes >= size - used) {
            break;
        }
        memcpy(shown + used, character, bytes);
        used += bytes;
    }
    shown[used] = 0;
}

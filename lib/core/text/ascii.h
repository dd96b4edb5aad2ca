// Kinds of ASCII characters, in no locale: what <ctype.h> calls so, of any char.
#ifndef PLEURA_CORE_TEXT_ASCII_H
#define PLEURA_CORE_TEXT_ASCII_H

#include <stdbool.h>

// A space or a tab.
static inline bool ascii_is_blank(char c) {
    return c == ' ' || c == '\t';
}

// A blank, or what ends or feeds a line.
static inline bool ascii_is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static inline bool ascii_is_digit(char c) {
    return c >= '0' && c <= '9';
}

static inline bool ascii_is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

#endif

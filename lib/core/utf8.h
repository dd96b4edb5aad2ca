// UTF-8: which bytes form characters.
#ifndef PLEURA_CORE_UTF8_H
#define PLEURA_CORE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

// Bytes of the character that starts at `at` (1 to 4, at most `left`); 0 where none does. Strict as
// the Unicode standard's table 3-7: no overlong forms, no surrogates, nothing above U+10FFFF.
size_t utf8_character(const char *at, size_t left);

bool utf8_valid(const char *at, size_t length);

#endif

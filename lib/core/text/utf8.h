// UTF-8: which bytes form characters, and which of them a terminal may be sent.
#ifndef PLEURA_CORE_TEXT_UTF8_H
#define PLEURA_CORE_TEXT_UTF8_H

#include <stdbool.h>
#include <stddef.h>

// Bytes of the character that starts at `text` (1 to 4, at most `left`); 0 where none does. Strict
// as the Unicode standard's table 3-7: no overlong forms, no surrogates, nothing above U+10FFFF.
size_t utf8_character(const char *text, size_t left);

bool utf8_valid(const char *text, size_t length);

enum { UTF8_SHOWN = 8 }; // "\\u202e" and a NUL

// Writes to `shown` (terminated) how the character at `text` (left > 0 bytes) may stand in a line
// for a person, and returns how many bytes it has. A character is itself, but for what can steer a
// terminal or turn a line around: control characters (C0, DEL, C1) and bytes that form no character
// become \xNN, line and paragraph separators and directional marks and overrides \uNNNN.
size_t utf8_show(const char *text, size_t left, char shown[UTF8_SHOWN]);

// The same for a whole text: as much of it as fits into `size` bytes, terminated.
void utf8_show_text(const char *text, size_t length, char *shown, size_t size);

#endif

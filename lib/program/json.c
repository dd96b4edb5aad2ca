// Escaping.
#include "program/json.h"

#include "core/text/number.h"
#include "core/text/utf8.h"

#include <math.h>
#include <string.h>

static void put(struct output *output, const char *word) {
    output_write(output, word, strlen(word));
}

void json_text(struct output *output, const char *text, size_t length) {
    put(output, "\"");
    for (size_t i = 0; i < length;) {
        const unsigned char *cursor = (const unsigned char *)text + i;
        const size_t bytes = utf8_character(text + i, length - i);
        if (bytes == 0) {
            put(output, "\\ufffd");
        } else if (bytes == 1 && (*cursor == '"' || *cursor == '\\')) {
            output_printf(output, "\\%c", *cursor);
        } else if (bytes == 1 && (*cursor < ' ' || *cursor == 0x7F)) {
            output_printf(output, "\\u%04x", *cursor);
        } else if (bytes == 2 && cursor[0] == 0xC2 && cursor[1] < 0xA0) {
            output_printf(output, "\\u%04x", cursor[1]);
        } else {
            output_write(output, cursor, bytes);
        }
        i += bytes > 0 ? bytes : 1;
    }
    put(output, "\"");
}

void json_number(struct output *output, double number) {
    char text[NUMBER_TEXT_SIZE];
    number_text(text, number);
    put(output, isfinite(number) ? text : "null");
}

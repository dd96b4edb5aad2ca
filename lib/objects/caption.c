// Words on pictures, in letters of 5 x 9 dots.
#include "objects/caption.h"

#include <string.h>

enum { WIDTH = 5, HEIGHT = 9, STEP = WIDTH + 1, LEADING = HEIGHT + 2 };

// Of a letter's rows the first two are ascenders, the last two descenders; the highest of five bits
// is at the left.
static const struct {
    char letter;
    uint8_t rows[HEIGHT];
} LETTERS[] = {
    {'a', {0x00, 0x00, 0x0E, 0x01, 0x0F, 0x11, 0x0F}},
    {'c', {0x00, 0x00, 0x0E, 0x11, 0x10, 0x11, 0x0E}},
    {'d', {0x01, 0x01, 0x0F, 0x11, 0x11, 0x11, 0x0F}},
    {'e', {0x00, 0x00, 0x0E, 0x11, 0x1F, 0x10, 0x0E}},
    {'f', {0x06, 0x09, 0x08, 0x1E, 0x08, 0x08, 0x08}},
    {'g', {0x00, 0x00, 0x0F, 0x11, 0x11, 0x11, 0x0F, 0x01, 0x0E}},
    {'h', {0x10, 0x10, 0x16, 0x19, 0x11, 0x11, 0x11}},
    {'i', {0x04, 0x00, 0x0C, 0x04, 0x04, 0x04, 0x0E}},
    {'n', {0x00, 0x00, 0x16, 0x19, 0x11, 0x11, 0x11}},
    {'o', {0x00, 0x00, 0x0E, 0x11, 0x11, 0x11, 0x0E}},
    {'r', {0x00, 0x00, 0x16, 0x19, 0x10, 0x10, 0x10}},
    {'s', {0x00, 0x00, 0x0F, 0x10, 0x0E, 0x01, 0x1E}},
    {'t', {0x08, 0x08, 0x1E, 0x08, 0x08, 0x09, 0x06}},
    {'w', {0x00, 0x00, 0x11, 0x11, 0x15, 0x15, 0x0A}},
    {',', {0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x0C, 0x04, 0x08}},
};

// Letters of the first line of a text: as many words as fit, one at least. *next: where the next
// line starts.
static size_t line_length(const char *text, size_t columns, const char **next) {
    size_t length = strcspn(text, " ");
    while (text[length] == ' ') {
        const size_t longer = length + 1 + strcspn(text + length + 1, " ");
        if (longer > columns) {
            break;
        }
        length = longer;
    }
    *next = text + length + strspn(text + length, " ");
    return length;
}

static size_t count_lines(const char *text, size_t columns, size_t *longest) {
    size_t lines = 0;
    *longest = 0;
    for (; *text != '\0'; lines++) {
        const size_t length = line_length(text, columns, &text);
        *longest = length > *longest ? length : *longest;
    }
    return lines;
}

static void draw_letter(struct rgb_image *image, char letter, size_t top, size_t left,
                        size_t scale) {
    size_t i = 0;
    while (i < sizeof LETTERS / sizeof *LETTERS && LETTERS[i].letter != letter) {
        i++;
    }
    if (i == sizeof LETTERS / sizeof *LETTERS) {
        return;
    }
    for (size_t y = 0; y < HEIGHT * scale; y++) {
        for (size_t x = 0; x < WIDTH * scale; x++) {
            if ((LETTERS[i].rows[y / scale] >> (WIDTH - 1 - x / scale) & 1) != 0) {
                memset(image->rgb + 3 * ((top + y) * image->width + left + x), 0xFF, 3);
            }
        }
    }
}

bool caption_below(struct rgb_image *image, const char *text, struct error *error) {
    // The whole text in half of the width, where that can be read.
    const size_t scale = 1 + image->width / (2 * STEP * (strlen(text) + 1));
    const size_t columns = image->width / (STEP * scale);
    size_t longest = 0;
    const size_t lines = count_lines(text, columns > 0 ? columns - 1 : 0, &longest);
    const size_t least = (longest + 1) * STEP * scale;
    struct rgb_image larger;
    if (!rgb_image_alloc(&larger, image->height + (lines * LEADING + 2) * scale,
                         least > image->width ? least : image->width, error)) {
        return false;
    }
    rgb_image_place(&larger, image, 0, 0);
    for (size_t line = 0; line < lines; line++) {
        const char *words = text;
        const size_t length = line_length(words, columns > 0 ? columns - 1 : 0, &text);
        for (size_t i = 0; i < length; i++) {
            draw_letter(&larger, words[i], image->height + (line * LEADING + 2) * scale,
                        (i * STEP + STEP / 2) * scale, scale);
        }
    }
    rgb_image_free(image);
    *image = larger;
    return true;
}

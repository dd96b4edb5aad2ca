// Run lengths as sorted lists: reading, writing, uniting, comparing.
#include "image/runs.h"

#include "core/array.h"
#include "core/text/ascii.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ABSOLUTE                                                                                   \
    ": the numbers look like absolute starts, and here each start counts from the end of the run " \
    "before"

void runs_free(struct runs *runs) {
    free(runs->items);
    *runs = (struct runs){NULL, 0, 0};
}

static bool add_run(struct runs *runs, uint32_t start, uint32_t end, struct error *error) {
    struct run *items = array_grow(runs->items, &runs->capacity, runs->count + 1, sizeof *items);
    if (items == NULL) {
        return fail(error, "no memory for %zu runs", runs->count + 1);
    }
    runs->items = items;
    runs->items[runs->count++] = (struct run){start, end};
    return true;
}

bool runs_append(struct runs *runs, uint32_t start, uint32_t end, struct error *error) {
    if (runs->count > 0 && start <= runs->items[runs->count - 1].end) {
        struct run *last = &runs->items[runs->count - 1];
        last->end = end > last->end ? end : last->end;
        return true;
    }
    return add_run(runs, start, end, error);
}

// Reads the next number of a text: 1 found, 0 the text ends, -1 neither a number nor a blank, or
// too large.
static int next_number(const char **cursor, const char *end, uint64_t *number) {
    while (*cursor < end && ascii_is_space(**cursor)) {
        ++*cursor;
    }
    if (*cursor == end) {
        return 0;
    }
    const char *start = *cursor;
    *number = 0;
    for (; *cursor < end && ascii_is_digit(**cursor); ++*cursor) {
        *number = *number * 10 + (uint64_t)(**cursor - '0');
        if (*number > UINT32_MAX) {
            return -1;
        }
    }
    return *cursor > start && (*cursor == end || ascii_is_space(**cursor)) ? 1 : -1;
}

static bool is_empty_mask(const char *text, size_t length) {
    while (length > 0 && ascii_is_space(text[length - 1])) {
        length--;
    }
    while (length > 0 && ascii_is_space(*text)) {
        text++;
        length--;
    }
    return length == 2 && memcmp(text, "-1", 2) == 0;
}

// Do the numbers make sense as pairs of an absolute start (from 1) and a length, as other tables
// have them: at least two, each behind the one before, all inside of the image?
static bool look_absolute(const char *text, const char *end, uint64_t pixels) {
    uint64_t last = 0;
    uint64_t start = 0;
    uint64_t run = 0;
    size_t pairs = 0;
    while (next_number(&text, end, &start) > 0) {
        if (next_number(&text, end, &run) <= 0 || start <= last || start + run - 1 > pixels) {
            return false;
        }
        last = start + run - 1;
        pairs++;
    }
    return pairs > 1 && text == end;
}

bool runs_parse_more(struct runs *runs, const char *text, size_t length, size_t height,
                     size_t width, struct error *error) {
    const char *cursor = text;
    const char *end = text + length;
    const uint64_t pixels = (uint64_t)height * width;
    uint64_t position = 0;
    size_t pairs = 0;
    if (pixels > IMAGE_MAX_PIXELS) {
        return fail(error, "an image of %zu x %zu is too large", height, width);
    }
    if (is_empty_mask(text, length)) {
        return true;
    }
    for (;; pairs++) {
        uint64_t gap = 0;
        uint64_t run = 0;
        const int has_gap = next_number(&cursor, end, &gap);
        const int has_run = has_gap > 0 ? next_number(&cursor, end, &run) : 0;
        if (has_gap < 0 || has_run < 0) {
            return fail(error, "run lengths: pair %zu is not two whole numbers", pairs + 1);
        }
        if (has_gap == 0) {
            break;
        }
        if (has_run == 0) {
            return fail(error, "run lengths: pair %zu lacks its second number", pairs + 1);
        }
        position += gap + run;
        if (position > pixels) {
            return fail(error,
                        "run lengths: run %zu ends at pixel %" PRIu64 " of %" PRIu64
                        " (%zu x %zu)%s",
                        pairs + 1, position, pixels, height, width,
                        look_absolute(text, end, pixels) ? ABSOLUTE : "");
        }
        if (run > 0 && !add_run(runs, (uint32_t)(position - run), (uint32_t)position, error)) {
            return false;
        }
    }
    return pairs > 0 || fail(error, "run lengths: no number (an empty mask is -1)");
}

bool runs_parse(struct runs *runs, const char *text, size_t length, size_t height, size_t width,
                struct error *error) {
    runs->count = 0;
    if (!runs_parse_more(runs, text, length, height, width, error)) {
        return false;
    }
    runs_unite(runs);
    return true;
}

static int by_start(const void *a, const void *b) {
    const struct run *x = a;
    const struct run *y = b;
    return (x->start > y->start) - (x->start < y->start);
}

void runs_unite(struct runs *runs) {
    size_t count = 0;
    bool sorted = true;
    for (size_t i = 1; sorted && i < runs->count; i++) {
        sorted = runs->items[i - 1].start <= runs->items[i].start;
    }
    if (!sorted) {
        qsort(runs->items, runs->count, sizeof *runs->items, by_start);
    }
    for (size_t i = 0; i < runs->count; i++) {
        const struct run next = runs->items[i];
        struct run *last = count > 0 ? &runs->items[count - 1] : NULL;
        if (last == NULL || next.start > last->end) {
            runs->items[count++] = next;
        } else if (next.end > last->end) {
            last->end = next.end;
        }
    }
    runs->count = count;
}

uint64_t runs_area(const struct runs *runs) {
    uint64_t area = 0;
    for (size_t i = 0; i < runs->count; i++) {
        area += runs->items[i].end - runs->items[i].start;
    }
    return area;
}

uint64_t runs_common(const struct runs *a, const struct runs *b) {
    uint64_t common = 0;
    for (size_t i = 0, j = 0; i < a->count && j < b->count;) {
        const struct run x = a->items[i];
        const struct run y = b->items[j];
        const uint32_t start = x.start > y.start ? x.start : y.start;
        const uint32_t end = x.end < y.end ? x.end : y.end;
        common += end > start ? end - start : 0;
        if (x.end < y.end) {
            i++;
        } else {
            j++;
        }
    }
    return common;
}

bool runs_equal(const struct runs *a, const struct runs *b) {
    return a->count == b->count &&
           (a->count == 0 || memcmp(a->items, b->items, a->count * sizeof *a->items) == 0);
}

static char *write_number(char *cursor, uint32_t number) {
    char digits[10];
    size_t count = 0;
    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    while (count > 0) {
        *cursor++ = digits[--count];
    }
    return cursor;
}

bool runs_format(struct runs_text *text, const struct runs *runs, struct error *error) {
    const size_t needed = runs->count * 22 + 3; // two numbers of ten digits and their blanks
    char *cursor = array_grow(text->bytes, &text->capacity, needed, 1);
    if (cursor == NULL) {
        return fail(error, "no memory for %zu runs", runs->count);
    }
    text->bytes = cursor;
    uint32_t last = 0;
    for (size_t i = 0; i < runs->count; i++) {
        cursor = write_number(cursor, runs->items[i].start - last);
        *cursor++ = ' ';
        cursor = write_number(cursor, runs->items[i].end - runs->items[i].start);
        *cursor++ = ' ';
        last = runs->items[i].end;
    }
    if (runs->count == 0) {
        memcpy(cursor, "-1 ", 3);
        cursor += 3;
    }
    text->length = (size_t)(cursor - text->bytes) - 1;
    return true;
}

// Run lengths in the challenge's encoding: "gap run gap run ..." down the columns, the first column
// first, each gap counted from the END of the run before; "-1" is the empty mask.
#ifndef PLEURA_IMAGE_RUNS_H
#define PLEURA_IMAGE_RUNS_H

#include "image/image.h"

// Pixels [start, end) in column-major order: pixel (y, x) is x * height + y.
struct run {
    uint32_t start, end;
};

// Sorted; no two runs touch. Starts as zeros and serves again and again.
struct runs {
    struct run *items;
    size_t count, capacity;
};

void runs_free(struct runs *runs);

// Appends pixels [start, end), which do not start before the last run does; joins the two where
// they meet.
CHECKED bool runs_append(struct runs *runs, uint32_t start, uint32_t end, struct error *error);

// Reads a text for an image of height x width in place of what *runs held. Runs of length 0 vanish,
// runs that touch become one. Refuses anything but numbers and blanks, a gap without a run, and
// runs that end outside of the image; the error tells which, and that numbers look like the
// absolute starts of other tables where they do.
CHECKED bool runs_parse(struct runs *runs, const char *text, size_t length, size_t height,
                        size_t width, struct error *error);

// Reads one more text of the same image behind what *runs holds: after the last one, runs_unite
// makes the list of all texts whole. n texts of n runs in all take time of n log n.
CHECKED bool runs_parse_more(struct runs *runs, const char *text, size_t length, size_t height,
                             size_t width, struct error *error);

// Brings runs in any order into the one above: sorted, joined where they touch or overlap.
void runs_unite(struct runs *runs);

uint64_t runs_area(const struct runs *runs);                      // pixels
uint64_t runs_common(const struct runs *a, const struct runs *b); // pixels in both
bool runs_equal(const struct runs *a, const struct runs *b);

// A text that grows; starts as zeros and serves again and again. The caller frees `bytes`.
struct runs_text {
    char *bytes;
    size_t length, capacity;
};

// Writes the runs' text, the shortest there is, in place of what *text held.
CHECKED bool runs_format(struct runs_text *text, const struct runs *runs, struct error *error);

// Draws the runs into a mask of the size they were read for, in place of what it held.
void runs_draw(struct image *mask, const struct runs *runs);

// The runs of a mask of 0 and 1, in place of what *runs held.
CHECKED bool runs_trace(struct runs *runs, const struct image *mask, struct error *error);

#endif

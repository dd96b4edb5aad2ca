// The symmetric Lovasz hinge with a margin for each class: mean over the images of (hinge of the
// lesion + hinge of the background) / 2 (Berman, Triki, Blaschko 2018; symmetric as in
// Yakubovskiy's and others' use).
//
// The errors are e = margin(t) - z (2t - 1). The hinge of the lesion and that of the background
// sort the same errors in the same order, so one sort serves both. An error that is not positive
// adds nothing, whatever its weight, and weights depend only on what comes before: so only the
// violators (e > 0) are sorted, which in a trained network are few. Where errors are equal their
// order is free: the value does not depend on it.
#include "loss/lovasz/lovasz.h"

#include "loss/loss.h"

#include <string.h>

#define LESION 0x80000000u // beside a pixel's index, of which there are 2^31 at most
#define AHEAD ((size_t)32) // entries whose gradients are fetched early: they lie anywhere

// An entry is the error's bits above the pixel's index: positive floats are ordered like their
// bits.
static size_t collect_violators(const float *logits, const uint8_t *mask, size_t pixels,
                                float margin_empty, float margin_lesion, uint64_t *entries) {
    size_t count = 0;
    for (size_t i = 0; i < pixels; i++) {
        const float error = lovasz_error(logits[i], mask[i], margin_empty, margin_lesion);
        uint32_t bits;
        memcpy(&bits, &error, sizeof bits);
        entries[count] = (uint64_t)bits << 32 | (uint32_t)i | (mask[i] ? LESION : 0);
        count += error > 0;
    }
    return count;
}

enum { DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS, PASSES = 3 };

static unsigned digit_of(uint64_t entry, int pass) {
    // Complemented: the greatest error comes first.
    return (unsigned)(~entry >> (32 + pass * DIGIT_BITS)) & (DIGITS - 1);
}

// Radix sort by error, descending; equal errors keep the order of the pixels. Returns the buffer
// that holds the result.
static uint64_t *sort_entries(uint64_t *entries, uint64_t *other, size_t count) {
    size_t starts[PASSES][DIGITS];
    memset(starts, 0, sizeof starts);
    for (size_t i = 0; i < count; i++) {
        for (int pass = 0; pass < PASSES; pass++) {
            starts[pass][digit_of(entries[i], pass)]++;
        }
    }
    for (int pass = 0; pass < PASSES; pass++) {
        size_t total = 0;
        for (size_t digit = 0; digit < DIGITS; digit++) {
            const size_t entries_of_digit = starts[pass][digit];
            starts[pass][digit] = total;
            total += entries_of_digit;
        }
        for (size_t i = 0; i < count; i++) {
            other[starts[pass][digit_of(entries[i], pass)]++] = entries[i];
        }
        uint64_t *sorted = other;
        other = entries;
        entries = sorted;
    }
    return entries;
}

static float error_of(uint64_t entry) {
    const uint32_t bits = (uint32_t)(entry >> 32);
    float error;
    memcpy(&error, &bits, sizeof error);
    return error;
}

static size_t pixel_of(uint64_t entry) {
    return (uint32_t)entry & ~LESION;
}

// One image: the Jaccard losses of both classes rise along the sorted violators; each violator's
// error counts by how much they rise at it. Returns the sum of both hinges.
static double add_rises(const uint64_t *sorted, size_t count, size_t pixels, double lesion,
                        double scale, float *gradient) {
    const double empty = (double)pixels - lesion;
    double seen_lesion = 0;
    double seen_empty = 0;
    double last = 0;
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        const bool is_lesion = (sorted[i] & LESION) != 0;
        __builtin_prefetch(gradient + pixel_of(sorted[i + AHEAD < count ? i + AHEAD : i]), 1);
        seen_lesion += is_lesion;
        seen_empty += !is_lesion;
        const double jaccard = lovasz_jaccard(lesion, empty, seen_lesion, seen_empty);
        const double rise = jaccard - last;
        last = jaccard;
        sum += (double)error_of(sorted[i]) * rise;
        gradient[pixel_of(sorted[i])] += (float)((is_lesion ? -scale : scale) * rise);
    }
    return sum;
}

// Memory for a violator more than there can be: collect_violators writes before it knows.
static size_t scratch_bytes(size_t pixels) {
    return 2 * (pixels + 1) * sizeof(uint64_t);
}

static double add(const struct loss_part *part) {
    uint64_t *entries = part->scratch;
    const double share = part->weight / (2 * (double)part->images);
    const size_t count = collect_violators(part->logits, part->mask, part->pixels,
                                           (float)part->values[LOVASZ_MARGIN_EMPTY],
                                           (float)part->values[LOVASZ_MARGIN_LESION], entries);
    const uint64_t *sorted = sort_entries(entries, entries + part->pixels + 1, count);
    return share * add_rises(sorted, count, part->pixels, (double)part->lesion, part->scale * share,
                             part->gradient);
}

const struct loss_term lovasz_loss = {
    .name = "lovasz",
    .title = "symmetric Lovasz hinge",
    .heads = LOSS_MAPS,
    .weight = {.name = "lovasz",
               .argument = "W",
               .help = "weight of the Lovasz hinge",
               .minimum = 0,
               .maximum = 100,
               .usual = 0.1},
    .settings = {[LOVASZ_MARGIN_LESION] = {.name = "margin",
                                           .argument = "M",
                                           .help = "of the Lovasz hinge, for lesions; 1 for "
                                                   "classification",
                                           .minimum = 0,
                                           .maximum = 100,
                                           .usual = 5},
                 [LOVASZ_MARGIN_EMPTY] = {.usual = 1}},
    .add = add,
    .scratch_bytes = scratch_bytes,
};

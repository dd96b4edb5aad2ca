// The symmetric Lovasz hinge with a margin for each class: mean over the images of (hinge of the
// lesion + hinge of the background) / 2 (Berman, Triki, Blaschko 2018; symmetric as in
// Yakubovskiy's and others' use).
//
// The errors are e = margin(t) - z (2t - 1). The hinge of the lesion and that of the background
// sort the same errors in the same order, so one sort serves both. An error that is not positive
// adds nothing, whatever its weight, and weights depend only on what comes before: so only the
// violators (e > 0) are sorted, which in a trained network are few. Where errors are equal their
// order is free: the value does not depend on it.
//
// Violators go to groups of errors whose upper bits are the same, 128 an octave, with the greatest
// first; a group, which mostly stays in a cache, is then sorted by the lower bits and added up.
#include "loss/lovasz/lovasz.h"

#include "core/simd.h"
#include "loss/loss.h"

#include <string.h>

#define LESION 0x80000000u // beside a pixel's index, of which there are 2^31 at most

enum { LOWER_BITS = 16, GROUPS = 1 << (31 - LOWER_BITS) };

// One image's logits. They are gone through in two halves at once: neighbouring pixels are mostly
// of one group, whose counter would have to be waited for.
struct hinge {
    const float *logits;
    const uint8_t *mask;
    size_t pixels, half;
    float margin_empty, margin_lesion;
    uint32_t (*counts)[GROUPS]; // of both halves: violators of each group, then where the next goes
    uint64_t *entries, *other;  // a pixel each
};

// ---- groups

enum { BLOCK = 256 };

// Bits of the errors of at most BLOCK pixels from `first` on: positive floats are ordered like
// their bits. 0, and behind `end`: the pixel violates no margin. Returns whether any does.
VECTORISED static bool find_violations(const struct hinge *hinge, size_t first, size_t end,
                                       uint32_t *violations) {
    const size_t count = end - first < BLOCK ? end - first : BLOCK;
    const float *logits = hinge->logits + first;
    const uint8_t *mask = hinge->mask + first;
    uint32_t any = 0;
    for (size_t i = 0; i < count; i++) {
        const float error =
            lovasz_error(logits[i], mask[i], hinge->margin_empty, hinge->margin_lesion);
        uint32_t bits;
        memcpy(&bits, &error, sizeof bits);
        violations[i] = error > 0 ? bits : 0;
        any |= violations[i];
    }
    memset(violations + count, 0, (BLOCK - count) * sizeof *violations);
    return any != 0;
}

static size_t group_of(uint32_t bits) {
    return GROUPS - 1 - (bits >> LOWER_BITS);
}

// Counts violators, or puts them to their places. An entry is the error's bits above the pixel's
// index.
static void take_violators(const struct hinge *hinge, bool places) {
    for (size_t first = 0; first < hinge->half; first += BLOCK) {
        const size_t other = hinge->half + first;
        uint32_t violations[2][BLOCK];
        bool any = find_violations(hinge, first, hinge->half, violations[0]);
        any |= find_violations(hinge, other < hinge->pixels ? other : hinge->pixels, hinge->pixels,
                               violations[1]);
        for (size_t i = 0; any && i < BLOCK; i++) {
            for (size_t half = 0; half < 2; half++) {
                const uint32_t bits = violations[half][i];
                const size_t pixel = half * hinge->half + first + i;
                if (bits == 0) {
                    continue;
                }
                uint32_t *count = &hinge->counts[half][group_of(bits)];
                if (places) {
                    hinge->entries[*count] =
                        (uint64_t)bits << 32 | (uint32_t)pixel | (hinge->mask[pixel] ? LESION : 0);
                }
                ++*count;
            }
        }
    }
}

// Counts become the numbers of violators before: in other groups, or in this one's first half.
static void find_starts(const struct hinge *hinge) {
    uint32_t total = 0;
    for (size_t group = 0; group < GROUPS; group++) {
        for (size_t half = 0; half < 2; half++) {
            const uint32_t count = hinge->counts[half][group];
            hinge->counts[half][group] = total;
            total += count;
        }
    }
}

// ---- a group's order

enum { DIGIT_BITS = 8, DIGITS = 1 << DIGIT_BITS, PASSES = LOWER_BITS / DIGIT_BITS, FEW = 32 };

static unsigned digit_of(uint64_t entry, int pass) {
    // Complemented: the greatest error comes first.
    return (unsigned)(~entry >> (32 + pass * DIGIT_BITS)) & (DIGITS - 1);
}

// Both sorts: by error, descending; equal errors keep their order.
static void sort_by_insertion(uint64_t *entries, size_t count) {
    for (size_t i = 1; i < count; i++) {
        const uint64_t entry = entries[i];
        size_t k = i;
        for (; k > 0 && entries[k - 1] >> 32 < entry >> 32; k--) {
            entries[k] = entries[k - 1];
        }
        entries[k] = entry;
    }
}

static void sort_by_digits(uint64_t *entries, uint64_t *other, size_t count) {
    uint32_t starts[PASSES][DIGITS] = {{0}};
    for (size_t i = 0; i < count; i++) {
        for (int pass = 0; pass < PASSES; pass++) {
            starts[pass][digit_of(entries[i], pass)]++;
        }
    }
    for (int pass = 0; pass < PASSES; pass++) {
        uint32_t total = 0;
        for (size_t digit = 0; digit < DIGITS; digit++) {
            const uint32_t entries_of_digit = starts[pass][digit];
            starts[pass][digit] = total;
            total += entries_of_digit;
        }
        for (size_t i = 0; i < count; i++) {
            other[starts[pass][digit_of(entries[i], pass)]++] = entries[i];
        }
        uint64_t *sorted = other;
        other = entries;
        entries = sorted; // where they were, after an even number of passes
    }
}

// ---- rises

enum { LANES = 8 };

// How far the sorted violators have been added up.
struct rises {
    double lesion, empty, scale;
    float *gradient;
    int32_t seen, seen_lesion;
    double last;        // of the Jaccard losses' sum
    double sums[LANES]; // of the hinges: as many parts on every processor
};

static float error_of(uint64_t entry) {
    const uint32_t bits = (uint32_t)(entry >> 32);
    float error;
    memcpy(&error, &bits, sizeof error);
    return error;
}

static size_t pixel_of(uint64_t entry) {
    return (uint32_t)entry & ~LESION;
}

// The Jaccard losses of both classes rise along the sorted violators; each violator's error counts
// by how much they rise at it. Of at most BLOCK of them.
VECTORISED static void add_rises(struct rises *rises, const uint64_t *sorted, size_t count) {
    int32_t lesions[BLOCK];
    double jaccard[1 + BLOCK] = {rises->last};
    double products[BLOCK];
    float steps[BLOCK];
    for (size_t i = 0; i < count; i++) {
        __builtin_prefetch(rises->gradient + pixel_of(sorted[i]), 1); // they lie anywhere
        rises->seen_lesion += (sorted[i] & LESION) != 0;
        lesions[i] = rises->seen_lesion;
    }
    for (size_t i = 0; i < count; i++) {
        const int32_t seen = rises->seen + (int32_t)i + 1;
        jaccard[i + 1] =
            lovasz_jaccard(rises->lesion, rises->empty, lesions[i], (double)(seen - lesions[i]));
    }
    for (size_t i = 0; i < count; i++) {
        const double rise = jaccard[i + 1] - jaccard[i];
        products[i] = (double)error_of(sorted[i]) * rise;
        steps[i] = (float)((sorted[i] & LESION ? -rises->scale : rises->scale) * rise);
    }
    for (size_t i = 0; i < count; i++) {
        rises->sums[i % LANES] += products[i];
    }
    for (size_t i = 0; i < count; i++) {
        rises->gradient[pixel_of(sorted[i])] += steps[i];
    }
    rises->seen += (int32_t)count;
    rises->last = jaccard[count];
}

static void add_group(const struct hinge *hinge, struct rises *rises, size_t first, size_t end) {
    uint64_t *entries = hinge->entries + first;
    const size_t count = end - first;
    if (count <= FEW) {
        sort_by_insertion(entries, count);
    } else {
        sort_by_digits(entries, hinge->other, count);
    }
    for (size_t i = 0; i < count; i += BLOCK) {
        add_rises(rises, entries + i, count - i < BLOCK ? count - i : BLOCK);
    }
}

static size_t scratch_bytes(size_t pixels) {
    return 2 * pixels * sizeof(uint64_t) + 2 * sizeof(uint32_t[GROUPS]);
}

static struct hinge hinge_of(const struct loss_part *part) {
    uint64_t *entries = part->scratch;
    return (struct hinge){
        .logits = part->logits,
        .mask = part->mask,
        .pixels = part->pixels,
        .half = (part->pixels + 1) / 2,
        .margin_empty = (float)part->values[LOVASZ_MARGIN_EMPTY],
        .margin_lesion = (float)part->values[LOVASZ_MARGIN_LESION],
        .counts = (uint32_t(*)[GROUPS])(void *)(entries + 2 * part->pixels),
        .entries = entries,
        .other = entries + part->pixels,
    };
}

static double add(const struct loss_part *part) {
    const struct hinge hinge = hinge_of(part);
    const double share = part->weight / (2 * (double)part->images);
    struct rises rises = {.lesion = (double)part->lesion,
                          .empty = (double)part->pixels - (double)part->lesion,
                          .scale = part->scale * share,
                          .gradient = part->gradient};
    size_t first = 0;
    memset(hinge.counts, 0, 2 * sizeof *hinge.counts);
    take_violators(&hinge, false);
    find_starts(&hinge);
    take_violators(&hinge, true);
    for (size_t group = 0; group < GROUPS; group++) {
        const size_t end = hinge.counts[1][group];
        if (end > first) {
            add_group(&hinge, &rises, first, end);
        }
        first = end;
    }
    double sum = 0;
    for (size_t lane = 0; lane < LANES; lane++) {
        sum += rises.sums[lane];
    }
    return share * sum;
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

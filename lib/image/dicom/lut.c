// The look-up tables of DICOM files.
#include "image/dicom/lut.h"

#include <math.h>
#include <string.h>

enum { MAX_BITS = 16, MAX_ENTRIES = 1 << MAX_BITS };

static bool overlaps(int64_t first, int64_t count, double least, double greatest) {
    return (double)first <= greatest && (double)(first + count) > least;
}

// Of the two readings of a first value the one whose table the values fall into; where both do, or
// none, what the value representation says.
static int64_t read_first(uint16_t bits, const char *vr, int64_t count, double least,
                          double greatest) {
    const int64_t positive = bits, two_complement = (int16_t)bits;
    const bool as_positive = overlaps(positive, count, least, greatest);
    const bool as_signed = overlaps(two_complement, count, least, greatest);
    if (as_positive != as_signed) {
        return as_positive ? positive : two_complement;
    }
    const bool is_signed = strcmp(vr, "SS") == 0 || (strcmp(vr, "US") != 0 && least < 0);
    return is_signed ? two_complement : positive;
}

static unsigned entry_at(const struct dicom_lut *lut, int64_t index) {
    if (!lut->words) {
        return lut->entries[lut->swapped ? index ^ 1 : index];
    }
    const uint8_t *entry = lut->entries + 2 * index;
    return lut->big_endian ? (unsigned)(entry[0] << 8 | entry[1])
                           : (unsigned)(entry[1] << 8 | entry[0]);
}

static unsigned needed_bits(const struct dicom_lut *lut) {
    unsigned all = 0, bits = 0;
    for (int64_t i = 0; i < lut->count; i++) {
        all |= entry_at(lut, i);
    }
    for (; all != 0; all >>= 1) {
        bits++;
    }
    return bits;
}

enum dicom_given dicom_lut_read(const struct dicom_set *set, uint32_t descriptor, uint32_t data,
                                double least, double greatest, struct dicom_lut *lut) {
    uint16_t count = 0, first = 0, bits = 0;
    struct dicom_element head, body;
    const bool has_head = dicom_find(set, descriptor, &head);
    const bool has_body = dicom_find(set, data, &body);
    if (!has_head || !has_body) {
        return has_head || has_body || !dicom_sound(set) ? DICOM_UNCLEAR : DICOM_ABSENT;
    }
    if (head.value.length != 6 || !dicom_u16(&head, 0, &count) || !dicom_u16(&head, 1, &first) ||
        !dicom_u16(&head, 2, &bits) || bits == 0 || bits > MAX_BITS) {
        return DICOM_UNCLEAR;
    }
    const size_t length = body.value.length;
    const int64_t entries = count == 0 ? MAX_ENTRIES : count;
    *lut = (struct dicom_lut){
        .entries = body.value.bytes,
        .words = length / 2 >= (size_t)entries,
        .big_endian = body.value.big_endian,
        .count = entries,
        .first = read_first(first, head.vr, entries, least, greatest),
        .claimed_bits = bits,
    };
    lut->swapped = lut->big_endian && strcmp(body.vr, "OW") == 0 && length % 2 == 0;
    // Two bytes for some entries and none for others: cut short.
    if (!lut->words && length != (size_t)entries && length != ((size_t)entries + 1) / 2 * 2) {
        return DICOM_UNCLEAR;
    }
    lut->bits = needed_bits(lut);
    return DICOM_GIVEN;
}

unsigned dicom_lut_at(const struct dicom_lut *lut, double value) {
    const double index = floor(value + 0.5) - (double)lut->first;
    return entry_at(lut, index >= (double)lut->count ? lut->count - 1
                         : index > 0                 ? (int64_t)index
                                                     : 0);
}

bool dicom_lut_has(const struct dicom_lut *lut, double value) {
    const double index = floor(value + 0.5) - (double)lut->first;
    return index >= 0 && index < (double)lut->count;
}

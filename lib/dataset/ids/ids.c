// Open addressing over the indices of the ids.
#include "dataset/ids/ids.h"

#include "core/array.h"

#include <stdlib.h>

#define FIRST_SLOTS 1024

// FNV-1a, its high bits folded down.
static size_t hash(struct text id) {
    uint64_t value = 0xCBF29CE484222325u;
    for (size_t i = 0; i < id.length; i++) {
        value = (value ^ (unsigned char)id.bytes[i]) * 0x100000001B3u;
    }
    return (size_t)(value ^ (value >> 32));
}

// The slot that holds the id, or the free one where it belongs.
static size_t find_slot(const struct ids *ids, struct text id) {
    size_t slot = hash(id) & (ids->slot_count - 1);
    while (ids->slots[slot] != 0 && !text_equal(ids->items[ids->slots[slot] - 1], id)) {
        slot = (slot + 1) & (ids->slot_count - 1);
    }
    return slot;
}

size_t ids_find(const struct ids *ids, struct text id) {
    if (ids->slot_count == 0) {
        return IDS_ABSENT;
    }
    const uint32_t found = ids->slots[find_slot(ids, id)];
    return found != 0 ? found - 1 : IDS_ABSENT;
}

// Makes sure that one more id fits: at most half the slots are taken, and there are at least half
// as many items as slots.
static bool reserve(struct ids *ids, struct error *error) {
    if (2 * ids->count < ids->slot_count) {
        return true;
    }
    const size_t slot_count = ids->slot_count > 0 ? 2 * ids->slot_count : FIRST_SLOTS;
    uint32_t *slots = slot_count <= UINT32_MAX ? calloc(slot_count, sizeof *slots) : NULL;
    struct text *items = array_grow(ids->items, &ids->capacity, slot_count / 2, sizeof *items);
    if (items != NULL) {
        ids->items = items;
    }
    if (slots == NULL || items == NULL) {
        free(slots);
        return fail(error, "no memory for %zu ids", ids->count + 1);
    }
    free(ids->slots);
    ids->slots = slots;
    ids->slot_count = slot_count;
    for (size_t i = 0; i < ids->count; i++) {
        ids->slots[find_slot(ids, ids->items[i])] = (uint32_t)(i + 1);
    }
    return true;
}

bool ids_add(struct ids *ids, struct text id, size_t *index, bool *added, struct error *error) {
    *index = ids_find(ids, id);
    *added = *index == IDS_ABSENT;
    if (!*added) {
        return true;
    }
    if (!reserve(ids, error) || !texts_keep(&ids->texts, id, &ids->items[ids->count], error)) {
        return false;
    }
    *index = ids->count++;
    ids->slots[find_slot(ids, id)] = (uint32_t)ids->count;
    return true;
}

void ids_free(struct ids *ids) {
    texts_free(&ids->texts);
    free(ids->items);
    free(ids->slots);
    *ids = (struct ids){.count = 0};
}

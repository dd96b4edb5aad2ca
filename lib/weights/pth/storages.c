// Reading tensors: row-major ones piece by piece, others from their storage in memory.
#include "weights/pth/storages.h"

#include <stdlib.h>

#define PIECE (16 << 10) // bytes that are read at once

static int by_key(const void *a, const void *b) {
    const struct storage *one = a;
    const struct storage *other = b;
    return text_compare(one->key, other->key);
}

bool storages_sort(struct storages *storages, struct error *error) {
    qsort(storages->items, storages->count, sizeof *storages->items, by_key);
    for (size_t i = 1; i < storages->count; i++) {
        if (text_equal(storages->items[i - 1].key, storages->items[i].key)) {
            return fail(error, "storage '%.*s' is there twice", TEXT_ARG(storages->items[i].key));
        }
    }
    return true;
}

// The storage of a tensor, as long as the tensor believes and with the right checksum.
static struct storage *find_storage(struct storages *storages, const struct pickle_storage *wanted,
                                    struct error *error) {
    const struct storage key = {.key = wanted->key};
    uint64_t bytes = 0;
    struct storage *found =
        bsearch(&key, storages->items, storages->count, sizeof *storages->items, by_key);
    if (found == NULL) {
        (void)fail(error, "storage '%.*s' is not in the file", TEXT_ARG(wanted->key));
        return NULL;
    }
    if (__builtin_mul_overflow(wanted->count, weight_type_size(wanted->element_type), &bytes) ||
        bytes != found->length) {
        (void)fail(error, "storage '%.*s' is not as long as it should be", TEXT_ARG(wanted->key));
        return NULL;
    }
    if (!found->checked && found->entry != NULL &&
        (!zip_locate(storages->zip, found->entry, &found->offset, error) ||
         !zip_check(storages->zip, found->entry, error))) {
        return NULL;
    }
    found->checked = true;
    return found;
}

static bool is_row_major(const struct pickle_tensor *tensor) {
    uint64_t stride = 1;
    for (size_t i = tensor->rank; i > 0; i--) {
        if (tensor->shape[i - 1] != 1 && tensor->stride[i - 1] != stride) {
            return false;
        }
        stride *= tensor->shape[i - 1];
    }
    return true;
}

static bool read_pieces(const struct weight_source *source, uint64_t offset, enum weight_type type,
                        struct weight *weight, struct error *error) {
    unsigned char piece[PIECE];
    const size_t size = weight_type_size(type);
    for (size_t done = 0; done < weight->count;) {
        const size_t left = weight->count - done;
        const size_t count = left < sizeof piece / size ? left : sizeof piece / size;
        if (!weight_source_read(source, offset + done * size, piece, count * size, error)) {
            return false;
        }
        for (size_t i = 0; i < count; i++) {
            weight->values[done + i] = weight_type_read(type, piece + i * size);
        }
        done += count;
    }
    return true;
}

static void gather(const struct pickle_tensor *tensor, const unsigned char *numbers,
                   struct weight *weight) {
    const size_t size = weight_type_size(tensor->element_type);
    uint64_t index[TENSOR_MAX_RANK] = {0};
    uint64_t offset = tensor->offset;
    for (size_t i = 0; i < weight->count; i++) {
        weight->values[i] = weight_type_read(tensor->element_type, numbers + offset * size);
        for (size_t k = tensor->rank; k > 0; k--) {
            offset += tensor->stride[k - 1];
            if (++index[k - 1] < tensor->shape[k - 1]) {
                break;
            }
            offset -= tensor->shape[k - 1] * tensor->stride[k - 1];
            index[k - 1] = 0;
        }
    }
}

static bool load(const struct storages *storages, struct storage *storage,
                 struct weight_table *table, struct error *error) {
    if (storage->length > table->bytes_left) {
        return fail(error, "is not row-major, and its storage is too large beside its numbers");
    }
    table->bytes_left -= storage->length;
    storage->bytes = weight_source_take(storages->source, storage->offset, storage->length,
                                        storages->arena, error);
    return storage->bytes != NULL;
}

bool storages_read(struct storages *storages, struct text name, const struct pickle_tensor *tensor,
                   struct weight_table *table, struct error *error) {
    size_t shape[TENSOR_MAX_RANK];
    struct storage *storage = find_storage(storages, tensor->storage, error);
    if (storage == NULL) {
        return false;
    }
    for (size_t i = 0; i < tensor->rank; i++) {
        shape[i] = tensor->shape[i];
    }
    struct weight *weight = weight_table_add(table, name, tensor->rank, shape, error);
    if (weight == NULL) {
        return false;
    }
    if (weight->count == 0) {
        return true;
    }
    if (is_row_major(tensor)) {
        const uint64_t start =
            storage->offset + tensor->offset * weight_type_size(tensor->element_type);
        return read_pieces(storages->source, start, tensor->element_type, weight, error);
    }
    if (storage->bytes == NULL && !load(storages, storage, table, error)) {
        return fail_within(error, "'%.*s'", TEXT_ARG(name));
    }
    gather(tensor, storage->bytes, weight);
    return true;
}

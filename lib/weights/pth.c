// Reading PyTorch's files.
#include "weights/pth.h"

#include "weights/pickle.h"
#include "weights/zip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST_PICKLE ((size_t)16 << 20)
#define MODULE "module."

// Where the numbers of a storage are.
struct storages {
    const struct zip *zip;           // in an archive: an entry each,
    const struct pickle_value *keys; // else one behind the other in this order
    const unsigned char **numbers;
};

// ---- tensors

static bool find_numbers(const struct storages *storages, const struct pickle_value *storage,
                         const unsigned char **numbers, struct error *error) {
    char name[300];
    if (storages->zip == NULL) {
        for (size_t i = 0; i < storages->keys->count; i++) {
            if (text_equal(storages->keys->items[i]->text, storage->text)) {
                *numbers = storages->numbers[i];
                return true;
            }
        }
        return fail(error, "storage '%.*s' is not in the file", TEXT_ARG(storage->text));
    }
    (void)snprintf(name, sizeof name, "data/%.*s", TEXT_ARG(storage->text));
    const struct zip_entry *entry = zip_find(storages->zip, name);
    if (entry == NULL) {
        return fail(error, "storage '%s' is not in the archive", name);
    }
    // The product cannot overflow where the entry is as long.
    if (entry->length / number_size(storage->numbers) != (uint64_t)storage->integer) {
        return fail(error, "storage '%s' is not as long as it should be", name);
    }
    return zip_bytes(storages->zip, entry, numbers, error);
}

static void copy_numbers(const struct pickle_value *tensor, const unsigned char *numbers,
                         struct weight *weight) {
    const enum number_type type = tensor->storage->numbers;
    uint64_t index[TENSOR_MAX_RANK] = {0};
    for (size_t i = 0; i < weight->count; i++) {
        uint64_t at = tensor->offset;
        for (size_t k = 0; k < tensor->rank; k++) {
            at += index[k] * tensor->stride[k];
        }
        weight->values[i] = number_read(type, numbers + at * number_size(type));
        for (size_t k = tensor->rank; k > 0; k--) {
            if (++index[k - 1] < tensor->shape[k - 1]) {
                break;
            }
            index[k - 1] = 0;
        }
    }
}

static bool add_tensor(const struct storages *storages, struct text name,
                       const struct pickle_value *tensor, struct weight_table *table,
                       struct error *error) {
    const unsigned char *numbers = NULL;
    size_t shape[TENSOR_MAX_RANK];
    for (size_t i = 0; i < tensor->rank; i++) {
        shape[i] = tensor->shape[i];
    }
    if (name.length > strlen(MODULE) && memcmp(name.at, MODULE, strlen(MODULE)) == 0) {
        name = (struct text){name.at + strlen(MODULE), name.length - strlen(MODULE)};
    }
    if (!find_numbers(storages, tensor->storage, &numbers, error)) {
        return false;
    }
    struct weight *weight = weight_table_add(table, name, tensor->rank, shape, error);
    if (weight == NULL) {
        return false;
    }
    copy_numbers(tensor, numbers, weight);
    return true;
}

static bool has_tensors(const struct pickle_value *dict) {
    for (size_t i = 0; dict->type == PICKLE_DICT && i + 1 < dict->count; i += 2) {
        if (dict->items[i]->type == PICKLE_TEXT && dict->items[i + 1]->type == PICKLE_TENSOR) {
            return true;
        }
    }
    return false;
}

static const struct pickle_value *find_state(const struct pickle_value *top) {
    static const char *const names[] = {"state_dict", "model", "net"};
    for (size_t i = 0; !has_tensors(top) && i < sizeof names / sizeof *names; i++) {
        const struct pickle_value *inner = pickle_find(top, names[i]);
        if (inner != NULL && has_tensors(inner)) {
            return inner;
        }
    }
    return has_tensors(top) ? top : NULL;
}

static bool add_tensors(const struct storages *storages, const struct pickle_value *top,
                        struct weight_table *table, struct error *error) {
    const struct pickle_value *dict = find_state(top);
    if (dict == NULL) {
        return fail(error, "holds no dict of tensors: neither itself nor as 'state_dict', 'model' "
                           "or 'net'");
    }
    for (size_t i = 0; i + 1 < dict->count; i += 2) {
        if (dict->items[i]->type == PICKLE_TEXT && dict->items[i + 1]->type == PICKLE_TENSOR &&
            !add_tensor(storages, dict->items[i]->text, dict->items[i + 1], table, error)) {
            return false;
        }
    }
    return true;
}

// ---- the archive

bool pth_is_zip(const unsigned char *bytes, size_t length) {
    return length >= 4 && memcmp(bytes, "PK\3\4", 4) == 0;
}

static bool read_archive(const struct zip *zip, struct pickle *pickle, struct weight_table *table,
                         struct error *error) {
    const struct zip_entry *entry = zip_find(zip, "data.pkl");
    const struct zip_entry *order = zip_find(zip, "byteorder");
    const struct storages storages = {.zip = zip};
    const unsigned char *bytes = NULL;
    struct pickle_value *top = NULL;
    size_t used = 0;
    if (entry == NULL || entry->length > LONGEST_PICKLE) {
        return fail(error, "a zip archive without the data.pkl that PyTorch writes");
    }
    if (zip_find(zip, "constants.pkl") != NULL) {
        return fail(error, "holds a TorchScript program, not weights");
    }
    if (order != NULL && (!zip_bytes(zip, order, &bytes, error) || order->length != 6 ||
                          memcmp(bytes, "little", 6) != 0)) {
        return fail(error, "its numbers are big endian");
    }
    return zip_bytes(zip, entry, &bytes, error) &&
           pickle_read(pickle, bytes, entry->length, &top, &used, error) &&
           add_tensors(&storages, top, table, error);
}

bool pth_read_zip(const unsigned char *bytes, size_t length, struct weight_table *table,
                  struct error *error) {
    struct zip zip;
    struct pickle pickle = {.count = 0};
    if (!zip_open(&zip, bytes, length, error)) {
        return false;
    }
    const bool read = read_archive(&zip, &pickle, table, error);
    pickle_free(&pickle);
    zip_close(&zip);
    return read;
}

// ---- the older form: four pickles (a magic number, the protocol, the machine, the object), one of
// the storages' keys, then each storage: its count of numbers, and the numbers

static const unsigned char magic[] = {0x80, 0x02, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C,
                                      0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19};

bool pth_is_old(const unsigned char *bytes, size_t length) {
    return length > sizeof magic && memcmp(bytes, magic, sizeof magic) == 0;
}

// The type of a storage, from any tensor that has it.
static const struct pickle_value *find_owner(const struct pickle *pickle, struct text key) {
    for (size_t i = 0; i < pickle->count; i++) {
        const struct pickle_value *value = pickle->values[i];
        if (value->type == PICKLE_STORAGE && text_equal(value->text, key)) {
            return value;
        }
    }
    return NULL;
}

static bool find_storages(const struct pickle *pickle, const struct pickle_value *keys,
                          const unsigned char *bytes, size_t length, const unsigned char **numbers,
                          struct error *error) {
    for (size_t i = 0; i < keys->count; i++) {
        uint64_t count = 0;
        const struct pickle_value *owner =
            keys->items[i]->type == PICKLE_TEXT ? find_owner(pickle, keys->items[i]->text) : NULL;
        if (owner == NULL || length < sizeof count) {
            return fail(error, "cut short, or a storage that nothing refers to");
        }
        memcpy(&count, bytes, sizeof count);
        bytes += sizeof count;
        length -= sizeof count;
        const size_t size = number_size(owner->numbers);
        if (count != (uint64_t)owner->integer || count > length / size) {
            return fail(error, "storage '%.*s' is cut short", TEXT_ARG(owner->text));
        }
        numbers[i] = bytes;
        bytes += count * size;
        length -= count * size;
    }
    return length == 0 || fail(error, "%zu bytes too many at its end", length);
}

static bool read_old(struct pickle *pickle, const unsigned char *bytes, size_t length,
                     struct weight_table *table, struct error *error) {
    struct pickle_value *values[5];
    for (size_t i = 0; i < 5; i++) {
        size_t used = 0;
        const size_t most = length < LONGEST_PICKLE ? length : LONGEST_PICKLE;
        if (!pickle_read(pickle, bytes, most, &values[i], &used, error)) {
            return false;
        }
        bytes += used;
        length -= used;
    }
    if (values[1]->type != PICKLE_INTEGER || values[1]->integer != 1001 ||
        values[4]->type != PICKLE_TUPLE) {
        return fail(error, "a version of PyTorch's old form that is not known");
    }
    struct storages storages = {
        .keys = values[4], .numbers = calloc(values[4]->count + 1, sizeof(const unsigned char *))};
    const bool read = (storages.numbers != NULL || fail(error, "no memory")) &&
                      find_storages(pickle, values[4], bytes, length, storages.numbers, error) &&
                      add_tensors(&storages, values[3], table, error);
    free(storages.numbers);
    return read;
}

bool pth_read_old(const unsigned char *bytes, size_t length, struct weight_table *table,
                  struct error *error) {
    struct pickle pickle = {.count = 0};
    const bool read = read_old(&pickle, bytes, length, table, error);
    pickle_free(&pickle);
    return read;
}

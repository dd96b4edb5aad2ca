// Reading PyTorch's files.
#include "weights/pth/pth.h"

#include "core/text/name_list.h"
#include "weights/pth/state_dict.h"
#include "weights/pth/storages.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PICKLE ((uint64_t)64 << 20)
#define FIRST_WINDOW                                                                               \
    ((uint64_t)1 << 20) // of the older form, whose pickles do not tell their length

// ---- tensors

// Why an item of a state_dict is no tensor that can be read.
static const char *reason(const struct pickle_value *value, char *text, size_t size) {
    static const char *const types[] = {
        [PICKLE_NONE] = "a number or None", [PICKLE_INTEGER] = "a number", [PICKLE_TEXT] = "a text",
        [PICKLE_TUPLE] = "a tuple",         [PICKLE_LIST] = "a list",      [PICKLE_DICT] = "a dict",
        [PICKLE_FUNCTION] = "a function",   [PICKLE_STORAGE] = "a storage"};
    if (value->type != PICKLE_OPAQUE) {
        return types[value->type];
    }
    const size_t length = value->description.length < size ? value->description.length : size - 1;
    memcpy(text, value->description.bytes, length);
    text[length] = 0;
    return text;
}

static bool add_tensors(struct storages *storages, const struct pickle_value *dict,
                        struct weight_table *table, struct error *error) {
    struct name_list left = {0};
    if (!storages_sort(storages, error)) {
        return false;
    }
    for (size_t i = 0; i < dict->items->count / 2; i++) {
        const struct pickle_value *key = dict->items->values[2 * i];
        const struct pickle_value *value = dict->items->values[2 * i + 1];
        char text[100];
        if (state_dict_has(dict, i)) {
            if (!storages_read(storages, key->text, value->tensor, table, error)) {
                return false;
            }
        } else if (key->type == PICKLE_TEXT) {
            name_list_add(&left, key->text.bytes, key->text.length,
                          reason(value, text, sizeof text));
        }
    }
    if (left.count > 0) {
        weight_table_note(table, "left out: %s", name_list_end(&left));
    }
    return true;
}

// What the pickle and its like may take is no longer there for tensors.
static struct arena arena_of(const struct weight_table *table) {
    return (struct arena){.limit = table->bytes_left};
}

static void count_memory(struct weight_table *table, const struct arena *arena) {
    table->bytes_left -= arena->used < table->bytes_left ? arena->used : table->bytes_left;
}

static void note_behind(struct weight_table *table, uint64_t bytes) {
    if (bytes > 0) {
        weight_table_note(table, "bytes that follow the weights are passed over: %" PRIu64, bytes);
    }
}

// ---- the archive

bool pth_is_zip(const unsigned char *bytes, size_t length) {
    return length >= 4 && (memcmp(bytes, "PK\3\4", 4) == 0 || memcmp(bytes, "PK\5\6", 4) == 0);
}

// Archives of PyTorch's that hold no state_dict.
static bool check_kind(const struct zip *zip, struct error *error) {
    static const struct {
        const char *entry, *what;
    } kinds[] = {
        {"constants.pkl", "a TorchScript program"},
        {"archive_format", "a program of torch.export"},
        {".data/python_version", "a package of torch.package"},
    };
    struct name_list list = {.max_bytes = 300};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (zip_find(zip, kinds[i].entry) != NULL) {
            return fail(error, "holds %s, not weights", kinds[i].what);
        }
    }
    if (zip_find(zip, "data.pkl") != NULL) {
        return true;
    }
    for (size_t i = 0; i < zip->count; i++) {
        name_list_add(&list, zip->entries[i].name.bytes, zip->entries[i].name.length, NULL);
    }
    return fail(error, "a zip archive without the data.pkl that PyTorch writes: it holds %s",
                list.count > 0 ? name_list_end(&list) : "nothing");
}

// The storages are the entries PREFIX/data/KEY, where PREFIX is that of data.pkl.
static bool list_entries(const struct zip *zip, struct text pickle, struct storages *storages,
                         struct error *error) {
    const size_t prefix = pickle.length - strlen("data.pkl");
    const size_t skip = prefix + strlen("data/");
    storages->items =
        arena_take(storages->arena, (zip->count + 1) * sizeof *storages->items, error);
    for (size_t i = 0; storages->items != NULL && i < zip->count; i++) {
        const struct zip_entry *entry = &zip->entries[i];
        if (entry->name.length > skip && memcmp(entry->name.bytes, pickle.bytes, prefix) == 0 &&
            memcmp(entry->name.bytes + prefix, "data/", skip - prefix) == 0) {
            storages->items[storages->count++] =
                (struct storage){.key = {entry->name.bytes + skip, entry->name.length - skip},
                                 .length = entry->length,
                                 .entry = entry};
        }
    }
    return storages->items != NULL;
}

static bool read_archive(const struct zip *zip, struct arena *arena, struct weight_table *table,
                         struct error *error) {
    struct storages storages = {.source = zip->source, .arena = arena, .zip = zip};
    struct pickle pickle;
    if (!check_kind(zip, error)) {
        return false;
    }
    const struct zip_entry *entry = zip_find(zip, "data.pkl");
    const struct zip_entry *order = zip_find(zip, "byteorder");
    const unsigned char *bytes = order == NULL ? NULL : zip_bytes(zip, order, error);
    if (order != NULL && bytes == NULL) {
        return false;
    }
    if (order != NULL && (order->length != 6 || memcmp(bytes, "little", 6) != 0)) {
        return fail(error, "its numbers are big endian");
    }
    if (entry->length > MAX_PICKLE) {
        return fail(error, "has a pickle of %" PRIu64 " bytes", entry->length);
    }
    bytes = zip_bytes(zip, entry, error);
    if (bytes == NULL || !pickle_read(&pickle, arena, bytes, entry->length, error)) {
        return false;
    }
    const struct pickle_value *dict = state_dict_find(pickle.value, table, error);
    if (dict == NULL || !list_entries(zip, entry->name, &storages, error)) {
        return false;
    }
    note_behind(table, zip->behind);
    count_memory(table, arena);
    return add_tensors(&storages, dict, table, error);
}

bool pth_read_zip(const struct weight_source *source, struct weight_table *table,
                  struct error *error) {
    struct zip zip;
    struct arena arena = arena_of(table);
    const bool read =
        zip_open(&zip, source, &arena, error) && read_archive(&zip, &arena, table, error);
    arena_free(&arena);
    return read;
}

// ---- the older form: four pickles (a magic number, the protocol, the machine, the object), one of
// the storages' keys, then each storage: its count of numbers, and the numbers

// The magic number 0x1950A86A20F9469CFC6C, as the protocols write it.
#define MAGIC "\x8A\x0Al\xFC\x9C\x46\xF9 j\xA8P\x19."
#define MAGIC_LENGTH 13

bool pth_is_old(const unsigned char *bytes, size_t length) {
    static const char decimal[] = "L119547037146038801333356L\n."; // protocols 0 and 1
    if (length >= sizeof decimal - 1 && memcmp(bytes, decimal, sizeof decimal - 1) == 0) {
        return true;
    }
    const size_t offset = length > 2 && bytes[2] == 0x95 ? 11 : 2; // behind a frame, or not
    return length >= offset + MAGIC_LENGTH && bytes[0] == 0x80 &&
           memcmp(bytes + offset, MAGIC, MAGIC_LENGTH) == 0;
}

// How long the numbers of a storage are is known by those that refer to it.
static int by_key(const void *a, const void *b) {
    const struct pickle_storage *const *one = a;
    const struct pickle_storage *const *other = b;
    return text_compare((*one)->key, (*other)->key);
}

static const struct pickle_storage **sort_owners(const struct pickle *pickle, struct arena *arena,
                                                 size_t *count, struct error *error) {
    *count = 0;
    for (const struct pickle_storage *storage = pickle->storages; storage != NULL;
         storage = storage->next) {
        ++*count;
    }
    const struct pickle_storage **owners = arena_take(arena, (*count + 1) * sizeof *owners, error);
    size_t i = 0;
    for (const struct pickle_storage *storage = pickle->storages; owners != NULL && storage != NULL;
         storage = storage->next) {
        owners[i++] = storage;
    }
    if (owners != NULL) {
        qsort(owners, *count, sizeof *owners, by_key);
    }
    return owners;
}

// Walks from one storage to the next, from *end on; the last one ends at *end.
static bool find_storages(struct storages *storages, const struct pickle *object,
                          const struct pickle_items *keys, uint64_t *end, struct error *error) {
    size_t count = 0;
    uint64_t offset = *end;
    const struct pickle_storage **owners = sort_owners(object, storages->arena, &count, error);
    storages->items =
        arena_take(storages->arena, (keys->count + 1) * sizeof *storages->items, error);
    for (size_t i = 0; owners != NULL && storages->items != NULL && i < keys->count; i++) {
        const struct pickle_storage wanted = {.key = keys->values[i]->text};
        const struct pickle_storage *key = &wanted;
        const struct pickle_storage **owner =
            keys->values[i]->type != PICKLE_TEXT
                ? NULL
                : bsearch(&key, owners, count, sizeof *owners, by_key);
        uint64_t numbers = 0;
        if (owner == NULL) {
            return fail(error, "has a storage that nothing refers to");
        }
        if (!weight_source_read(storages->source, offset, &numbers, sizeof numbers, error)) {
            return fail_within(error, "storage '%.*s'", TEXT_ARG(wanted.key));
        }
        const size_t size = weight_type_size((*owner)->element_type);
        offset += sizeof numbers;
        if (numbers != (*owner)->count || numbers > (storages->source->length - offset) / size) {
            return fail(error, "storage '%.*s' is cut short", TEXT_ARG(wanted.key));
        }
        storages->items[storages->count++] =
            (struct storage){.key = wanted.key, .offset = offset, .length = numbers * size};
        offset += numbers * size;
    }
    *end = offset;
    return owners != NULL && storages->items != NULL;
}

enum { MAGIC_NUMBER, PROTOCOL, MACHINE, OBJECT, KEYS, PICKLES };

// Reads the five pickles from the first `window` bytes; *used is how many they take.
static bool read_pickles(const struct weight_source *source, uint64_t window, struct arena *arena,
                         struct pickle pickles[PICKLES], uint64_t *used, struct error *error) {
    const unsigned char *bytes = weight_source_take(source, 0, window, arena, error);
    *used = 0;
    memset(pickles, 0, PICKLES * sizeof *pickles);
    for (size_t i = 0; bytes != NULL && i < PICKLES; i++) {
        if (!pickle_read(&pickles[i], arena, bytes + *used, window - *used, error)) {
            return false;
        }
        *used += pickles[i].used;
    }
    return bytes != NULL;
}

// The same from as many bytes as it takes: the pickles end somewhere before the numbers.
static bool find_pickles(const struct weight_source *source, struct arena *arena,
                         struct pickle pickles[PICKLES], uint64_t *used, struct error *error) {
    const uint64_t most = source->length < MAX_PICKLE ? source->length : MAX_PICKLE;
    for (uint64_t window = FIRST_WINDOW;; window *= 4) {
        const bool last = window >= most;
        bool cut = false;
        if (read_pickles(source, last ? most : window, arena, pickles, used, error)) {
            return true;
        }
        for (size_t i = 0; i < PICKLES; i++) {
            cut = cut || pickles[i].cut;
        }
        if (last || !cut) {
            return false;
        }
        arena_free(arena);
    }
}

static bool is_little_endian(const struct pickle_value *machine) {
    for (size_t i = 0; machine->type == PICKLE_DICT && i < machine->items->count / 2; i++) {
        const struct pickle_value *key = machine->items->values[2 * i];
        const struct pickle_value *value = machine->items->values[2 * i + 1];
        if (key->type == PICKLE_TEXT && text_is(key->text, "little_endian")) {
            return value->type == PICKLE_INTEGER && value->integer == 1;
        }
    }
    return true;
}

static bool read_old(const struct weight_source *source, struct arena *arena,
                     struct weight_table *table, struct error *error) {
    struct pickle pickles[PICKLES];
    struct storages storages = {.source = source, .arena = arena};
    uint64_t end = 0;
    if (!find_pickles(source, arena, pickles, &end, error)) {
        return false;
    }
    const struct pickle_value *protocol = pickles[PROTOCOL].value;
    const struct pickle_value *keys = pickles[KEYS].value;
    if (protocol->type != PICKLE_INTEGER || protocol->integer != 1001 ||
        (keys->type != PICKLE_LIST && keys->type != PICKLE_TUPLE)) {
        return fail(error, "a version of PyTorch's older form that is not known");
    }
    if (!is_little_endian(pickles[MACHINE].value)) {
        return fail(error, "its numbers are big endian");
    }
    const struct pickle_value *dict = state_dict_find(pickles[OBJECT].value, table, error);
    if (dict == NULL || !find_storages(&storages, &pickles[OBJECT], keys->items, &end, error)) {
        return false;
    }
    note_behind(table, source->length - end);
    count_memory(table, arena);
    return add_tensors(&storages, dict, table, error);
}

bool pth_read_old(const struct weight_source *source, struct weight_table *table,
                  struct error *error) {
    struct arena arena = arena_of(table);
    const bool read = read_old(source, &arena, table, error);
    arena_free(&arena);
    return read;
}

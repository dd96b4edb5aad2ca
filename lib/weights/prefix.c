// Prefixes shared by all names, and a level that some files have more.
#include "weights/prefix.h"

#include <string.h>

// PyTorch's DataParallel, DistributedDataParallel and AveragedModel (module), torch.compile
// (_orig_mod), FSDP, DeepSpeed; then what trainers call a network that they hold.
static const char *const prefixes[] = {
    "module.",
    "_orig_mod.",
    "_fsdp_wrapped_module.",
    "_forward_module.",
    "model.",
    "_model.",
    "net.",
    "network.",
    "encoder.",
    "backbone.",
    "ema.",
    "ema_model.",
    "model_ema.",
    "student.",
    "teacher.",
    "base_model.",
    "state_dict.",
};

static bool is_counter(const struct weight *weight) {
    return strcmp(weight->name, "n_averaged") == 0;
}

// Whether `prefix` stands, with something behind it, at byte `offset` of all names.
static bool all_have(const struct weight_table *table, size_t offset, const char *prefix) {
    const size_t length = strlen(prefix);
    for (size_t i = 0; i < table->count; i++) {
        const char *name = table->weights[i].name;
        if (!is_counter(&table->weights[i]) &&
            (strncmp(name + offset, prefix, length) != 0 || name[offset + length] == 0)) {
            return false;
        }
    }
    return true;
}

static size_t shared_length(const struct weight_table *table) {
    size_t length = 0;
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes;) {
        if (all_have(table, length, prefixes[i])) {
            length += strlen(prefixes[i]);
            i = 0; // the next one of a row may be any
        } else {
            i++;
        }
    }
    return length;
}

void weight_table_strip_prefix(struct weight_table *table) {
    const char *first = NULL;
    for (size_t i = 0; i < table->count && first == NULL; i++) {
        first = is_counter(&table->weights[i]) ? NULL : table->weights[i].name;
    }
    const size_t length = first != NULL ? shared_length(table) : 0;
    if (length == 0) {
        return;
    }
    weight_table_note(table, "'%.*s' stands before all names and is taken away", (int)length,
                      first);
    for (size_t i = 0; i < table->count; i++) {
        char *name = table->weights[i].name;
        if (!is_counter(&table->weights[i])) {
            memmove(name, name + length, strlen(name + length) + 1);
        }
    }
}

// segmentation_models_pytorch holds an encoder of timm ("tu-...") one level deeper than its own.
void weight_table_strip_level(struct weight_table *table) {
    static const char deeper[] = "encoder.model.";
    static const char usual[] = "encoder.";
    const size_t length = strlen(usual);
    const size_t surplus = strlen(deeper) - length;
    bool found = false;
    for (size_t i = 0; i < table->count; i++) {
        const char *name = table->weights[i].name;
        if (strncmp(name, usual, length) == 0) {
            if (strncmp(name, deeper, length + surplus) != 0 || name[length + surplus] == 0) {
                return;
            }
            found = true;
        }
    }
    if (!found) {
        return;
    }
    weight_table_note(table, "'%s' is taken for '%s'", deeper, usual);
    for (size_t i = 0; i < table->count; i++) {
        char *name = table->weights[i].name;
        if (strncmp(name, deeper, length + surplus) == 0) {
            memmove(name + length, name + length + surplus, strlen(name + length + surplus) + 1);
        }
    }
}

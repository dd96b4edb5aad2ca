// Which tensors are which parameters, and what is wrong with a table, in words.
#include "train/checkpoint/fit.h"

#include "stream/statistics.h"

#include <stdio.h>
#include <string.h>

static bool ends_with(const char *text, const char *end) {
    const size_t length = strlen(text);
    return length >= strlen(end) && strcmp(text + length - strlen(end), end) == 0;
}

// AlbuNet holds its encoder's layers a second time, as conv1.0, conv1.1 and conv2.0 to conv5.2.
static bool is_alias_in_albunet(const char *name) {
    return strncmp(name, "conv", 4) == 0 && name[4] >= '1' && name[4] <= '5' && name[5] == '.' &&
           name[6] >= '0' && name[6] <= '9';
}

// Last layers of classifiers that encoders come from: torchvision's, then timm's.
static bool is_classifier(const char *name) {
    static const char *const layers[] = {"fc.", "classifier.", "conv_head.", "bn2."};
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        const struct layer_name of_backbone = graph_name("backbone.%s", layers[i]);
        const struct layer_name of_encoder = graph_name("encoder.%s", layers[i]);
        if (strncmp(name, layers[i], strlen(layers[i])) == 0 ||
            strstr(name, of_backbone.text) != NULL || strstr(name, of_encoder.text) == name) {
            return true;
        }
    }
    return false;
}

static bool of_no_use(const char *name) {
    return ends_with(name, "num_batches_tracked") || strcmp(name, "n_averaged") == 0 ||
           strstr(name, "pam.key_conv.") != NULL || is_classifier(name) ||
           is_alias_in_albunet(name) || strstr(name, "decoder.blocks.4.attention1.") != NULL;
}

// PyTorch keeps single numbers with or without a side of 1.
static bool same_shape(const struct parameter *parameter, const struct weight *weight) {
    if (parameter->count == 1 && weight->count == 1) {
        return true;
    }
    return parameter->rank == weight->rank &&
           memcmp(parameter->shape, weight->shape, weight->rank * sizeof *weight->shape) == 0;
}

const char *const misfit_words[MISFIT_KINDS] = {"missing", "of another shape", "surplus"};

static void note_name(struct misfit *misfit, enum misfit_kind kind, const char *name,
                      const char *note) {
    name_list_add(&misfit->names[kind], name, strlen(name), note);
}

// "64 x 3 x 7 x 7"; "1" for a single number.
struct shape_text {
    char text[48];
};

static struct shape_text shape_text(size_t rank, const size_t *shape) {
    struct shape_text text = {"1"};
    size_t used = 0;
    for (size_t i = 0; i < rank && used < sizeof text.text; i++) {
        used += (size_t)snprintf(text.text + used, sizeof text.text - used, "%s%zu",
                                 i > 0 ? " x " : "", shape[i]);
    }
    return text;
}

static void note_shape(struct misfit *misfit, const struct parameter *parameter,
                       const struct weight *weight) {
    const struct shape_text wanted = shape_text(parameter->rank, parameter->shape);
    const struct shape_text found = shape_text(weight->rank, weight->shape);
    char note[sizeof wanted + sizeof found + 8];
    (void)snprintf(note, sizeof note, "%s, not %s", found.text, wanted.text);
    note_name(misfit, MISFIT_SHAPE, parameter->name, note);
}

// What torchvision's encoders lack: it stays as it was drawn.
static bool is_attention(const char *name) {
    return strstr(name, ".cbam.") != NULL;
}

bool parameters_fit(const struct graph *graph, const struct weight_table *table, const char *prefix,
                    enum take take, struct misfit *misfit) {
    const size_t skip = strlen(prefix);
    for (size_t i = 0; i < table->count; i++) {
        const struct weight *weight = &table->weights[i];
        const struct layer_name name = graph_name("%s%s", prefix, weight->name);
        const struct parameter *parameter = graph_parameter_named(graph, name.text);
        if (parameter == NULL && take == TAKE_ALL && !of_no_use(weight->name)) {
            note_name(misfit, MISFIT_SURPLUS, weight->name, NULL);
        } else if (parameter != NULL && !same_shape(parameter, weight)) {
            note_shape(misfit, parameter, weight);
        }
    }
    for (int i = 0; i < graph_parameter_count(graph); i++) {
        const struct parameter *parameter = graph_parameter_at(graph, i);
        if (strncmp(parameter->name, prefix, skip) == 0 &&
            !(skip > 0 && is_attention(parameter->name)) &&
            weight_table_find(table, parameter->name + skip) == NULL) {
            note_name(misfit, MISFIT_MISSING, parameter->name, NULL);
        }
    }
    size_t count = 0;
    for (size_t i = 0; i < MISFIT_KINDS; i++) {
        count += misfit->names[i].count;
    }
    return count == 0;
}

struct layer_name parameters_prefix(const struct graph *graph, const struct weight_table *table) {
    static const char *const known[][2] = {{"layer1.0.conv1.weight", "conv1.weight"},
                                           {"conv_stem.weight", "conv_stem.weight"}};
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        for (int i = 0; i < graph_parameter_count(graph); i++) {
            const char *name = graph_parameter_at(graph, i)->name;
            const char *found = strstr(name, known[k][0]);
            if (found != NULL && weight_table_find(table, known[k][1]) != NULL) {
                return graph_name("%.*s", (int)(found - name), name);
            }
        }
    }
    return graph_name("%s", "");
}

// One line for all kinds, which is why their lists are short.
static bool list_misfit(struct misfit *misfit, struct error *error) {
    char text[sizeof error->text] = "";
    size_t used = 0;
    for (size_t i = 0; i < MISFIT_KINDS; i++) {
        struct name_list *names = &misfit->names[i];
        if (names->count > 0 && used < sizeof text) {
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%s: %s",
                                     used > 0 ? "; " : "", misfit_words[i], name_list_end(names));
        }
    }
    return fail(error, "weights that do not fit this network: %s", text);
}

// Whether all numbers that a network would take from the table are finite.
static bool check_finite(const struct graph *graph, const struct weight_table *table,
                         const char *prefix, struct error *error) {
    for (size_t i = 0; i < table->count; i++) {
        const struct weight *weight = &table->weights[i];
        const struct tensor numbers = {
            .type = DTYPE_F4, .data = weight->values, .bytes = weight->count * sizeof(float)};
        if (graph_parameter_named(graph, graph_name("%s%s", prefix, weight->name).text) != NULL &&
            !tensor_finite(&numbers)) {
            return fail(error, "%s holds a number that is not finite", weight->name);
        }
    }
    return true;
}

bool parameters_check(const struct graph *graph, const struct weight_table *table,
                      const char *prefix, enum take take, struct error *error) {
    struct misfit misfit = {{{.max_bytes = 150}, {.max_bytes = 150}, {.max_bytes = 110}}};
    return parameters_fit(graph, table, prefix, take, &misfit)
               ? check_finite(graph, table, prefix, error)
               : list_misfit(&misfit, error);
}

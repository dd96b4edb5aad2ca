// Filling a network's parameters.
#include "train/checkpoint/parameters.h"

#include "core/numbers/random.h"
#include "stream/statistics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DRAW_PARAMETERS 16 // the stream constant of random_seed; the sampler has 1 to 5

// A copy on this side, NULL with *error without memory.
static float *host_values(struct backend *backend, struct executor *executor, struct error *error) {
    const size_t bytes = executor_value_count(executor) * sizeof(float);
    float *values = malloc(bytes + 1);
    if (values == NULL) {
        (void)fail(error, "no memory for %zu parameters", executor_value_count(executor));
        return NULL;
    }
    backend->calls->get(backend, values, executor_values(executor), bytes);
    return values;
}

static void put_values(struct backend *backend, struct executor *executor, float *values) {
    backend->calls->put(backend, executor_values(executor), values,
                        executor_value_count(executor) * sizeof(float));
    executor_changed(executor);
    free(values);
}

// Two normal numbers (Box, Muller 1958).
static void draw_normal(struct random *random, double pair[2]) {
    const double radius = sqrt(-2 * log(1 - random_uniform(random)));
    const double angle = 2 * 3.14159265358979323846 * random_uniform(random);
    pair[0] = radius * cos(angle);
    pair[1] = radius * sin(angle);
}

static void start_parameter(const struct parameter *parameter, uint64_t seed, uint64_t index,
                            float *values) {
    struct random random = random_seed(seed, DRAW_PARAMETERS, index);
    const bool one = parameter->role == ROLE_SCALE || parameter->role == ROLE_VARIANCE;
    const size_t *shape = parameter->shape;
    const size_t fan = parameter->rank == 2 ? shape[1] : shape[0] * shape[2] * shape[3];
    const double deviation = parameter->role == ROLE_CONVOLUTION ? sqrt(2.0 / (double)fan) : 0;
    for (size_t i = 0; i < parameter->count; i += 2) {
        double pair[2] = {0, 0};
        if (deviation > 0) {
            draw_normal(&random, pair);
        }
        for (size_t k = 0; k < 2 && i + k < parameter->count; k++) {
            values[i + k] = one ? 1.0F : (float)(deviation * pair[k]);
        }
    }
}

static void put_parameter(struct backend *backend, struct executor *executor,
                          const struct parameter *parameter, const float *values) {
    backend->calls->put(backend, executor_values(executor) + parameter->offset, values,
                        parameter->count * sizeof *values);
}

static size_t largest_parameter(const struct graph *graph) {
    size_t count = 0;
    for (int i = 0; i < graph_parameter_count(graph); i++) {
        const size_t own = graph_parameter_at(graph, i)->count;
        count = own > count ? own : count;
    }
    return count;
}

bool parameters_start(struct backend *backend, const struct graph *graph, struct executor *executor,
                      uint64_t seed, struct error *error) {
    float *values = malloc(largest_parameter(graph) * sizeof *values + 1);
    bool put = values != NULL || fail(error, "no memory for parameters");
    for (int i = 0; put && i < graph_parameter_count(graph); i++) {
        const struct parameter *parameter = graph_parameter_at(graph, i);
        start_parameter(parameter, seed, (uint64_t)i, values);
        put_parameter(backend, executor, parameter, values);
        put = backend->calls->wait(backend, error);
    }
    executor_changed(executor);
    free(values);
    return put;
}

// ---- from a table

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

bool parameters_take(struct backend *backend, const struct graph *graph, struct executor *executor,
                     struct weight_table *table, const char *prefix, enum take take,
                     struct error *error) {
    if (!parameters_check(graph, table, prefix, take, error)) {
        return false;
    }
    for (size_t i = 0; i < table->count; i++) {
        struct weight *weight = &table->weights[i];
        const struct parameter *parameter =
            graph_parameter_named(graph, graph_name("%s%s", prefix, weight->name).text);
        if (parameter != NULL) {
            put_parameter(backend, executor, parameter, weight->values);
            if (!backend->calls->wait(backend, error)) {
                return false;
            }
            weight_drop_values(weight);
        }
    }
    executor_changed(executor);
    return true;
}

struct taking {
    struct backend *backend;
    const struct graph *graph;
    struct executor *executor;
    struct weight_table *table;
};

static bool put_from_table(void *context, int index, struct error *error) {
    const struct taking *taking = context;
    const struct parameter *parameter = graph_parameter_at(taking->graph, index);
    const struct weight *found = weight_table_find(taking->table, parameter->name);
    struct weight *weight = &taking->table->weights[found - taking->table->weights];
    put_parameter(taking->backend, taking->executor, parameter, weight->values);
    const bool put = taking->backend->calls->wait(taking->backend, error);
    weight_drop_values(weight);
    return put;
}

bool parameters_settle(struct backend *backend, const struct graph *graph,
                       struct executor *executor, struct executor *const *guests,
                       size_t guest_count, struct weight_table *table, struct error *error) {
    struct taking taking = {backend, graph, executor, table};
    const struct parameter_source source = {put_from_table, &taking};
    return parameters_check(graph, table, "", TAKE_NEEDED, error) &&
           executor_settle_from(executor, guests, guest_count, &source, error);
}

static bool copy_values(float *to, const struct graph *to_graph, const float *from,
                        const struct graph *from_graph, struct error *error) {
    for (int i = 0; i < graph_parameter_count(to_graph); i++) {
        const struct parameter *parameter = graph_parameter_at(to_graph, i);
        const struct parameter *same = graph_parameter_named(from_graph, parameter->name);
        if (same == NULL || same->count != parameter->count) {
            return fail(error, "parameter %s is not in both networks", parameter->name);
        }
        memcpy(to + parameter->offset, from + same->offset, parameter->count * sizeof *to);
    }
    return true;
}

bool parameters_copy(struct backend *backend, struct executor *to, const struct graph *to_graph,
                     struct executor *from, const struct graph *from_graph, const float *learned,
                     struct error *error) {
    float *source = host_values(backend, from, error);
    float *values = source != NULL ? host_values(backend, to, error) : NULL;
    if (source != NULL && learned != NULL) {
        backend->calls->get(backend, source, learned,
                            executor_learned_count(from) * sizeof *source);
    }
    const bool copied = values != NULL && copy_values(values, to_graph, source, from_graph, error);
    free(source);
    if (copied) {
        put_values(backend, to, values);
    } else {
        free(values);
    }
    return copied;
}

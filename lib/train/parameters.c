// Filling a network's parameters.
#include "train/parameters.h"

#include "core/random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DRAW_PARAMETERS 16 // the stream constant of random_seed; the sampler has 1 to 4

static float *host_values(struct backend *backend, struct network *network) {
    const size_t bytes = network_value_count(network) * sizeof(float);
    float *values = malloc(bytes + 1);
    if (values == NULL) {
        die("no memory for %zu parameters", network_value_count(network));
    }
    backend->calls->get(backend, values, network_values(network), bytes);
    return values;
}

static void put_values(struct backend *backend, struct network *network, float *values) {
    backend->calls->put(backend, network_values(network), values,
                        network_value_count(network) * sizeof(float));
    network_changed(network);
    free(values);
}

// Two normal numbers (Box, Muller 1958).
static void draw_normal(struct random *random, double pair[2]) {
    const double radius = sqrt(-2 * log(1 - random_uniform(random)));
    const double angle = 2 * 3.14159265358979323846 * random_uniform(random);
    pair[0] = radius * cos(angle);
    pair[1] = radius * sin(angle);
}

static void start_parameter(const struct parameter *parameter, uint64_t seed, uint64_t number,
                            float *values) {
    struct random random = random_seed(seed, DRAW_PARAMETERS, number);
    const bool one = parameter->role == ROLE_SCALE || parameter->role == ROLE_VARIANCE;
    const double deviation =
        parameter->role == ROLE_CONVOLUTION
            ? sqrt(2.0 / (double)(parameter->shape[0] * parameter->shape[2] * parameter->shape[3]))
            : 0;
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

void parameters_start(struct backend *backend, const struct graph *graph, struct network *network,
                      uint64_t seed) {
    float *values = host_values(backend, network);
    for (int i = 0; i < graph_parameter_count(graph); i++) {
        const struct parameter *parameter = graph_parameter_at(graph, i);
        start_parameter(parameter, seed, (uint64_t)i, values + parameter->offset);
    }
    put_values(backend, network, values);
}

// ---- from a table

// A list of names for a message, the first few of them.
struct complaints {
    char text[400];
    size_t count;
};

static void note(void *context, const char *what, const char *name) {
    struct complaints *complaints = context;
    const size_t at = strlen(complaints->text);
    complaints->count++;
    if (complaints->count <= 5) {
        (void)snprintf(complaints->text + at, sizeof complaints->text - at, "%s%s %s",
                       at > 0 ? ", " : "", what, name);
    }
}

static bool ends_with(const char *text, const char *end) {
    const size_t length = strlen(text);
    return length >= strlen(end) && strcmp(text + length - strlen(end), end) == 0;
}

static bool of_no_use(const char *name) {
    return ends_with(name, "num_batches_tracked") || strstr(name, "pam.key_conv.") != NULL ||
           strncmp(name, "fc.", 3) == 0 || strstr(name, "backbone.fc.") != NULL;
}

// PyTorch keeps single numbers with or without a side of 1.
static bool same_shape(const struct parameter *parameter, const struct weight *weight) {
    if (parameter->count == 1 && weight->count == 1) {
        return true;
    }
    return parameter->rank == weight->rank &&
           memcmp(parameter->shape, weight->shape, weight->rank * sizeof *weight->shape) == 0;
}

bool parameters_fit(const struct graph *graph, const struct weight_table *table, const char *prefix,
                    enum take take,
                    void (*complain)(void *context, const char *what, const char *name),
                    void *context) {
    const size_t skip = strlen(prefix);
    bool fits = true;
    for (size_t i = 0; i < table->count; i++) {
        const struct weight *weight = &table->weights[i];
        const struct name name = name_of("%s%s", prefix, weight->name);
        const struct parameter *parameter = graph_parameter_named(graph, name.text);
        if (parameter == NULL && take == TAKE_ALL && !of_no_use(weight->name)) {
            complain(context, "surplus:", name.text);
            fits = false;
        } else if (parameter != NULL && !same_shape(parameter, weight)) {
            complain(context, "of another shape:", name.text);
            fits = false;
        }
    }
    for (int i = 0; i < graph_parameter_count(graph); i++) {
        const struct parameter *parameter = graph_parameter_at(graph, i);
        if (strncmp(parameter->name, prefix, skip) == 0 &&
            weight_table_find(table, parameter->name + skip) == NULL) {
            complain(context, "missing:", parameter->name);
            fits = false;
        }
    }
    return fits;
}

bool parameters_take(struct backend *backend, const struct graph *graph, struct network *network,
                     const struct weight_table *table, const char *prefix, enum take take,
                     struct error *error) {
    struct complaints complaints = {.count = 0};
    if (!parameters_fit(graph, table, prefix, take, note, &complaints)) {
        return fail(error, "weights that do not fit this network: %s%s", complaints.text,
                    complaints.count > 5 ? ", and more" : "");
    }
    float *values = host_values(backend, network);
    for (size_t i = 0; i < table->count; i++) {
        const struct weight *weight = &table->weights[i];
        const struct parameter *parameter =
            graph_parameter_named(graph, name_of("%s%s", prefix, weight->name).text);
        if (parameter != NULL) {
            memcpy(values + parameter->offset, weight->values, weight->count * sizeof *values);
        }
    }
    put_values(backend, network, values);
    return true;
}

void parameters_copy(struct backend *backend, struct network *to, const struct graph *to_graph,
                     struct network *from, const struct graph *from_graph) {
    float *source = host_values(backend, from);
    float *values = host_values(backend, to);
    for (int i = 0; i < graph_parameter_count(to_graph); i++) {
        const struct parameter *parameter = graph_parameter_at(to_graph, i);
        const struct parameter *same = graph_parameter_named(from_graph, parameter->name);
        if (same == NULL || same->count != parameter->count) {
            die("parameter %s is not in both networks", parameter->name);
        }
        memcpy(values + parameter->offset, source + same->offset,
               parameter->count * sizeof *values);
    }
    free(source);
    put_values(backend, to, values);
}

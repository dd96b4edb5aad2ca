// Filling a network's parameters.
#include "train/checkpoint/parameters.h"

#include "core/numbers/random.h"

#include <math.h>
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

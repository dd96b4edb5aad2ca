// Building a graph.
#include "nn/graph.h"

#include "nn/operation.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_NODES 1024
#define MAX_PARAMETERS 1536
#define MAX_OUTPUTS 8

struct graph {
    enum graph_mode mode;
    enum graph_norm norm;
    struct error error; // empty: none
    int node_count, value_count, parameter_count, output_count;
    struct node nodes[MAX_NODES];
    struct value_info values[MAX_NODES + 1];
    struct parameter parameters[MAX_PARAMETERS];
    value_id outputs[MAX_OUTPUTS];
    size_t lent;
};

size_t shape_count(struct shape shape) {
    return shape.n * shape.h * shape.w * shape.c;
}

bool shape_equal(struct shape a, struct shape b) {
    return a.n == b.n && a.h == b.h && a.w == b.w && a.c == b.c;
}

struct layer_name graph_name(const char *format, ...) {
    struct layer_name name;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(name.text, sizeof name.text, format, arguments);
    va_end(arguments);
    return name;
}

struct graph *graph_new(enum graph_mode mode) {
    struct graph *graph = calloc(1, sizeof *graph);
    if (graph != NULL) {
        graph->mode = mode;
    }
    return graph;
}

void graph_free(struct graph *graph) {
    for (int i = 0; graph != NULL && i < graph->node_count; i++) {
        free(graph->nodes[i].attributes);
    }
    free(graph);
}

enum graph_mode graph_mode_of(const struct graph *graph) {
    return graph->mode;
}

void graph_set_norm(struct graph *graph, enum graph_norm norm) {
    graph->norm = norm;
}

enum graph_norm graph_norm_of(const struct graph *graph) {
    return graph->norm;
}

void graph_fail(struct graph *graph, const char *format, ...) {
    va_list arguments;
    if (graph->error.text[0] != 0) {
        return;
    }
    va_start(arguments, format);
    (void)vsnprintf(graph->error.text, sizeof graph->error.text, format, arguments);
    va_end(arguments);
}

bool graph_check(const struct graph *graph, struct error *error) {
    return graph->error.text[0] == 0 || fail(error, "%s", graph->error.text);
}

static value_id add_value(struct graph *graph, struct value_info info) {
    if (graph->value_count > MAX_NODES) {
        graph_fail(graph, "the network has more than %d layers", MAX_NODES);
        return NO_VALUE;
    }
    graph->values[graph->value_count] = info;
    return graph->value_count++;
}

bool graph_role_is_learned(enum parameter_role role) {
    return role != ROLE_MEAN && role != ROLE_VARIANCE;
}

value_id graph_input(struct graph *graph, struct shape shape, enum storage storage) {
    if (graph->value_count > 0) {
        graph_fail(graph, "a network has one input");
    }
    return add_value(graph, (struct value_info){shape, storage, -1, false});
}

int graph_parameter(struct graph *graph, const char *name, enum parameter_role role, size_t rank,
                    const size_t *shape) {
    const struct parameter *known = graph_parameter_named(graph, name);
    if (known != NULL) {
        if (known->rank != rank || memcmp(known->shape, shape, rank * sizeof *shape) != 0) {
            graph_fail(graph, "parameter %s has two shapes", name);
        }
        return (int)(known - graph->parameters);
    }
    if (graph->parameter_count == MAX_PARAMETERS || strlen(name) >= NAME_SIZE) {
        graph_fail(graph, "parameter %s: one too many, or too long a name", name);
        return -1;
    }
    struct parameter *parameter = &graph->parameters[graph->parameter_count];
    *parameter = (struct parameter){.rank = rank, .role = role, .count = 1};
    (void)snprintf(parameter->name, sizeof parameter->name, "%s", name);
    for (size_t i = 0; i < rank; i++) {
        parameter->shape[i] = shape[i];
        parameter->count *= shape[i];
    }
    return graph->parameter_count++;
}

void graph_follows(struct graph *graph, int parameter, double momentum) {
    if (parameter >= 0) {
        graph->parameters[parameter].momentum = momentum;
    }
}

// How many recomputable nodes must run, one after the other, before a value can be read again.
static int distance(const struct graph *graph, const int *distances, const struct node *node) {
    int longest = 0;
    for (int k = 0; k < node->input_count; k++) {
        const int producer = graph->values[node->inputs[k]].producer;
        const int of_input = producer < 0 ? 0 : distances[producer];
        longest = of_input > longest ? of_input : longest;
    }
    return longest;
}

void graph_recompute(struct graph *graph) {
    int distances[MAX_NODES] = {0};
    for (int i = 0; i < graph->node_count; i++) {
        struct node *node = &graph->nodes[i];
        const int before = distance(graph, distances, node);
        if (node->operation->recomputable && before < MAX_RECOMPUTED_CHAIN) {
            node->recompute = true;
            distances[i] = before + 1;
        } else if (node->recompute) {
            distances[i] = before;
        }
    }
}

// Whether a node's output has its first input's shape, takes no products, and is made of what its
// own backward step reads.
static bool is_pass(const struct graph *graph, const struct node *node) {
    const struct operation *operation = node->operation;
    bool reads = false;
    for (int k = 0; k < node->input_count; k++) {
        reads = reads || operation->reads_input[k];
    }
    return reads && operation->products == NULL &&
           shape_equal(graph_shape(graph, node->inputs[0]), graph_shape(graph, node->output));
}

// Whether a node makes many numbers of an image's few, by few products each.
static bool is_of_image(const struct graph *graph, const struct node *node) {
    const double numbers = (double)shape_count(graph_shape(graph, node->output));
    return node->operation->recomputable && graph_shape(graph, node->inputs[0]).c <= 3 &&
           node->operation->products(graph, node) <= MAX_FEW_PRODUCTS * numbers;
}

void graph_recompute_passes(struct graph *graph) {
    for (int i = 0; i < graph->node_count; i++) {
        struct node *node = &graph->nodes[i];
        node->recompute = node->recompute || is_pass(graph, node) || is_of_image(graph, node);
    }
}

value_id graph_node(struct graph *graph, const struct node_spec *spec) {
    if (graph->error.text[0] != 0) {
        return NO_VALUE;
    }
    if (graph->node_count == MAX_NODES || shape_count(spec->shape) == 0) {
        graph_fail(graph, "%s: one layer too many, or an output without elements", spec->name);
        return NO_VALUE;
    }
    struct node *node = &graph->nodes[graph->node_count];
    *node = (struct node){.operation = spec->operation,
                          .recompute = spec->recompute,
                          .input_count = spec->input_count,
                          .parameter_count = spec->parameter_count};
    (void)snprintf(node->name, sizeof node->name, "%s", spec->name);
    bool needs_gradient = false;
    for (int i = 0; i < spec->input_count; i++) {
        node->inputs[i] = spec->inputs[i];
        needs_gradient = needs_gradient || graph->values[spec->inputs[i]].needs_gradient;
    }
    for (int i = 0; i < spec->parameter_count; i++) {
        node->parameters[i] = spec->parameters[i];
        needs_gradient =
            needs_gradient || graph_role_is_learned(graph->parameters[spec->parameters[i]].role);
    }
    if (spec->attribute_bytes > 0) {
        node->attributes = malloc(spec->attribute_bytes);
        if (node->attributes == NULL) {
            graph_fail(graph, "%s: no memory", spec->name);
            return NO_VALUE;
        }
        memcpy(node->attributes, spec->attributes, spec->attribute_bytes);
    }
    const struct value_info info = {spec->shape, spec->storage, graph->node_count,
                                    needs_gradient && graph->mode == GRAPH_TRAIN};
    node->output = add_value(graph, info);
    graph->node_count++;
    return node->output;
}

void graph_output(struct graph *graph, value_id value) {
    if (value == NO_VALUE || graph->error.text[0] != 0) {
        return;
    }
    if (graph->output_count == MAX_OUTPUTS || graph->values[value].storage != STORAGE_FLOAT) {
        graph_fail(graph, "one output too many, or one that is not of floats");
        return;
    }
    graph->outputs[graph->output_count++] = value;
}

void graph_lend(struct graph *graph, size_t bytes) {
    graph->lent = bytes;
}

size_t graph_lent(const struct graph *graph) {
    return graph->lent;
}

struct shape graph_shape(const struct graph *graph, value_id value) {
    return value == NO_VALUE ? (struct shape){0, 0, 0, 0} : graph->values[value].shape;
}

int graph_node_count(const struct graph *graph) {
    return graph->node_count;
}

const struct node *graph_node_at(const struct graph *graph, int index) {
    return &graph->nodes[index];
}

int graph_value_count(const struct graph *graph) {
    return graph->value_count;
}

const struct value_info *graph_value_at(const struct graph *graph, value_id value) {
    return &graph->values[value];
}

size_t graph_value_bytes(const struct graph *graph, value_id value, enum precision precision) {
    const struct value_info *info = graph_value_at(graph, value);
    const size_t size = info->storage == STORAGE_BYTE    ? 1
                        : info->storage == STORAGE_FLOAT ? sizeof(float)
                                                         : precision_size(precision);
    return shape_count(info->shape) * size;
}

int graph_parameter_count(const struct graph *graph) {
    return graph->parameter_count;
}

const struct parameter *graph_parameter_at(const struct graph *graph, int index) {
    return &graph->parameters[index];
}

const struct parameter *graph_parameter_named(const struct graph *graph, const char *name) {
    for (int i = 0; i < graph->parameter_count; i++) {
        if (strcmp(graph->parameters[i].name, name) == 0) {
            return &graph->parameters[i];
        }
    }
    return NULL;
}

size_t graph_lay_out(struct graph *graph, size_t *learned, size_t *decaying) {
    size_t offset = 0;
    for (int pass = 0; pass < 3; pass++) {
        for (int i = 0; i < graph->parameter_count; i++) {
            struct parameter *parameter = &graph->parameters[i];
            const int group = parameter->role == ROLE_CONVOLUTION      ? 0
                              : graph_role_is_learned(parameter->role) ? 1
                                                                       : 2;
            if (group == pass) {
                parameter->offset = offset;
                offset += parameter->count;
            }
        }
        *decaying = pass == 0 ? offset : *decaying;
        *learned = pass == 1 ? offset : *learned;
    }
    return offset;
}

int graph_output_count(const struct graph *graph) {
    return graph->output_count;
}

value_id graph_output_at(const struct graph *graph, int index) {
    return graph->outputs[index];
}

int graph_map_count(const struct graph *graph) {
    const int last = graph->output_count - 1;
    const struct shape shape = graph_shape(graph, graph->outputs[last]);
    return shape.h * shape.w == 1 ? last : last + 1;
}

// Groups of layers that run strip by strip: which there are, and in which order all nodes run.
#include "nn/strips/strips.h"

#include <stdlib.h>
#include <string.h>

struct search {
    const struct graph *graph;
    struct backend *backend;
    bool *by_rows; // of each node: it can
    bool *placed;  // of each node: it has a position
    bool *chosen;  // of each node: it is in the group that is being made
    int first;     // node of that group
    bool reorders; // nodes may run in another order than the graph's
};

static bool can_make_rows(const struct search *search, int index) {
    const struct node *node = graph_node_at(search->graph, index);
    const struct row_kernel *rows = node->operation->cpu_rows;
    const struct kernel_plan plan = {
        .backend = search->backend, .graph = search->graph, .node = node};
    return rows != NULL && (rows->suits == NULL || rows->suits(&plan));
}

static int producer_of(const struct search *search, value_id value) {
    return graph_value_at(search->graph, value)->producer;
}

// Whether a value is there when the group runs.
static bool is_there(const struct search *search, value_id value) {
    const int producer = producer_of(search, value);
    return producer < search->first || search->placed[producer] || search->chosen[producer];
}

static bool reads_chosen(const struct search *search, const struct node *node) {
    for (int k = 0; k < node->input_count; k++) {
        const int producer = producer_of(search, node->inputs[k]);
        if (producer >= 0 && search->chosen[producer]) {
            return true;
        }
    }
    return false;
}

// Whether a value's readers are all in the group, or none: only such a value can be kept to it.
static bool has_one_kind_of_reader(const struct search *search, value_id value) {
    bool in = false;
    bool out = false;
    for (int i = 0; i < graph_node_count(search->graph); i++) {
        const struct node *node = graph_node_at(search->graph, i);
        for (int k = 0; k < node->input_count; k++) {
            in = in || (node->inputs[k] == value && search->chosen[i]);
            out = out || (node->inputs[k] == value && !search->chosen[i]);
        }
    }
    for (int i = 0; i < graph_output_count(search->graph); i++) {
        out = out || graph_output_at(search->graph, i) == value;
    }
    return !in || !out;
}

static bool is_read_in_group(const struct search *search, value_id value) {
    for (int i = search->first; i < graph_node_count(search->graph); i++) {
        const struct node *node = graph_node_at(search->graph, i);
        for (int k = 0; k < node->input_count && search->chosen[i]; k++) {
            if (node->inputs[k] == value) {
                return true;
            }
        }
    }
    return false;
}

// Whether a node that is chosen may stay: what it reads is there, without values that others read,
// too, and it is joined to another.
static bool may_stay(const struct search *search, int index) {
    const struct node *node = graph_node_at(search->graph, index);
    for (int k = 0; k < node->input_count; k++) {
        const int producer = producer_of(search, node->inputs[k]);
        const bool made_here = producer >= 0 && search->chosen[producer];
        if (!is_there(search, node->inputs[k]) ||
            (made_here && !has_one_kind_of_reader(search, node->inputs[k]))) {
            return false;
        }
    }
    return reads_chosen(search, node) || is_read_in_group(search, node->output);
}

// Chooses the nodes of a group that begins with node `first`; returns how many.
static int choose(struct search *search, int first) {
    const int nodes = graph_node_count(search->graph);
    int count = 0;
    memset(search->chosen, 0, (size_t)nodes * sizeof *search->chosen);
    search->first = first;
    for (int i = first; i < nodes && count < STRIP_NODES; i++) {
        const struct node *node = graph_node_at(search->graph, i);
        bool there = search->by_rows[i] && !search->placed[i];
        for (int k = 0; there && k < node->input_count; k++) {
            there = is_there(search, node->inputs[k]);
        }
        search->chosen[i] = there;
        count += there;
    }
    for (bool changed = true; changed;) {
        changed = false;
        for (int i = nodes - 1; i >= first; i--) {
            if (search->chosen[i] && !may_stay(search, i)) {
                search->chosen[i] = false;
                count--;
                changed = true;
            }
        }
    }
    return search->chosen[first] ? count : 0;
}

// Whether a value is read by that node, and by none that has no position yet.
static bool is_last_reader(const struct search *search, int index, value_id value) {
    const struct graph *graph = search->graph;
    bool last = producer_of(search, value) >= 0;
    for (int i = 0; last && i < graph_node_count(graph); i++) {
        const struct node *node = graph_node_at(graph, i);
        for (int k = 0; k < node->input_count; k++) {
            last = last && (node->inputs[k] != value || i == index || search->placed[i]);
        }
    }
    for (int i = 0; last && i < graph_output_count(graph); i++) {
        last = graph_output_at(graph, i) != value;
    }
    return last;
}

static size_t bytes_of(const struct search *search, value_id value) {
    return graph_value_bytes(search->graph, value, search->backend->precision);
}

// Whether a node can run, and what it reads gives back more memory than its output takes.
static bool gives_back(const struct search *search, int index) {
    const struct node *node = graph_node_at(search->graph, index);
    bool there = true;
    bool less = false;
    for (int k = 0; k < node->input_count; k++) {
        const value_id value = node->inputs[k];
        const int producer = producer_of(search, value);
        there = there && (producer < 0 || search->placed[producer]);
        less = less || (is_last_reader(search, index, value) &&
                        bytes_of(search, value) > bytes_of(search, node->output));
    }
    return there && less;
}

static void place(struct strips *strips, struct search *search, int node, int *position) {
    strips->order[*position] = node;
    strips->position[node] = (*position)++;
    search->placed[node] = true;
}

// Places what gives back memory ahead of what is next, node `next` or the group that is chosen: the
// lateral layer of an early map waits no longer than the map's other readers.
static void place_ahead(struct strips *strips, struct search *search, int next, bool group,
                        int *position) {
    for (int i = next + 1; search->reorders && i < graph_node_count(search->graph); i++) {
        if (!search->placed[i] && !(group && search->chosen[i]) && gives_back(search, i)) {
            place(strips, search, i, position);
        }
    }
}

static void place_all(struct strips *strips, struct search *search) {
    const int nodes = graph_node_count(search->graph);
    int position = 0;
    for (int i = 0; i < nodes; i++) {
        if (search->placed[i]) {
            continue;
        }
        const bool grouped = search->by_rows[i] && choose(search, i) >= 2;
        place_ahead(strips, search, i, grouped, &position);
        if (!grouped) {
            place(strips, search, i, &position);
            continue;
        }
        struct strip_group *group = &strips->groups[strips->group_count++];
        group->first = position;
        for (int k = i; k < nodes; k++) {
            if (search->chosen[k]) {
                place(strips, search, k, &position);
            }
        }
        group->end = position;
    }
}

static bool get_tables(struct strips *strips, struct search *search, struct error *error) {
    const size_t nodes = (size_t)graph_node_count(search->graph) + 1;
    *strips = (struct strips){
        .graph = search->graph,
        .precision = search->backend->precision,
        .threads = (size_t)search->backend->threads,
        .order = calloc(nodes, sizeof *strips->order),
        .position = calloc(nodes, sizeof *strips->position),
        .groups = calloc(nodes, sizeof *strips->groups),
        .rows = calloc((size_t)graph_value_count(search->graph) + 1, sizeof *strips->rows)};
    search->by_rows = calloc(nodes, sizeof(bool));
    search->placed = calloc(nodes, sizeof(bool));
    search->chosen = calloc(nodes, sizeof(bool));
    return (strips->order != NULL && strips->position != NULL && strips->groups != NULL &&
            strips->rows != NULL && search->by_rows != NULL && search->placed != NULL &&
            search->chosen != NULL) ||
           fail(error, "no memory");
}

static void find(struct strips *strips, struct search *search) {
    const struct graph *graph = search->graph;
    search->reorders = search->backend->kernels == NULL && graph_mode_of(graph) == GRAPH_PREDICT;
    for (int i = 0; search->reorders && i < graph_node_count(graph); i++) {
        search->by_rows[i] = can_make_rows(search, i);
    }
    place_all(strips, search);
    for (int i = 0; i < strips->group_count; i++) {
        strips_measure(strips, &strips->groups[i]);
    }
}

bool strips_find(struct strips *strips, const struct graph *graph, struct backend *backend,
                 struct error *error) {
    struct search search = {.graph = graph, .backend = backend};
    const bool allocated = get_tables(strips, &search, error);
    if (allocated) {
        find(strips, &search);
    } else {
        strips_free(strips);
    }
    free(search.by_rows);
    free(search.placed);
    free(search.chosen);
    return allocated;
}

void strips_free(struct strips *strips) {
    free(strips->order);
    free(strips->position);
    free(strips->groups);
    free(strips->rows);
    *strips = (struct strips){.order = NULL};
}

const struct strip_group *strips_group_at(const struct strips *strips, int position) {
    for (int i = 0; i < strips->group_count; i++) {
        if (position >= strips->groups[i].first && position < strips->groups[i].end) {
            return &strips->groups[i];
        }
    }
    return NULL;
}

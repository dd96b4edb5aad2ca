// The rows of a group's strips, and the memory that they need.
#include "nn/strips/strips.h"

const struct node *strips_node(const struct strips *strips, const struct strip_group *group,
                               int k) {
    return graph_node_at(strips->graph, strips->order[group->first + k]);
}

int strips_maker(const struct strips *strips, const struct strip_group *group, value_id value) {
    const int producer = graph_value_at(strips->graph, value)->producer;
    const int position = producer < 0 ? -1 : strips->position[producer];
    return position >= group->first && position < group->end ? position - group->first : -1;
}

static struct row_span reads(const struct graph *graph, const struct node *node, int input,
                             struct row_span rows) {
    const struct row_kernel *kernel = node->operation->cpu_rows;
    return kernel->reads != NULL ? kernel->reads(graph, node, input, rows) : rows;
}

// What a group's nodes want of each other in a strip.
struct demand {
    bool any;
    struct row_span rows;
};

static void want(struct demand *demand, struct row_span rows) {
    if (!demand->any || rows.first < demand->rows.first) {
        demand->rows.first = rows.first;
    }
    if (!demand->any || rows.end > demand->rows.end) {
        demand->rows.end = rows.end;
    }
    demand->any = true;
}

void strips_next(const struct strips *strips, const struct strip_group *group, size_t strip,
                 bool begins, struct strip_rows *rows) {
    struct demand demands[STRIP_NODES] = {{false, {0, 0}}};
    for (int k = group->end - group->first - 1; k >= 0; k--) {
        const struct node *node = strips_node(strips, group, k);
        const size_t height = graph_shape(strips->graph, node->output).h;
        struct demand *demand = &demands[k];
        if (strips->rows[node->output] == 0) { // a share of what the group makes for others
            want(demand, (struct row_span){height * strip / group->strips,
                                           height * (strip + 1) / group->strips});
        }
        // Where what is there ends; rows that nobody wants are passed over.
        size_t end = begins ? 0 : rows[k].made.end;
        end = demand->any && demand->rows.first > end ? demand->rows.first : end;
        rows[k].kept = demand->any ? demand->rows.first : end;
        rows[k].made = (struct row_span){end, demand->rows.end > end ? demand->rows.end : end};
        for (int i = 0; rows[k].made.end > end && i < node->input_count; i++) {
            const int maker = strips_maker(strips, group, node->inputs[i]);
            if (maker >= 0) {
                want(&demands[maker], reads(strips->graph, node, i, rows[k].made));
            }
        }
    }
}

struct row_span strips_of_thread(const struct strips *strips, const struct strip_group *group,
                                 size_t thread) {
    const size_t all = graph_shape(strips->graph, 0).n * group->strips;
    return (struct row_span){all * thread / strips->threads, all * (thread + 1) / strips->threads};
}

size_t strips_row_bytes(const struct strips *strips, value_id value) {
    const struct shape shape = graph_shape(strips->graph, value);
    return graph_value_bytes(strips->graph, value, strips->precision) / (shape.n * shape.h);
}

size_t strips_thread_bytes(const struct strips *strips, value_id value) {
    return (strips->rows[value] * strips_row_bytes(strips, value) + 63) / 64 * 64;
}

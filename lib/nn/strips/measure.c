// How many strips a group's images make, and how many rows a thread keeps of each value.
#include "nn/strips/strips.h"

#define STRIP_BYTES                                                                                \
    ((size_t)1 << 20) // that a strip reads and makes: half of a cache's second level
#define STRIP_ROWS                                                                                 \
    ((size_t)8) // of its highest map, at least: windows' rows are moved for each strip

// Bytes of a value of one image.
static size_t image_bytes(const struct strips *strips, value_id value) {
    return strips_row_bytes(strips, value) * graph_shape(strips->graph, value).h;
}

// How many strips an image makes: of STRIP_BYTES, all that the group reads and makes counted, but
// of STRIP_ROWS: an even number in most maps, since grouped convolutions make rows in pairs.
static size_t strips_of(const struct strips *strips, const struct strip_group *group) {
    size_t bytes = 0;
    size_t rows = 0;
    for (int k = 0; k < group->end - group->first; k++) {
        const struct node *node = strips_node(strips, group, k);
        const size_t height = graph_shape(strips->graph, node->output).h;
        rows = height > rows ? height : rows;
        bytes += image_bytes(strips, node->output);
        for (int i = 0; i < node->input_count; i++) {
            if (strips_maker(strips, group, node->inputs[i]) < 0) {
                bytes += image_bytes(strips, node->inputs[i]);
            }
        }
    }
    const size_t of_bytes = bytes / STRIP_BYTES;
    const size_t of_rows = rows > STRIP_ROWS ? rows / STRIP_ROWS - 1 : 0;
    return (of_bytes < of_rows ? of_bytes : of_rows) + 1;
}

// Which of a group's values it keeps to itself: those that it reads.
static void mark_kept(struct strips *strips, const struct strip_group *group) {
    for (int k = 0; k < group->end - group->first; k++) {
        const struct node *node = strips_node(strips, group, k);
        for (int i = 0; i < node->input_count; i++) {
            if (strips_maker(strips, group, node->inputs[i]) >= 0) {
                strips->rows[node->inputs[i]] = 1;
            }
        }
    }
}

// Goes through all strips of all threads to find the most rows that a thread keeps of each value.
static void count_rows(struct strips *strips, const struct strip_group *group) {
    for (size_t t = 0; t < strips->threads; t++) {
        const struct row_span span = strips_of_thread(strips, group, t);
        struct strip_rows rows[STRIP_NODES];
        for (size_t i = span.first; i < span.end; i++) {
            const size_t strip = i % group->strips;
            strips_next(strips, group, strip, i == span.first || strip == 0, rows);
            for (int k = 0; k < group->end - group->first; k++) {
                size_t *most = &strips->rows[strips_node(strips, group, k)->output];
                const size_t kept = rows[k].made.end - rows[k].kept;
                *most = *most > 0 && kept > *most ? kept : *most;
            }
        }
    }
}

void strips_measure(struct strips *strips, struct strip_group *group) {
    group->strips = strips_of(strips, group);
    mark_kept(strips, group);
    count_rows(strips, group);
}

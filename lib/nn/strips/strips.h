// Groups of layers that run strip by strip in prediction: some rows of an image go through all of a
// group's layers before the next ones do, so that what passes between them stays in the cache and
// never has memory of its own.
#ifndef PLEURA_NN_STRIPS_STRIPS_H
#define PLEURA_NN_STRIPS_STRIPS_H

#include "nn/operation.h"

#define STRIP_NODES 32 // of a group, at most

// Nodes at positions `first` and on, before `end`.
struct strip_group {
    int first, end;
    size_t strips; // of an image
};

struct strips {
    const struct graph *graph;
    enum precision precision;
    size_t threads;
    int *order;    // nodes in the order in which they run
    int *position; // of each node in it
    struct strip_group *groups;
    int group_count;
    size_t *rows; // of each value: those that a thread keeps; 0: all lie in memory
};

// Finds the groups of a graph on a backend, both of which must outlive them; in training, and on
// another device than the CPU, there are none. A node joins a group where its operation can make
// rows of its output alone, and where all that it reads is there before the group or made in it; a
// value that is made and read in a group is read nowhere else. False without memory.
CHECKED bool strips_find(struct strips *strips, const struct graph *graph, struct backend *backend,
                         struct error *error);
void strips_free(struct strips *strips);

// Sets a found group's number of strips, and strips->rows of the values that it keeps to itself.
void strips_measure(struct strips *strips, struct strip_group *group);

// The group that a position belongs to; NULL: it runs alone.
const struct strip_group *strips_group_at(const struct strips *strips, int position);

// Node k of a group; and which of them makes a value, -1: none does.
const struct node *strips_node(const struct strips *strips, const struct strip_group *group, int k);
int strips_maker(const struct strips *strips, const struct strip_group *group, value_id value);

// Bytes of a value's row, and of the rows of it that a thread keeps; 0: all lie in memory.
size_t strips_row_bytes(const struct strips *strips, value_id value);
size_t strips_thread_bytes(const struct strips *strips, value_id value);

// A node's rows in a strip: those that are made now, and the first that is kept of its output.
struct strip_rows {
    size_t kept;
    struct row_span made;
};

// Sets `rows`, one a node of the group, to a strip's; `begins`: no rows are there yet, else `rows`
// has those of the strip before.
void strips_next(const struct strips *strips, const struct strip_group *group, size_t strip,
                 bool begins, struct strip_rows *rows);

// The strips that a thread makes: from `first` on, before `end`, of all images'.
struct row_span strips_of_thread(const struct strips *strips, const struct strip_group *group,
                                 size_t thread);

// Runs a group. `calls`: of its nodes, with the addresses of whole tensors; of a value that the
// group keeps to itself, that of all threads' rows. `seconds`, unless it is NULL, gets each
// node's share of the time.
void strips_run(const struct strips *strips, const struct strip_group *group,
                const struct call *calls, double *seconds);

#endif

// A network as a static graph: values with shapes, nodes that make them, parameters by name.
#ifndef PLEURA_NN_GRAPH_H
#define PLEURA_NN_GRAPH_H

#include "backend/backend.h"

// Images x height x width x channels; activations lie in that order.
struct shape {
    size_t n, h, w, c;
};

size_t shape_count(struct shape shape);
bool shape_equal(struct shape a, struct shape b);

enum graph_mode { GRAPH_TRAIN, GRAPH_PREDICT };

// What its layers are normalised by (see convolution_norm).
enum graph_norm { GRAPH_BATCH_NORM, GRAPH_GROUP_NORM };

struct graph;
struct node;
struct operation;

#define NODE_INPUTS 4
#define NODE_PARAMETERS 6
#define NAME_SIZE 96

// A name put together; one that is too long is cut, and then known to nobody:
// graph_name("%s.weight", layer).text lives to the end of the expression.
struct layer_name {
    char text[NAME_SIZE];
};
struct layer_name graph_name(const char *format, ...) __attribute__((format(printf, 1, 2)));

// A value of the graph: the input image, or what a node makes.
typedef int value_id;
#define NO_VALUE (-1)

// In the backend's precision; always float32; bytes (a gray image).
enum storage { STORAGE_ACTIVATION, STORAGE_FLOAT, STORAGE_BYTE };

struct value_info {
    struct shape shape;
    enum storage storage;
    int producer; // node, or -1 for the input
    bool needs_gradient;
};

// What a parameter is for: convolutions' weights decay; running means and variances are not
// learned.
enum parameter_role {
    ROLE_CONVOLUTION, // starts Kaiming-normal: fan out, ReLU; with two sides fan in
    ROLE_SCALE,       // of a norm: starts at 1
    ROLE_SHIFT,       // biases, gammas: start at 0
    ROLE_MEAN,
    ROLE_VARIANCE, // starts at 1
};

bool graph_role_is_learned(enum parameter_role role);

// A parameter as a checkpoint has it: its PyTorch name and shape (OIHW for convolutions). Values of
// all parameters lie one behind the other, `offset` numbers from the start; convolutions' weights
// come first, then what else is learned.
struct parameter {
    char name[NAME_SIZE];
    size_t rank, shape[4], count, offset;
    enum parameter_role role;
    double momentum; // of a running statistic: see graph_follows
};

struct node {
    const struct operation *operation;
    void *attributes; // the operation's own; freed with the graph
    bool recompute;   // in training the output is recomputed for the backward pass, not kept
    int inputs[NODE_INPUTS], input_count;
    value_id output;
    int parameters[NODE_PARAMETERS], parameter_count;
    char name[NAME_SIZE];
};

// ---- building, by operations and networks. The first error sticks: later calls then do nothing
// and return NO_VALUE, so that a network reads as a list of layers; graph_check tells at the end.

// An empty graph; NULL without memory.
CHECKED struct graph *graph_new(enum graph_mode mode);
void graph_free(struct graph *graph);
enum graph_mode graph_mode_of(const struct graph *graph);

// Before its first layer; else it is batch normalisation.
void graph_set_norm(struct graph *graph, enum graph_norm norm);
enum graph_norm graph_norm_of(const struct graph *graph);

// Notes what is wrong with the network that is being built.
void graph_fail(struct graph *graph, const char *format, ...) __attribute__((format(printf, 2, 3)));
CHECKED bool graph_check(const struct graph *graph, struct error *error);

// Recomputes the outputs of recomputable nodes, too, where no more than MAX_RECOMPUTED_CHAIN of
// them are made one from the other: less memory for most of a second forward pass. To be called
// when the graph is complete; the results are the same, to the bit.
#define MAX_RECOMPUTED_CHAIN 2
void graph_recompute(struct graph *graph);

// Recomputes, too, what one pass over memory makes of values that the backward pass has at hand:
// sums whose own backward step reads what they are made of, and convolutions of an image of three
// channels at most, with at most MAX_FEW_PRODUCTS a number. Called as graph_recompute, instead of
// it.
#define MAX_FEW_PRODUCTS 32
void graph_recompute_passes(struct graph *graph);

// The network's input; one a graph.
value_id graph_input(struct graph *graph, struct shape shape, enum storage storage);

// A parameter by name; a name that was given before is the same parameter and must have the same
// shape.
int graph_parameter(struct graph *graph, const char *name, enum parameter_role role, size_t rank,
                    const size_t *shape);

// Says of a running statistic that a batch brings it `momentum` of the way to the batch's own.
void graph_follows(struct graph *graph, int parameter, double momentum);

struct node_spec {
    const struct operation *operation;
    const char *name; // for messages and profiles
    value_id inputs[NODE_INPUTS];
    int input_count;
    int parameters[NODE_PARAMETERS], parameter_count;
    struct shape shape; // of the output
    enum storage storage;
    const void *attributes; // copied
    size_t attribute_bytes;
    bool recompute; // in training the output is recomputed for the backward pass, not kept
};

// Adds a node; returns the value it makes.
value_id graph_node(struct graph *graph, const struct node_spec *spec);

// Marks a value that is read from outside (a head's logits), and whose gradient comes from there;
// STORAGE_FLOAT.
void graph_output(struct graph *graph, value_id value);

// In training: lets whoever reads the outputs and writes their gradients have so many bytes of an
// executor's memory meanwhile (executor_lent).
void graph_lend(struct graph *graph, size_t bytes);
size_t graph_lent(const struct graph *graph);

// ---- looking at it

struct shape graph_shape(const struct graph *graph, value_id value); // zeros after an error
int graph_node_count(const struct graph *graph);
const struct node *graph_node_at(const struct graph *graph, int index);
int graph_value_count(const struct graph *graph);
const struct value_info *graph_value_at(const struct graph *graph, value_id value);

// Bytes of a value on a backend of this precision.
size_t graph_value_bytes(const struct graph *graph, value_id value, enum precision precision);

int graph_parameter_count(const struct graph *graph);
const struct parameter *graph_parameter_at(const struct graph *graph, int index);
const struct parameter *graph_parameter_named(const struct graph *graph, const char *name);

// Numbers in all parameters, in the learned ones, and in those of them that decay; gives every
// parameter its offset.
size_t graph_lay_out(struct graph *graph, size_t *learned, size_t *decaying);
int graph_output_count(const struct graph *graph);
value_id graph_output_at(const struct graph *graph, int index);

// How many outputs are maps, which come first: a last one of one pixel is a number an image.
int graph_map_count(const struct graph *graph);

#endif

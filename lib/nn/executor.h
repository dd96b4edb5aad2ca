// A graph made ready to run on a backend: steps in order, one block of memory shared by lifetime,
// parameters.
#ifndef PLEURA_NN_EXECUTOR_H
#define PLEURA_NN_EXECUTOR_H

#include "nn/graph.h"

struct executor;

// Plans a graph, which must outlive the executor, and gets all memory. NULL with *error where a
// kernel refuses or memory is short.
CHECKED struct executor *executor_new(struct graph *graph, struct backend *backend,
                                      struct error *error);

// The same for a graph of the same network, of another size perhaps, both for prediction: it works
// with the host's parameters or with its own, and in the host's memory where that is enough. One of
// them runs at a time; the host is freed last.
enum parameter_owner { HOSTS_PARAMETERS, OWN_PARAMETERS };
CHECKED struct executor *executor_new_within(struct executor *host, struct graph *graph,
                                             enum parameter_owner owner, struct error *error);
void executor_free(struct executor *executor);

// ---- parameters, on the device: graph_lay_out's order

// All values, executor_value_count float32.
float *executor_values(struct executor *executor);
size_t executor_value_count(const struct executor *executor);
// Gradients of the learned ones, and behind them as many numbers as there are others; NULL in
// prediction.
float *executor_gradients(struct executor *executor);
size_t executor_learned_count(const struct executor *executor);
size_t executor_decaying_count(const struct executor *executor); // of those: the first so many

// To be called when values have been changed.
void executor_changed(struct executor *executor);

// For prediction, when values will change no more: takes them, and gives back the memory of those
// that kernels have packed, on a device that can. executor_values lacks them from then on. Networks
// that have a host's parameters are settled before it, or with it.
void executor_settle(struct executor *executor);

// Where values come from: puts those of the graph's parameter number `parameter`. False with
// *error.
struct parameter_source {
    bool (*put)(void *context, int parameter, struct error *error);
    void *context;
};

// The same, for an executor whose values are not there yet, and for those that have its parameters:
// each layer's values are put when those of the layer before have been taken.
CHECKED bool executor_settle_from(struct executor *executor, struct executor *const *guests,
                                  size_t guest_count, const struct parameter_source *source,
                                  struct error *error);

// From now on a forward pass leaves running statistics as they are: what the batch adds to them,
// momentum times its own statistic, comes to lie behind the gradients, which must be 0 there
// before.
void executor_keep_statistics_apart(struct executor *executor);

// ---- a step: put the input, begin, run forward, read outputs; in training put the outputs'
// gradients (all of them) and run backward, which adds to the parameters' gradients

// The input's memory, on the device: the graph's input shape, in its storage (bytes or float32).
void *executor_input(struct executor *executor);

// Output number `output` of the graph, and in training its gradient: float32 of its shape, on the
// device.
const float *executor_output(struct executor *executor, int output);
float *executor_output_gradient(struct executor *executor, int output);

// So many bytes of the executor's memory, 64-byte aligned, of which no output is a part: they are
// free from the end of a forward pass of prediction to the next one. NULL: there are not so many.
void *executor_spare(const struct executor *executor, size_t bytes);

// What graph_lend has asked for, 64-byte aligned: free between the forward and the backward pass of
// training, and only then. NULL: nothing was asked for.
void *executor_lent(const struct executor *executor);

// `seed`: of this step's random draws (dropout). Takes parameters that have changed.
void executor_begin(struct executor *executor, uint64_t seed);

// Only queue work for the device, always the same: what backend_calls.repeat takes.
void executor_forward(struct executor *executor);
void executor_backward(struct executor *executor);

#endif

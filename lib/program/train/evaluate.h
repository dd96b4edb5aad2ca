// How good a network is: its scores on a stream of samples.
#ifndef PLEURA_PROGRAM_TRAIN_EVALUATE_H
#define PLEURA_PROGRAM_TRAIN_EVALUATE_H

#include "challenge/score.h"
#include "nn/executor.h"

// Reads over a file of samples, and ends the program where evaluate would: before the first
// iteration rather than after many. What is no regular file is left, because it can be read only
// once.
void evaluate_check(const struct graph *graph, const char *path, size_t max_record);

// Scores a prediction network (output 0: the main head's logits, of any size) on the labelled
// samples in a file: logits brought to the size that the labels refer to, and thresholded at 0 (a
// probability of 0.5). `images` is the network's batch. Ends the program on bad samples.
struct scores evaluate(struct backend *backend, const struct graph *graph,
                       struct executor *executor, const char *path, size_t max_record);

#endif

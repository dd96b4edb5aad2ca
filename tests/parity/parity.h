// Comparing our figures with recorded ones: shared by the kinds of fixture.
#ifndef PLEURA_TESTS_PARITY_H
#define PLEURA_TESTS_PARITY_H

#include "image/image.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

// The fixture at hand, where to compute, and what has been found so far.
struct parity {
    const char *fixture;
    const char *device, *precision;
    size_t passed, failed;
};

// Prints one JSON line for a figure and counts it.
void parity_figure(struct parity *parity, const char *figure, bool equal);

// Fills `values` with count numbers in [-1, 1): element i is SplitMix64 of FNV-1a(name) + (i + 1) *
// golden.
void hash_uniform(const char *name, size_t count, double *values);

// A member that must be there; ends the program where the fixture lacks it.
const json_t *member(const json_t *object, const char *name);
const char *text_member(const json_t *object, const char *name);
double number_member(const json_t *object, const char *name);
int64_t integer_member(const json_t *object, const char *name);

// How far `values` are from a recorded description (shape, norm, mean, sampled elements): the
// greater of the relative errors of the L2 norm and, over the samples, of the L2 distance.
double described_error(const json_t *description, const float *values);

// How far a network's figure may be off where `parity` computes, by what the fixture tells of the
// reference's own rounding errors; negative: it is not compared.
double parity_tolerance(const struct parity *parity, const json_t *fixture, const char *figure);

// NETWORK-eval.json, NETWORK-train.json: outputs, loss, gradients, running statistics.
void parity_network(struct parity *parity, const json_t *fixture);

// NETWORK-trace.json: losses and parameters over some steps of training.
void parity_trace(struct parity *parity, const json_t *fixture);

// losses.json: balanced BCE and Lovasz hinges, with gradients.
void parity_losses(struct parity *parity, const json_t *fixture);

// data.json: permutation, resize, nearest, dilation, run lengths, area threshold, learning rate.
void parity_data(struct parity *parity, const json_t *fixture);

#endif

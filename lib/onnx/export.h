// Networks as files of ONNX.
#ifndef PLEURA_ONNX_EXPORT_H
#define PLEURA_ONNX_EXPORT_H

#include "core/sink.h"
#include "nn/graph.h"
#include "weights/table.h"

// What a model says of itself, beside its graph.
struct onnx_property {
    const char *key, *value;
};

struct onnx_description {
    const char *name, *text; // of the graph; for people
    const char *input_text, *output_text;
    const struct onnx_property *properties;
    size_t property_count;
};

// Writes a network for prediction, with a table's weights, which must fit it: from its input
// (`image`: batch x channels x height x width of float32) to the probabilities of its first output
// (`probability`: batch x 1 x height x width), whatever the graph's own number of images. Fails
// with *error for a network with an operation that has no form in ONNX, for one that no file of
// ONNX can hold (2 GiB), and without memory; nothing is written then.
CHECKED bool onnx_export(struct sink sink, const struct graph *graph,
                         const struct weight_table *weights,
                         const struct onnx_description *description, struct error *error);

#endif

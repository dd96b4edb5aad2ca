// Encoders: what makes maps of images, each half as large and wider than the one before.
#ifndef PLEURA_MODELS_ENCODERS_ENCODERS_H
#define PLEURA_MODELS_ENCODERS_ENCODERS_H

#include "nn/graph.h"

// Maps at 1/2, 1/4, 1/8, 1/16 and 1/32 of the images' sides, as wide as the encoder makes them.
struct feature_maps {
    value_id at2, at4, at8, at16, at32;
};

// Builds the encoder on x, the normalised images; its parameters' names begin with `name`. `pool`
// is what halves the map at 1/2 in encoders that do so without parameters.
typedef value_id pooling(struct graph *graph, value_id x);
typedef struct feature_maps encoder(struct graph *graph, value_id x, const char *name,
                                    pooling *pool);

#define ENCODER(name) encoder encoder_##name;
#include "models/encoders/encoders.def"
#undef ENCODER

#endif

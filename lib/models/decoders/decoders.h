// Decoders: what makes heads of an encoder's maps.
#ifndef PLEURA_MODELS_DECODERS_DECODERS_H
#define PLEURA_MODELS_DECODERS_DECODERS_H

#include "models/encoders/encoders.h"
#include "models/models.h"

// Builds a network on x, the normalised images: the encoder, whose parameters' names begin as those
// of the published networks do, and the decoder; marks the outputs that model_build tells of.
typedef void decoder(struct graph *graph, value_id x, encoder *encode,
                     const struct model_options *options);

#define DECODER(name, text, min_side) decoder decoder_##name;
#include "models/decoders/decoders.def"
#undef DECODER

#endif

// Every network's builder.
#ifndef PLEURA_MODELS_NETWORKS_H
#define PLEURA_MODELS_NETWORKS_H

#include "models/models.h"

#define MODEL(function, name, least)                                                               \
    void function(struct graph *graph, value_id x, const struct model_options *options);
#include "models/models.def"
#undef MODEL

#endif

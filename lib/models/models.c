// The names of networks are the pairs of the rows of decoders.def and encoders.def.
#include "models/models.h"

#include "models/decoders/decoders.h"
#include "ops/ops.h"

#include <stdio.h>
#include <string.h>

enum { MAX_NAME = 40, MAX_CHOICES = 2000 };

static const char group_norm_ending[] = "-gn";

static const struct {
    const char *name;
    decoder *build;
    size_t min_side;
} decoders[] = {
#define DECODER(name, text, min_side) {text, decoder_##name, min_side},
#include "models/decoders/decoders.def"
#undef DECODER
};

static const struct {
    const char *name;
    encoder *build;
} encoders[] = {
#define ENCODER(name) {#name, encoder_##name},
#include "models/encoders/encoders.def"
#undef ENCODER
};

enum {
    DECODERS = sizeof decoders / sizeof *decoders,
    ENCODERS = sizeof encoders / sizeof *encoders,
    MODELS = DECODERS * ENCODERS,
};

const char *model_name(size_t index) {
    static char names[MODELS][MAX_NAME];
    if (index >= MODELS) {
        return NULL;
    }
    (void)snprintf(names[index], MAX_NAME, "%s-%s", decoders[index % DECODERS].name,
                   encoders[index / DECODERS].name);
    return names[index];
}

const char *model_choices(void) {
    static char choices[MAX_CHOICES];
    size_t length = 0;
    for (size_t i = 0; i < MODELS && length < MAX_CHOICES; i++) {
        length += (size_t)snprintf(choices + length, MAX_CHOICES - length, "%s%s", i > 0 ? "|" : "",
                                   model_name(i));
    }
    return choices;
}

struct layer_name model_full_name(const char *name, const char *norm) {
    const bool by_groups = norm != NULL && strcmp(norm, "gn") == 0;
    return graph_name("%s%s", name, by_groups ? group_norm_ending : "");
}

// A network, and what it is normalised by.
struct network {
    size_t index; // MODELS: there is none of that name
    enum graph_norm norm;
};

static struct network find(const char *full_name) {
    struct network network = {0, GRAPH_BATCH_NORM};
    for (; network.index < MODELS; network.index++) {
        const char *name = model_name(network.index);
        const size_t length = strlen(name);
        if (strncmp(name, full_name, length) == 0) {
            if (full_name[length] == 0) {
                break;
            }
            if (strcmp(full_name + length, group_norm_ending) == 0) {
                network.norm = GRAPH_GROUP_NORM;
                break;
            }
        }
    }
    return network;
}

bool model_known(const char *full_name) {
    return find(full_name).index < MODELS;
}

static bool size_fits(const struct model_options *options, size_t least, struct error *error) {
    const size_t sides[] = {options->height, options->width};
    if (options->images == 0) {
        return fail(error, "a batch of no images");
    }
    for (size_t i = 0; i < 2; i++) {
        if (sides[i] < least || sides[i] % MODEL_SIDE_STEP != 0 || sides[i] > MODEL_MAX_SIDE) {
            return fail(error, "sides of %zu x %zu: this network takes multiples of %d from %zu",
                        options->height, options->width, MODEL_SIDE_STEP, least);
        }
    }
    return true;
}

struct graph *model_build(const char *full_name, enum graph_mode mode,
                          const struct model_options *options, struct error *error) {
    const struct network network = find(full_name);
    const size_t index = network.index;
    if (index == MODELS) {
        (void)fail(error,
                   "there is no network '%s'; there are, each with '%s' behind it as well: %s",
                   full_name, group_norm_ending, model_choices());
        return NULL;
    }
    if (!size_fits(options, decoders[index % DECODERS].min_side, error)) {
        return NULL;
    }
    struct graph *graph = graph_new(mode);
    if (graph == NULL) {
        (void)fail(error, "no memory");
        return NULL;
    }
    graph_set_norm(graph, network.norm);
    const struct shape shape = {options->images, options->height, options->width,
                                options->gray ? 1 : 3};
    const value_id x = graph_input(graph, shape, options->gray ? STORAGE_BYTE : STORAGE_FLOAT);
    decoders[index % DECODERS].build(graph, normalise_input(graph, x),
                                     encoders[index / DECODERS].build, options);
    if (!graph_check(graph, error)) {
        graph_free(graph);
        return NULL;
    }
    if (options->recompute) {
        graph_recompute(graph);
    } else if (options->sparing) {
        graph_recompute_passes(graph);
    }
    return graph;
}

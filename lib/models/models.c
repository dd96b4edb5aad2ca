// The table of networks.
#include "models/models.h"

#include "models/networks.h"
#include "ops/ops.h"

#include <string.h>

static const struct {
    void (*build)(struct graph *graph, value_id x, const struct model_options *options);
    const char *name;
    size_t least;
} models[] = {
#define MODEL(function, name, least) {function, name, least},
#include "models/models.def"
#undef MODEL
};

bool model_known(const char *name) {
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        if (strcmp(models[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

const char *model_names(void) {
    return
#define MODEL(function, name, least) name " "
#include "models/models.def"
#undef MODEL
        ;
}

static bool size_fits(const struct model_options *options, size_t least, struct error *error) {
    const size_t sides[] = {options->height, options->width};
    if (options->images == 0) {
        return fail(error, "a batch of no images");
    }
    for (size_t i = 0; i < 2; i++) {
        if (sides[i] < least || sides[i] % 32 != 0 || sides[i] > 8192) {
            return fail(error, "sides of %zu x %zu: this network takes multiples of 32 from %zu",
                        options->height, options->width, least);
        }
    }
    return true;
}

struct graph *model_build(const char *name, enum graph_mode mode,
                          const struct model_options *options, struct error *error) {
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        if (strcmp(models[i].name, name) != 0) {
            continue;
        }
        if (!size_fits(options, models[i].least, error)) {
            return NULL;
        }
        struct graph *graph = graph_new(mode);
        if (graph == NULL) {
            (void)fail(error, "no memory");
            return NULL;
        }
        const struct shape shape = {options->images, options->height, options->width,
                                    options->gray ? 1 : 3};
        const value_id x = graph_input(graph, shape, options->gray ? STORAGE_BYTE : STORAGE_FLOAT);
        models[i].build(graph, image(graph, x), options);
        if (!graph_check(graph, error)) {
            graph_free(graph);
            return NULL;
        }
        if (options->recompute) {
            graph_recompute(graph);
        }
        return graph;
    }
    (void)fail(error, "there is no network '%s'; there are: %s", name, model_names());
    return NULL;
}

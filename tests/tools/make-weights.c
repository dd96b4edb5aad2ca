// make-weights: random weights of a network, for tests that need no trained ones: norms have
// statistics, and gammas and gates are open.
#include "core/numbers/random.h"
#include "models/models.h"
#include "program/cli/cli.h"
#include "program/die.h"
#include "program/output.h"
#include "weights/checkpoint.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct options {
    const char *norm;
    int64_t side, seed;
    struct common_options common;
};

// A number from -1 to 1, not near 0.
static double draw(struct random *random) {
    const double size = 0.25 + 0.75 * random_uniform(random);
    return random_below(random, 2) == 0 ? size : -size;
}

static float number_of(const struct parameter *parameter, struct random *random) {
    const double inputs = (double)(parameter->count / parameter->shape[0]);
    switch (parameter->role) {
    case ROLE_CONVOLUTION: return (float)(draw(random) * sqrt(4 / inputs));
    case ROLE_SCALE: return (float)(1 + 0.25 * draw(random));
    case ROLE_VARIANCE: return (float)(1.5 + 0.5 * draw(random));
    default: return (float)(0.2 * draw(random));
    }
}

static void add_parameter(struct weight_table *table, const struct parameter *parameter,
                          struct random *random) {
    struct error error;
    struct weight *weight = weight_table_add(table, text_of(parameter->name), parameter->rank,
                                             parameter->shape, &error);
    if (weight == NULL) {
        die("%s", error.text);
    }
    for (size_t i = 0; i < weight->count; i++) {
        weight->values[i] = number_of(parameter, random);
    }
}

int main(int argc, char **argv) {
    struct options options = {.norm = "bn", .side = 192, .common = cli_common_defaults()};
    const struct option_row rows[] = {
        {"norm", 'n', OPTION_CHOICE, &options.norm, MODEL_NORMS, "of the network", 0, 0,
         OPTION_SILENT},
        {"side", 's', OPTION_INTEGER, &options.side, "N", "of the images", MODEL_SIDE_STEP,
         MODEL_MAX_SIDE, OPTION_SILENT},
        {"seed", 'e', OPTION_INTEGER, &options.seed, "N", "of the numbers", 0, 1e9, OPTION_SILENT},
    };
    const struct program program = {
        .name = "make-weights",
        .summary = "random weights of a network",
        .usage = "[OPTION]... NETWORK",
        .description = "For tests.",
        .options = rows,
        .option_count = COUNT_OF(rows),
        .common = &options.common,
        .common_options = COMMON_OUTPUT,
        .min_operands = 1,
        .max_operands = 1,
    };
    const struct operands operands = cli_parse(&program, argc, argv);
    const size_t side = (size_t)options.side;
    const struct layer_name name = model_full_name(operands.items[0], options.norm);
    const struct model_options model = {
        .images = 2, .height = side, .width = side, .gray = true, .auxiliary = true};
    struct random random = random_seed((uint64_t)options.seed, 0, 0);
    struct weight_table table = {.bytes_left = SIZE_MAX, .side = options.side};
    const struct history history = {1, {text_of("make-weights")}};
    struct error error;
    struct graph *graph = model_build(name.text, GRAPH_TRAIN, &model, &error);
    if (graph == NULL) {
        die("%s", error.text);
    }
    for (int i = 0; i < graph_parameter_count(graph); i++) {
        add_parameter(&table, graph_parameter_at(graph, i), &random);
    }
    table.network = strdup(name.text);
    struct output *output = output_open(options.common.output, OUTPUT_BYTES);
    if (!checkpoint_write(output_sink(output), &table, &history, &error)) {
        die("%s", error.text);
    }
    output_close(output);
    weight_table_free(&table);
    graph_free(graph);
    return 0;
}

// cost: what networks cost, counted from their layers.
#include "nn/cost/cost.h"
#include "core/error.h"
#include "models/models.h"
#include "optimizer/optimizer.h"
#include "program/cli/cli.h"
#include "program/die.h"
#include "program/output.h"

#include <stdlib.h>
#include <string.h>

struct options {
    const char *optimizer;
    int64_t side, batch;
    bool json, average;
    struct common_options common;
};

static struct cost cost_of(const char *network, const struct options *options, bool train) {
    const struct model_options model = {.images = (size_t)options->batch,
                                        .height = (size_t)options->side,
                                        .width = (size_t)options->side,
                                        .gray = true,
                                        .auxiliary = train};
    struct error error;
    struct graph *graph = model_build(network, GRAPH_PREDICT, &model, &error);
    if (graph == NULL) {
        die("%s: %s", network, error.text);
    }
    const struct cost cost = graph_cost(graph);
    graph_free(graph);
    return cost;
}

// Bytes of the numbers in a checkpoint of weights, and in one that a run can go on from: with the
// optimiser's moments, the gradients and the moving average of all learned ones.
static void print_checkpoints(struct output *output, const struct cost *cost,
                              const struct options *options) {
    const struct optimizer_rule *rule = optimizer_rules[optimizer_named(options->optimizer)];
    const size_t kept = rule->moments + 1 + (options->average ? 1 : 0);
    output_printf(output, ",\"checkpoint\":%zu,\"resumable\":%zu", cost->values * sizeof(float),
                  (cost->values + kept * cost->parameters) * sizeof(float));
}

static void print(struct output *output, const char *network, const struct options *options) {
    const struct cost main = cost_of(network, options, false);
    const struct cost all = cost_of(network, options, true);
    const double train = COST_TRAINING * all.flop;
    if (options->json) {
        output_printf(output,
                      "{\"network\":\"%s\",\"side\":%lld,\"batch\":%lld,\"parameters\":%zu,"
                      "\"predict\":%.0f,\"forward\":%.0f,\"train\":%.0f",
                      network, (long long)options->side, (long long)options->batch, all.parameters,
                      main.flop, all.flop, train);
        if (options->optimizer != NULL) {
            print_checkpoints(output, &all, options);
        }
        output_printf(output, "}\n");
    } else {
        output_printf(output, "%-16s %12zu %14.4f %14.4f %14.4f\n", network, all.parameters,
                      main.flop * 1e-9, all.flop * 1e-9, train * 1e-9);
    }
}

int main(int argc, char **argv) {
    struct options options = {.side = 768, .batch = 1, .common = cli_common_defaults()};
    const struct option_row rows[] = {
        {"side", 's', OPTION_INTEGER, &options.side, "N", "of the images in the network",
         MODEL_SIDE_STEP, MODEL_MAX_SIDE, OPTION_SILENT},
        {"batch", 'b', OPTION_INTEGER, &options.batch, "N", "images at once", 1, 4096,
         OPTION_SILENT},
        {"json", 'j', OPTION_FLAG, &options.json, NULL, "one JSON line a network, in FLOP", 0, 0,
         OPTION_SILENT},
        {"optimizer", 0, OPTION_CHOICE, &options.optimizer, optimizer_choices(),
         "with --json also the bytes of a checkpoint of weights (checkpoint), and with what this "
         "optimiser keeps (resumable)",
         0, 0, OPTION_SILENT},
        {"ema", 0, OPTION_FLAG, &options.average, NULL,
         "with --optimizer: a moving average of the weights is kept as well", 0, 0, OPTION_SILENT},
    };
    const struct program program = {
        .name = "cost",
        .summary = "what networks cost: parameters and arithmetic",
        .purpose = PURPOSE_TRAIN,
        .usage = "[OPTION]... [NETWORK]...",
        .description =
            "Prints a line for each NETWORK, or for all there are: learned parameters, and the "
            "GFLOP (10^9 operations) of a batch, to predict with the main head alone, forward with "
            "all heads, and for a training step, which is taken for three times forward. A network "
            "with group normalisation is called NETWORK-gn, and costs as much.\n\n"
            "The arithmetic is counted from the layers' shapes, and nothing is run: two operations "
            "for every multiply-add of convolutions and matrix products. Norms, pooling, resizing "
            "and the loss, whose time goes to memory and not to arithmetic, count nothing.",
        .examples = "cost --batch 6\ncost --json --side 192 unet-resnet18 | jq .train",
        .options = rows,
        .option_count = COUNT_OF(rows),
        .common = &options.common,
        .common_options = COMMON_OUTPUT,
        .max_operands = -1,
    };
    const struct operands operands = cli_parse(&program, argc, argv);
    if (options.average && options.optimizer == NULL) {
        die_usage("--ema is of --optimizer");
    }
    if (options.optimizer != NULL && !options.json) {
        die_usage("--optimizer is of --json");
    }
    struct output *output = output_open(options.common.output, OUTPUT_TEXT);
    if (!options.json) {
        output_printf(output, "%-16s %12s %14s %14s %14s\n", "network", "parameters",
                      "predict GFLOP", "forward GFLOP", "train GFLOP");
    }
    for (int i = 0; i < operands.count; i++) {
        print(output, operands.items[i], &options);
    }
    for (size_t i = 0; operands.count == 0 && model_name(i) != NULL; i++) {
        print(output, model_name(i), &options);
    }
    output_close(output);
    return 0;
}

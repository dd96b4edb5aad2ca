// weights: files of weights into checkpoints, and checkpoints into .safetensors and ONNX.
#include "challenge/calibration/rule.h"
#include "challenge/labels.h"
#include "models/models.h"
#include "onnx/export.h"
#include "program/cli/cli.h"
#include "program/die.h"
#include "program/output.h"
#include "stream/digest.h"
#include "train/checkpoint/parameters.h"
#include "weights/checkpoint.h"
#include "weights/file.h"
#include "weights/safetensors/safetensors.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define USUAL_SIDE 768
#define MAX_PROPERTIES 10
#define MAX_PROPERTY 1100 // bytes of one's value

struct options {
    const char *network, *norm, *init_for, *to, *size, *rule, *state_dict;
    int64_t side, nth;
    struct common_options common;
};

// All names and shapes against those of the network, or of the part of it that starts from them.
static void check(const char *path, const struct weight_table *table, const char *network,
                  bool to_start) {
    const struct model_options model = {
        .images = 2, .height = 256, .width = 256, .gray = true, .auxiliary = true};
    struct error error;
    struct misfit misfit = {0};
    struct graph *graph = model_build(network, GRAPH_TRAIN, &model, &error);
    if (graph == NULL) {
        die("%s: %s", path, error.text);
    }
    const struct layer_name prefix =
        to_start ? parameters_prefix(graph, table) : graph_name("%s", "");
    if (!parameters_fit(graph, table, prefix.text, TAKE_ALL, &misfit)) {
        for (size_t i = 0; i < MISFIT_KINDS; i++) {
            if (misfit.names[i].count > 0) {
                warn("%s: %s: %s", path, misfit_words[i], name_list_end(&misfit.names[i]));
            }
        }
        die("%s: does not fit %s", path, network);
    }
    graph_free(graph);
}

static void set_network(struct weight_table *table, const char *network) {
    free(table->network);
    table->network = strdup(network);
    if (table->network == NULL) {
        die("no memory");
    }
}

// Whether `form`, such as "onnx", is what is to be written.
static bool is_to(const struct options *options, const char *form) {
    const char *path = options->common.output;
    const char *ending = path != NULL ? strrchr(path, '.') : NULL;
    return options->to != NULL ? strcmp(options->to, form) == 0
                               : ending != NULL && strcmp(ending + 1, form) == 0;
}

// Reads the network, or of several in the file the one that is asked for.
static void read_networks(const struct options *options, const char *path,
                          struct weight_table *table) {
    struct weight_table *tables = calloc(WEIGHTS_MAX_NETWORKS, sizeof *tables);
    size_t count = 0;
    struct error error;
    if (tables == NULL) {
        die("no memory");
    }
    tables->state_dict = options->state_dict;
    if (!weights_read_networks(path, tables, options->nth > 0 ? WEIGHTS_MAX_NETWORKS : 1, &count,
                               &error)) {
        die("%s", error.text);
    }
    if (options->nth > (int64_t)count) {
        die("%s: --nth %" PRId64 ": the file holds %zu", path, options->nth, count);
    }
    const size_t taken = options->nth > 0 ? (size_t)options->nth - 1 : 0;
    *table = tables[taken];
    for (size_t k = 0; k < count; k++) {
        if (k != taken) {
            weight_table_free(&tables[k]);
        }
    }
    free(tables);
}

static void read_table(const struct options *options, const char *path,
                       struct weight_table *table) {
    read_networks(options, path, table);
    if (table->network != NULL && !model_known(table->network)) {
        weight_table_note(table, "is of a network '%s', which is not known here", table->network);
        free(table->network);
        table->network = NULL;
    }
    if (!options->common.quiet) {
        weight_table_say(table, path);
    }
}

// Whether train-fold --init takes the file; writes nothing.
static void check_start(const struct options *options, const char *path) {
    struct weight_table table = {.count = 0};
    read_table(options, path, &table);
    check(path, &table, model_full_name(options->init_for, options->norm).text, true);
    weight_table_free(&table);
}

// ---- to ONNX

// What the model says of itself: keys, and values in memory of their own.
struct properties {
    struct onnx_property list[MAX_PROPERTIES];
    char values[MAX_PROPERTIES][MAX_PROPERTY];
    size_t count;
};

__attribute__((format(printf, 3, 4))) static void add_property(struct properties *properties,
                                                               const char *key, const char *format,
                                                               ...) {
    char *value = properties->values[properties->count];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(value, MAX_PROPERTY, format, arguments);
    va_end(arguments);
    properties->list[properties->count++] = (struct onnx_property){key, value};
}

// The XXH3 of a file's bytes, which a pipe does not give a second time.
static void add_digest(struct properties *properties, const char *path) {
    unsigned char piece[1 << 16];
    struct stat status;
    FILE *file = fopen(path, "rb");
    struct digest *digest = digest_new();
    if (file == NULL || digest == NULL || fstat(fileno(file), &status) != 0) {
        die("%s: cannot be read again", path);
    }
    if (!S_ISREG(status.st_mode)) {
        warn("%s: is no file, so the model does not say its digest", path);
    } else {
        for (size_t count = 0; (count = fread(piece, 1, sizeof piece, file)) > 0;) {
            digest_add(digest, piece, count);
        }
        if (ferror(file)) {
            die("%s: cannot be read again", path);
        }
        add_property(properties, "weights_xxh3", "%016" PRIx64, digest_value(digest));
    }
    digest_free(digest);
    (void)fclose(file);
}

static void add_rule(struct properties *properties, const struct options *options) {
    struct rule rule;
    struct error error;
    if (!rule_read(&rule, options->rule, options->common.max_record, &error)) {
        die("%s", error.text);
    }
    add_property(properties, "rule", "{\"decide\":%.17g,\"%s\":%.17g,\"mask\":%.17g}", rule.decide,
                 rule_limit_name(rule.kind), rule.limit, rule.mask);
}

static const char notice[] =
    "Research software. It is not a medical device, and nothing it gives is a finding.";

static void describe(struct properties *properties, const struct options *options,
                     const struct operands *operands, const char *network,
                     const struct model_options *model) {
    add_property(properties, "notice", "%s", notice);
    add_property(properties, "network", "%s", network);
    add_property(properties, "side", "%zu", model->height);
    add_property(properties, "size", "%zux%zu", model->out_height, model->out_width);
    add_property(properties, "normalisation",
                 "in the model: gray levels from 0 to 255 come in as they are");
    add_property(properties, "history", "%s", operands->history);
    add_digest(properties, operands->items[0]);
    if (options->rule != NULL) {
        add_rule(properties, options);
    }
}

// The network's prediction form, which needs the main head's weights alone.
static void export(const struct options *options, const struct operands *operands,
                   const struct weight_table *table, struct output *output) {
    const size_t side = table->side > 0 ? (size_t)table->side : USUAL_SIDE;
    struct model_options model = {.images = 1,
                                  .height = side,
                                  .width = side,
                                  .gray = true,
                                  .out_height = side,
                                  .out_width = side};
    struct properties properties = {.count = 0};
    const char *path = operands->items[0];
    struct error error;
    if (table->network == NULL) {
        die("%s: does not say which network it is of: --network NAME", path);
    }
    if (options->size != NULL &&
        !labels_parse_size(options->size, &model.out_height, &model.out_width, &error)) {
        die_usage("--size %s", error.text);
    }
    struct graph *graph = model_build(table->network, GRAPH_PREDICT, &model, &error);
    if (graph == NULL || !parameters_check(graph, table, "", TAKE_NEEDED, &error)) {
        die("%s: %s", path, error.text);
    }
    describe(&properties, options, operands, table->network, &model);
    const struct onnx_description description = {
        .name = table->network,
        .text = notice,
        .input_text = "chest X-rays: gray levels from 0 to 255, air dark",
        .output_text = "each pixel's probability of belonging to a pneumothorax",
        .properties = properties.list,
        .property_count = properties.count};
    if (!onnx_export(output_sink(output), graph, table, &description, &error)) {
        die("%s: %s", path, error.text);
    }
    graph_free(graph);
}

// ---- conversion

static void write_table(const struct options *options, const struct operands *operands,
                        const struct weight_table *table, struct output *output) {
    struct history history = {.count = 0};
    struct error error;
    if (table->network != NULL) {
        check(operands->items[0], table, table->network, false);
    }
    history_add(&history, text_of(operands->history));
    if (!(is_to(options, "safetensors")
              ? safetensors_write(output_sink(output), table, &error)
              : checkpoint_write(output_sink(output), table, &history, &error))) {
        die("%s", error.text);
    }
}

static void convert(const struct options *options, const struct operands *operands) {
    struct weight_table table = {.count = 0};
    struct output *output = output_open(options->common.output, OUTPUT_BYTES);
    read_table(options, operands->items[0], &table);
    if (options->network != NULL) {
        set_network(&table, model_full_name(options->network, options->norm).text);
    }
    if (options->side > 0) {
        table.side = options->side;
    }
    if (is_to(options, "onnx")) {
        export(options, operands, &table, output);
    } else {
        write_table(options, operands, &table, output);
    }
    output_close(output);
    weight_table_free(&table);
}

static const char description[] =
    "Reads a checkpoint, a .safetensors file, a model of ONNX or a PyTorch .pth (a state_dict, in "
    "a zip archive or the older form), told apart by content, and writes it as a checkpoint or "
    "as .safetensors, in float32, or as a model of ONNX.\n\n"
    "Of a .pth only tensors are read and nothing in it is executed: what would have to be "
    "is passed over as a whole, with the tensors in it. The state_dict is what the "
    "outermost dict has as `state_dict`, `model_state_dict`, `model_state`, `model`, "
    "`net`, `network`, `weights`, `params`, `module`, `ema`, `model_ema` or "
    "`state_dict_ema`, the first of these that holds tensors, there or by the same names "
    "below it; else that dict itself; else the dict with most tensors under any other "
    "name. --state-dict says otherwise. Prefixes that all names share (`module.`, `model.`, "
    "`net.`, `_orig_mod.`, "
    "`encoder.`, `backbone.` and their like, several in a row) are taken away, and "
    "`encoder.model.`, where segmentation_models_pytorch has timm's encoders (tu-NAME), is "
    "`encoder.`. What is passed over, left out or changed is said, a line each. "
    "Complex, quantized, sparse and 8-bit floating numbers are left out.\n\n"
    "Of a model of ONNX the floating initialisers are taken, by all their names. What exporters "
    "have folded into convolutions is lost, and a file whose numbers lie in others (external data) "
    "is refused: docs/onnx.md says how to export.\n\n"
    "To ONNX (opset 17, for ONNX Runtime 1.16 and others) goes the whole network as it predicts, "
    "norms folded: `image`, batch x 1 x side x side of float32, gray levels from 0 to 255 as they "
    "are, to `probability`, batch x 1 x height x width, of any number of images. Metadata say what "
    "it is: `network`, `side`, `size`, `normalisation`, `weights_xxh3` (FILE's, as xxhsum -H3 "
    "prints it), `history`, `rule` (JSON), `notice`.\n\n"
    "However a file is made, reading it takes at most 64 MiB, or four times its size, and "
    "less than a second a megabyte.\n\n"
    "Where the network is known, names and shapes must be its own: what is missing, "
    "surplus or of another shape is listed, and nothing is written. `pam.key_conv`, "
    "a classifier's last layers (`fc`; timm's `classifier`, `conv_head`, `bn2`), "
    "`num_batches_tracked` and AlbuNet's second names of its encoder (`conv2.0...`) "
    "are of no use and allowed.\n\n"
    "torchvision's resnet18, resnet34 and resnet50, timm's seresnext50_32x4d (here "
    "se_resnext50_32x4d) and efficientnet_b4 are encoders of ours, no networks; "
    "train-fold --init takes their files for the network's encoder, from any of these "
    "kinds. --init-for says so beforehand: it ends with 0 and prints nothing but notices "
    "where the file has the network's weights or its encoder's, and else lists what keeps "
    "it from that and ends with 1.";

int main(int argc, char **argv) {
    struct options options = {.common = cli_common_defaults()};
    const struct option_row rows[] = {
        {"network", 'n', OPTION_CHOICE, &options.network, model_choices(),
         "what the weights are of (default: as the file says, else unknown)", 0, 0,
         OPTION_RECORDED},
        {"init-for", 0, OPTION_CHOICE, &options.init_for, model_choices(),
         "only check that train-fold --init takes the file for this network: nothing is written", 0,
         0, OPTION_SILENT},
        {"norm", 0, OPTION_CHOICE, &options.norm, MODEL_NORMS,
         "what the network of --network or --init-for is normalised by (default: bn)", 0, 0,
         OPTION_RECORDED},
        {"side", 0, OPTION_INTEGER, &options.side, "N",
         "the images' side that the network was trained with; to ONNX, that it is made for "
         "(default "
         "there: as the file says, else 768)",
         MODEL_SIDE_STEP, MODEL_MAX_SIDE, OPTION_RECORDED},
        {"to", 't', OPTION_CHOICE, &options.to, "checkpoint|safetensors|onnx",
         "(default: by the ending of -o; else a checkpoint)", 0, 0, OPTION_RECORDED},
        {"size", 's', OPTION_TEXT, &options.size, "HxW",
         "to ONNX: of the probabilities that come out (default: the side's)", 0, 0,
         OPTION_RECORDED},
        {"nth", 0, OPTION_INTEGER, &options.nth, "N",
         "of several networks one behind another in FILE the N-th", 1, WEIGHTS_MAX_NETWORKS,
         OPTION_RECORDED},
        {"state-dict", 0, OPTION_TEXT, &options.state_dict, "NAME",
         "of a .pth that has several, such as one with a moving average (state_dict_ema): take the "
         "one of this name, or names with slashes between (default: see above)",
         0, 0, OPTION_RECORDED},
        {"rule", 0, OPTION_FILE, &options.rule, "STREAM",
         "to ONNX: the model's metadata tell the rule that calibrate wrote", 0, 0, OPTION_RECORDED},
    };
    const struct program program = {
        .name = "weights",
        .summary = "convert weights from and to .pth, .safetensors, ONNX and checkpoints",
        .purpose = PURPOSE_TRAIN,
        .usage = "[OPTION]... FILE",
        .description = description,
        .examples = "weights --network unet-resnet18 unet.pth -o unet.mpk\n"
                    "weights --state-dict state_dict_ema model_best.pth.tar -o ema.safetensors\n"
                    "weights fold0/best.mpk -o fold0.safetensors\n"
                    "weights fold0/best.mpk --size 1024x1024 -o fold0.onnx\n"
                    "weights --init-for unet-resnet18 resnet18-f37072fd.pth",
        .options = rows,
        .option_count = COUNT_OF(rows),
        .common = &options.common,
        .common_options = COMMON_OUTPUT | COMMON_QUIET,
        .min_operands = 1,
        .max_operands = 1,
    };
    const struct operands operands = cli_parse(&program, argc, argv);
    if (options.norm != NULL && options.network == NULL && options.init_for == NULL) {
        die_usage("--norm is of the network that --network or --init-for names");
    }
    if ((options.size != NULL || options.rule != NULL) && !is_to(&options, "onnx")) {
        die_usage("--size and --rule are of a model of ONNX");
    }
    if (options.init_for == NULL) {
        convert(&options, &operands);
    } else if (options.network != NULL || options.to != NULL || options.common.output != NULL) {
        die_usage("--init-for converts nothing: --network, --to and -o do not go with it");
    } else {
        check_start(&options, operands.items[0]);
    }
    return 0;
}

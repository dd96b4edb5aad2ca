// The figures of the networks: outputs, loss, gradients, running statistics, and how parameters
// move in training, on hash-made parameters and inputs.
#include "parity.h"
#include "program/die.h"

#include "core/error.h"
#include "loss/bce/bce.h"
#include "loss/lovasz/lovasz.h"
#include "loss/total_loss.h"
#include "models/models.h"
#include "nn/executor.h"
#include "train/optimizer.h"
#include "train/schedule.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bench {
    struct backend *backend;
    struct graph *graph;
    struct executor *executor;
    bool train;
    size_t images, height, width, out_height, out_width, heads, outputs;
    struct loss_options loss;
    uint8_t *masks;
};

static void *need(size_t count, size_t size) {
    void *memory = calloc(count + 1, size);
    if (memory == NULL) {
        die("no memory");
    }
    return memory;
}

// ---- what a case is made of

// As every implementation fills them: a range by name and shape.
static void hash_parameter(const struct parameter *parameter, float *values) {
    const size_t length = strlen(parameter->name);
    double *numbers = need(parameter->count, sizeof *numbers);
    double centre = 0;
    double spread = 0.1;
    if (parameter->role == ROLE_VARIANCE) {
        centre = 1;
        spread = 0.5;
    } else if (parameter->role != ROLE_MEAN && strstr(parameter->name, "gamma") != NULL) {
        centre = 0.5;
    } else if (parameter->rank == 4 || parameter->rank == 2) {
        spread = sqrt(6.0 / (double)(parameter->count / parameter->shape[0]));
    } else if (length > 6 && strcmp(parameter->name + length - 6, "weight") == 0) {
        centre = 1;
        spread = 0.2;
    }
    hash_uniform(parameter->name, parameter->count, numbers);
    for (size_t i = 0; i < parameter->count; i++) {
        values[i] = (float)(centre + spread * numbers[i]);
    }
    free(numbers);
}

static void fill_parameters(struct bench *bench) {
    const size_t count = executor_value_count(bench->executor);
    float *values = need(count, sizeof *values);
    for (int i = 0; i < graph_parameter_count(bench->graph); i++) {
        const struct parameter *parameter = graph_parameter_at(bench->graph, i);
        hash_parameter(parameter, values + parameter->offset);
    }
    bench->backend->calls->put(bench->backend, executor_values(bench->executor), values,
                               count * sizeof *values);
    executor_changed(bench->executor);
    free(values);
}

// The input is made in NCHW order and put in NHWC.
static void fill_input(struct bench *bench, const json_t *fixture, int64_t step) {
    const size_t plane = bench->height * bench->width;
    const size_t count = bench->images * 3 * plane;
    double *numbers = need(count, sizeof *numbers);
    float *input = need(count, sizeof *input);
    char name[300];
    (void)snprintf(name, sizeof name, step > 0 ? "%s:%lld" : "%s", text_member(fixture, "input"),
                   (long long)step);
    hash_uniform(name, count, numbers);
    for (size_t image = 0; image < bench->images; image++) {
        for (size_t c = 0; c < 3; c++) {
            for (size_t i = 0; i < plane; i++) {
                input[(image * plane + i) * 3 + c] = (float)numbers[(image * 3 + c) * plane + i];
            }
        }
    }
    bench->backend->calls->put(bench->backend, executor_input(bench->executor), input,
                               count * sizeof *input);
    free(numbers);
    free(input);
}

static void fill_masks(struct bench *bench, const json_t *fixture) {
    size_t k;
    const json_t *box;
    bench->masks = need(bench->images * bench->out_height * bench->out_width, 1);
    json_array_foreach(member(fixture, "target_boxes"), k, box) {
        size_t bounds[5];
        for (size_t i = 0; i < 5; i++) {
            bounds[i] = (size_t)json_integer_value(json_array_get(box, i));
        }
        if (bounds[0] >= bench->images || bounds[2] > bench->out_height ||
            bounds[4] > bench->out_width) {
            die("a box of a fixture lies outside of its image");
        }
        for (size_t y = bounds[1]; y < bounds[2]; y++) {
            for (size_t x = bounds[3]; x < bounds[4]; x++) {
                bench->masks[(bounds[0] * bench->out_height + y) * bench->out_width + x] = 1;
            }
        }
    }
}

static struct loss_options loss_of_fixture(const json_t *fixture) {
    struct loss_options loss = loss_options_usual();
    loss.weights[LOSS_lovasz] = number_member(fixture, "lambda_lovasz");
    loss.weights[LOSS_global] = number_member(fixture, "lambda_cls");
    loss.values[LOSS_bce][BCE_ALPHA] = number_member(fixture, "alpha");
    loss.values[LOSS_lovasz][LOVASZ_MARGIN_LESION] = number_member(fixture, "margin_pos");
    return loss;
}

static struct bench open_bench(const struct parity *parity, const json_t *fixture,
                               enum graph_mode mode) {
    const json_t *out = member(fixture, "out");
    struct error error;
    enum precision precision;
    struct bench bench = {.train = mode == GRAPH_TRAIN,
                          .images = (size_t)integer_member(fixture, "batch"),
                          .height = (size_t)integer_member(fixture, "height"),
                          .width = (size_t)integer_member(fixture, "width"),
                          .out_height = (size_t)json_integer_value(json_array_get(out, 0)),
                          .out_width = (size_t)json_integer_value(json_array_get(out, 1)),
                          .loss = loss_of_fixture(fixture)};
    const struct model_options options = {.images = bench.images,
                                          .height = bench.height,
                                          .width = bench.width,
                                          .out_height = bench.out_height,
                                          .out_width = bench.out_width,
                                          .auxiliary = true};
    if (!precision_named(parity->precision, &precision)) {
        die_usage("--precision is f32 or bf16");
    }
    bench.backend = backend_open(parity->device, precision, 0, &error);
    if (bench.backend == NULL) {
        die("%s", error.text);
    }
    bench.graph = model_build(text_member(fixture, "network"), mode, &options, &error);
    if (bench.graph == NULL) {
        die("%s: %s", parity->fixture, error.text);
    }
    bench.executor = executor_new(bench.graph, bench.backend, &error);
    if (bench.executor == NULL) {
        die("%s: %s", parity->fixture, error.text);
    }
    bench.outputs = (size_t)graph_output_count(bench.graph);
    bench.heads = (size_t)graph_map_count(bench.graph);
    fill_parameters(&bench);
    fill_masks(&bench, fixture);
    return bench;
}

static void close_bench(struct bench *bench) {
    executor_free(bench->executor);
    graph_free(bench->graph);
    backend_close(bench->backend);
    free(bench->masks);
}

static void *device_memory(struct backend *backend, size_t bytes) {
    void *memory = backend->calls->alloc(backend, bytes);
    if (memory == NULL) {
        die("no memory on the device");
    }
    return memory;
}

// Numbers of a device as the host's; the caller frees.
static float *fetch(const struct bench *bench, const float *numbers, size_t count) {
    float *copy = need(count, sizeof *copy);
    bench->backend->calls->get(bench->backend, copy, numbers, count * sizeof *copy);
    return copy;
}

// The loss as the device makes it; in training its gradients (times `scale`) lie where backward
// reads them.
static double loss_of(struct bench *bench, double scale) {
    struct backend *backend = bench->backend;
    struct executor *executor = bench->executor;
    const size_t pixels = bench->out_height * bench->out_width;
    const size_t count = bench->images * pixels;
    void *memory[MAX_LOSS_HEADS + 4] = {NULL}; // what is the device's and to be released
    size_t held = 0;
    struct loss_inputs inputs = {.heads = bench->heads, .images = bench->images, .pixels = pixels};
    for (size_t i = 0; i < bench->outputs; i++) {
        const bool last = i == bench->heads;
        const float *logits = executor_output(executor, (int)i);
        float *gradient = bench->train ? executor_output_gradient(executor, (int)i)
                                       : device_memory(backend, count * sizeof(float));
        *(last ? &inputs.global : &inputs.logits[i]) = logits;
        *(last ? &inputs.global_gradient : &inputs.gradients[i]) = gradient;
        if (!bench->train) {
            memory[held++] = gradient;
        }
    }
    uint8_t *masks = device_memory(backend, count);
    struct loss_sums *on_device = device_memory(backend, sizeof *on_device);
    inputs.masks = masks;
    void *scratch =
        device_memory(backend, training_of(backend)->loss_scratch(backend, &inputs, &bench->loss));
    memory[held++] = masks;
    memory[held++] = on_device;
    memory[held++] = scratch;
    backend->calls->put(backend, masks, bench->masks, count);
    training_of(backend)->loss(backend, &inputs, &bench->loss, scale, on_device, scratch);
    struct loss_sums sums;
    backend->calls->get(backend, &sums, on_device, sizeof sums);
    for (size_t i = 0; i < held; i++) {
        backend->calls->release(backend, memory[i]);
    }
    return sums.total;
}

// ---- comparing

static void report(struct parity *parity, const char *figure, double error, double tolerance) {
    char text[120];
    if (tolerance < 0) {
        return;
    }
    (void)snprintf(text, sizeof text, "%s: error %.2e, allowed %.2e", figure, error, tolerance);
    parity_figure(parity, text, error <= tolerance);
}

static double outputs_error(const struct bench *bench, const json_t *fixture) {
    double worst = 0;
    const json_t *outputs = member(fixture, "outputs");
    for (size_t i = 0; i < bench->outputs; i++) {
        const size_t count =
            bench->images * (i < bench->heads ? bench->out_height * bench->out_width : 1);
        float *values = fetch(bench, executor_output(bench->executor, (int)i), count);
        const double error = described_error(json_array_get(outputs, i), values);
        worst = error > worst ? error : worst;
        free(values);
    }
    return worst;
}

static const struct parameter *named(const struct bench *bench, const json_t *description) {
    const struct parameter *parameter =
        graph_parameter_named(bench->graph, text_member(description, "name"));
    if (parameter == NULL) {
        die("the network has no parameter %s", text_member(description, "name"));
    }
    return parameter;
}

static int ascending(const void *a, const void *b) {
    const double one = *(const double *)a;
    const double other = *(const double *)b;
    return one < other ? -1 : one > other;
}

// Errors of all described tensors, ascending; `from` holds every parameter at its offset.
static double *described_errors(const struct bench *bench, const json_t *descriptions,
                                const float *from, size_t total) {
    const size_t count = json_array_size(descriptions);
    double *errors = need(count, sizeof *errors);
    float *all = fetch(bench, from, total);
    for (size_t i = 0; i < count; i++) {
        const json_t *description = json_array_get(descriptions, i);
        const struct parameter *parameter = named(bench, description);
        errors[i] = described_error(description, all + parameter->offset);
    }
    free(all);
    qsort(errors, count, sizeof *errors, ascending);
    return errors;
}

static double median(const double *sorted, size_t count) {
    return count == 0 ? 0 : (sorted[(count - 1) / 2] + sorted[count / 2]) / 2;
}

void parity_network(struct parity *parity, const json_t *fixture) {
    const bool train = strcmp(text_member(fixture, "mode"), "train") == 0;
    struct bench bench = open_bench(parity, fixture, train ? GRAPH_TRAIN : GRAPH_PREDICT);
    fill_input(&bench, fixture, 0);
    executor_begin(bench.executor, 0);
    executor_forward(bench.executor);
    const double loss = loss_of(&bench, 1);
    report(parity, "outputs", outputs_error(&bench, fixture),
           parity_tolerance(parity, fixture, "outputs"));
    report(parity, "loss", fabs(loss / number_member(fixture, "loss") - 1),
           parity_tolerance(parity, fixture, "loss"));
    if (train) {
        const json_t *gradients = member(fixture, "gradients");
        const json_t *statistics = member(fixture, "buffers_after");
        const size_t count = json_array_size(gradients);
        executor_backward(bench.executor);
        double *errors = described_errors(&bench, gradients, executor_gradients(bench.executor),
                                          executor_learned_count(bench.executor));
        report(parity, "gradients, median", median(errors, count),
               parity_tolerance(parity, fixture, "gradients_median"));
        report(parity, "gradients, greatest", errors[count - 1],
               2 * parity_tolerance(parity, fixture, "gradients_max"));
        free(errors);
        if (json_array_size(statistics) > 0) { // group norms have none
            errors = described_errors(&bench, statistics, executor_values(bench.executor),
                                      executor_value_count(bench.executor));
            report(parity, "running statistics", errors[json_array_size(statistics) - 1],
                   parity_tolerance(parity, fixture, "statistics"));
            free(errors);
        }
    }
    close_bench(&bench);
}

void parity_trace(struct parity *parity, const json_t *fixture) {
    struct bench bench = open_bench(parity, fixture, GRAPH_TRAIN);
    const json_t *trace = member(fixture, "trace");
    const json_t *after = member(fixture, "parameters_after");
    const int64_t accumulate = integer_member(fixture, "accumulate");
    struct optimizer_options rule = optimizer_options_usual();
    struct optimizer optimizer;
    struct error error;
    double worst = 0;
    rule.accumulate = accumulate;
    if (!optimizer_open(&optimizer, &rule, bench.backend, bench.graph, bench.executor, &error)) {
        die("%s", error.text);
    }
    for (int64_t step = 1; step <= integer_member(fixture, "steps"); step++) {
        fill_input(&bench, fixture, step);
        executor_begin(bench.executor, 0);
        executor_forward(bench.executor);
        const double loss = loss_of(&bench, 1 / (double)accumulate);
        const double wanted = number_member(json_array_get(trace, (size_t)step - 1), "loss");
        worst = fmax(worst, fabs(loss / wanted - 1));
        executor_backward(bench.executor);
        optimizer_add(&optimizer);
        if (step % accumulate == 0) {
            const struct schedule usual = schedule_usual();
            const double rate =
                schedule_rate(&usual, step - accumulate, integer_member(fixture, "n_iter"),
                              number_member(fixture, "lr"), 0);
            optimizer_begin(&optimizer, rate, number_member(fixture, "weight_decay"));
            optimizer_queue(&optimizer);
            executor_changed(bench.executor);
        }
    }
    double *errors = described_errors(&bench, after, executor_values(bench.executor),
                                      executor_value_count(bench.executor));
    report(parity, "losses", worst, parity_tolerance(parity, fixture, "loss_max"));
    report(parity, "parameters", errors[json_array_size(after) - 1],
           parity_tolerance(parity, fixture, "parameters_max"));
    free(errors);
    optimizer_close(&optimizer);
    close_bench(&bench);
}

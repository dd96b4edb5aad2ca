// Saving and loading a training run.
#include "train/checkpoint/checkpoint.h"

#include "stream/reader.h"
#include "stream/statistics.h"
#include "weights/checkpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The arrays that a run keeps of its learned parameters: the optimiser's moments, behind them the
// gradients gathered so far, and last the moving average, if there is one.
enum { MAX_KEPT = MAX_MOMENTS + 2 };

static const char *learned_name(const struct optimizer_rule *rule, size_t index) {
    return index < rule->moments    ? rule->moment[index].name
           : index == rule->moments ? "gradient"
                                    : "average";
}

// The device's array of that index.
static float *learned_on_device(const struct optimizer *optimizer, size_t index) {
    const size_t moments = optimizer_rule_of(optimizer)->moments;
    return index < moments    ? optimizer->moments[index]
           : index == moments ? optimizer->gradients
                              : optimizer->average;
}

// How many of them there are.
static size_t kept_arrays(const struct optimizer *optimizer) {
    return optimizer_rule_of(optimizer)->moments + 1 + (optimizer->average != NULL);
}

// ---- writing

static struct tensor tensor_of(const struct parameter *parameter, const float *values) {
    struct tensor tensor = {.type = DTYPE_F4,
                            .rank = parameter->rank,
                            .data = values,
                            .bytes = parameter->count * sizeof *values};
    memcpy(tensor.shape, parameter->shape, parameter->rank * sizeof *tensor.shape);
    return tensor;
}

// A run that is written, and memory for one record's tensors, `stride` numbers each: arrays as
// large as the network are not copied.
struct saving {
    const struct optimizer *optimizer;
    bool averaged; // learned values are the moving average's
    size_t stride;
    float *host;
};

// The parameter's part of a device's array, as the `index`-th tensor of a record.
static struct tensor fetched(const struct saving *saving, const struct parameter *parameter,
                             const float *array, size_t index) {
    struct backend *backend = saving->optimizer->backend;
    float *host = saving->host + index * saving->stride;
    backend->calls->get(backend, host, array + parameter->offset, parameter->count * sizeof *host);
    return tensor_of(parameter, host);
}

static bool write_parameters(struct stream_writer *writer, const struct saving *saving,
                             struct error *error) {
    const struct optimizer *optimizer = saving->optimizer;
    for (int i = 0; i < graph_parameter_count(optimizer->graph); i++) {
        const struct parameter *parameter = graph_parameter_at(optimizer->graph, i);
        const float *array = saving->averaged && graph_role_is_learned(parameter->role)
                                 ? optimizer->average
                                 : executor_values(optimizer->executor);
        const struct tensor tensor = fetched(saving, parameter, array, 0);
        const struct field field = {text_of(CHECKPOINT_VALUE), value_tensor(&tensor)};
        const struct record record = {text_of(parameter->name), 1, &field};
        if (!stream_add(writer, &record, error)) {
            return false;
        }
    }
    return true;
}

static bool write_optimizer(struct stream_writer *writer, const struct saving *saving,
                            struct error *error) {
    const struct optimizer *optimizer = saving->optimizer;
    const size_t kept = kept_arrays(optimizer);
    for (int i = 0; i < graph_parameter_count(optimizer->graph); i++) {
        const struct parameter *parameter = graph_parameter_at(optimizer->graph, i);
        char id[NAME_SIZE + sizeof CHECKPOINT_OPTIMIZER];
        struct tensor tensors[MAX_KEPT];
        struct field fields[MAX_KEPT];
        if (!graph_role_is_learned(parameter->role)) {
            continue;
        }
        (void)snprintf(id, sizeof id, "%s%s", CHECKPOINT_OPTIMIZER, parameter->name);
        for (size_t k = 0; k < kept; k++) {
            tensors[k] = fetched(saving, parameter, learned_on_device(optimizer, k), k);
            fields[k] = (struct field){text_of(learned_name(optimizer_rule_of(optimizer), k)),
                                       value_tensor(&tensors[k])};
        }
        const struct record record = {text_of(id), kept, fields};
        if (!stream_add(writer, &record, error)) {
            return false;
        }
    }
    return true;
}

static bool write_weights(struct stream_writer *writer, const struct saving *saving,
                          const struct training_state *state, struct error *error) {
    return write_parameters(writer, saving, error) && training_state_write(writer, state, error);
}

// One of the checkpoint's streams: the weights, or (`state` is NULL) what the optimiser remembers.
// The first has an end mark of its own, and whoever predicts need not read on.
static bool write_stream(struct sink sink, const struct saving *saving,
                         const struct training_state *state, const struct history *history,
                         struct error *error) {
    struct stream_writer *writer = stream_begin(sink, KIND_WEIGHTS, history, error);
    const bool written =
        writer != NULL && (state != NULL ? write_weights(writer, saving, state, error)
                                         : write_optimizer(writer, saving, error));
    if (written) {
        stream_finish(writer);
    } else {
        stream_abandon(writer);
    }
    return written;
}

bool training_write(struct sink sink, const struct optimizer *optimizer,
                    const struct training_state *state, bool resumable,
                    const struct history *history, struct error *error) {
    struct saving saving = {.optimizer = optimizer,
                            .averaged = !resumable && optimizer->average != NULL};
    for (int i = 0; i < graph_parameter_count(optimizer->graph); i++) {
        const size_t count = graph_parameter_at(optimizer->graph, i)->count;
        saving.stride = count > saving.stride ? count : saving.stride;
    }
    saving.host = malloc(kept_arrays(optimizer) * saving.stride * sizeof *saving.host + 1);
    if (saving.host == NULL) {
        return fail(error, "no memory for a checkpoint");
    }
    const bool written = write_stream(sink, &saving, state, history, error) &&
                         (!resumable || write_stream(sink, &saving, NULL, history, error));
    free(saving.host);
    return written;
}

// ---- reading

// Whether all values of a parameter are such that a run can have left them there.
static bool check_values(const struct tensor *tensor, const char *name,
                         const struct parameter *parameter, bool variance, struct error *error) {
    struct tensor_statistics statistics;
    if (!tensor_finite(tensor)) {
        return fail(error, "'%s' of %s holds a number that is not finite", name, parameter->name);
    }
    return !variance || !tensor_statistics(tensor, &statistics) || statistics.min >= 0 ||
           fail(error, "'%s' of %s is a variance below 0: %g", name, parameter->name,
                statistics.min);
}

// Puts a record's tensor into the parameter's part of a device's array.
static bool put_tensor(const struct optimizer *optimizer, const struct record *record,
                       const char *name, const struct parameter *parameter, bool variance,
                       float *array, struct error *error) {
    struct backend *backend = optimizer->backend;
    const struct tensor *tensor = NULL;
    if (!record_tensor(record, name, parameter->rank, &tensor, error)) {
        return false;
    }
    if (tensor->type != DTYPE_F4 ||
        memcmp(tensor->shape, parameter->shape, tensor->rank * sizeof *tensor->shape) != 0) {
        return fail(error, "'%s' of %s has another type or shape", name, parameter->name);
    }
    if (!check_values(tensor, name, parameter, variance, error)) {
        return false;
    }
    backend->calls->put(backend, array + parameter->offset, tensor->data, tensor->bytes);
    return true;
}

// A checkpoint that is being read, and which of its records have come.
struct loading {
    const struct optimizer *optimizer;
    const struct graph *graph;
    const struct training_plan *plan;
    struct training_state *state;
    bool *has_value, *has_learned; // of each parameter: its values; its moments and gradient
    bool has_state;
};

// A record comes once, with as many values as the run wrote.
static bool take_record(bool *has, const struct record *record, size_t values,
                        struct error *error) {
    if (*has) {
        return fail(error, "'%.*s' a second time", TEXT_ARG(record->id));
    }
    *has = true;
    return record->count == values || fail(error, "'%.*s' has %zu values, and must have %zu",
                                           TEXT_ARG(record->id), record->count, values);
}

// The index of a parameter, -1 where there is none of this name.
static int find_parameter(const struct graph *graph, struct text name) {
    for (int i = 0; i < graph_parameter_count(graph); i++) {
        if (text_is(name, graph_parameter_at(graph, i)->name)) {
            return i;
        }
    }
    return -1;
}

static bool read_value(struct loading *loading, const struct record *record, int index,
                       struct error *error) {
    const struct parameter *parameter = graph_parameter_at(loading->graph, index);
    return take_record(&loading->has_value[index], record, 1, error) &&
           put_tensor(loading->optimizer, record, CHECKPOINT_VALUE, parameter,
                      parameter->role == ROLE_VARIANCE,
                      executor_values(loading->optimizer->executor), error);
}

static bool read_learned(struct loading *loading, const struct record *record, int index,
                         struct error *error) {
    const struct parameter *parameter = graph_parameter_at(loading->graph, index);
    const struct optimizer_rule *rule = optimizer_rule_of(loading->optimizer);
    const size_t kept = kept_arrays(loading->optimizer);
    bool read = take_record(&loading->has_learned[index], record, kept, error);
    for (size_t k = 0; k < kept && read; k++) {
        const bool variance = k < rule->moments && rule->moment[k].squared;
        read = put_tensor(loading->optimizer, record, learned_name(rule, k), parameter, variance,
                          learned_on_device(loading->optimizer, k), error);
    }
    return read;
}

static bool read_record(struct loading *loading, const struct record *record, struct error *error) {
    const size_t prefix = strlen(CHECKPOINT_OPTIMIZER);
    if (text_is(record->id, CHECKPOINT_STATE)) {
        return take_record(&loading->has_state, record, training_state_values(loading->state),
                           error) &&
               training_state_read(record, loading->plan, loading->state, error);
    }
    const bool of_optimizer = text_begins(record->id, CHECKPOINT_OPTIMIZER);
    const struct text name =
        of_optimizer ? (struct text){record->id.bytes + prefix, record->id.length - prefix}
                     : record->id;
    const int index = find_parameter(loading->graph, name);
    if (index < 0 ||
        (of_optimizer && !graph_role_is_learned(graph_parameter_at(loading->graph, index)->role))) {
        return fail(error, "the network has no parameter '%.*s'", TEXT_ARG(record->id));
    }
    return of_optimizer ? read_learned(loading, record, index, error)
                        : read_value(loading, record, index, error);
}

static bool complete(const struct loading *loading, struct error *error) {
    int learned = 0;
    for (int i = 0; i < graph_parameter_count(loading->graph); i++) {
        if (!loading->has_value[i]) {
            return fail(error, "not all of a checkpoint: it lacks %s",
                        graph_parameter_at(loading->graph, i)->name);
        }
        learned += loading->has_learned[i];
    }
    if (!loading->has_state) {
        return fail(error, "not all of a checkpoint: it lacks '" CHECKPOINT_STATE "'");
    }
    for (int i = 0; i < graph_parameter_count(loading->graph); i++) {
        const struct parameter *parameter = graph_parameter_at(loading->graph, i);
        if (graph_role_is_learned(parameter->role) && !loading->has_learned[i]) {
            return learned == 0
                       ? fail(error, "holds weights only, without what the optimiser remembers: it "
                                     "can start a run (--init), not go on with one")
                       : fail(error, "not all of a checkpoint: it lacks " CHECKPOINT_OPTIMIZER "%s",
                              parameter->name);
        }
    }
    return true;
}

static bool read_all(struct loading *loading, struct stream_reader *reader, const char *path,
                     struct error *error) {
    struct record record;
    enum stream_status status = STREAM_END;
    if (strcmp(stream_kind(reader), KIND_WEIGHTS) != 0) {
        return fail(error, "%s: holds %s, not weights", path, stream_kind(reader));
    }
    while ((status = stream_next(reader, &record, error)) == STREAM_RECORD) {
        if (!read_record(loading, &record, error)) {
            return fail_within(error, "%s", stream_place(reader));
        }
    }
    return status == STREAM_END && (complete(loading, error) || fail_within(error, "%s", path));
}

// Reads all, with both lists of flags while it does.
static bool load_into(struct loading *loading, struct stream_reader *reader, const char *path,
                      struct error *error) {
    const size_t count = (size_t)graph_parameter_count(loading->graph);
    loading->has_value = calloc(count + 1, sizeof(bool));
    loading->has_learned = calloc(count + 1, sizeof(bool));
    const bool read = loading->has_value != NULL && loading->has_learned != NULL
                          ? read_all(loading, reader, path, error)
                          : fail(error, "no memory for a checkpoint");
    free(loading->has_value);
    free(loading->has_learned);
    return read;
}

bool training_load(const char *path, struct optimizer *optimizer, const struct training_plan *plan,
                   struct training_state *state, struct error *error) {
    struct stream_reader *reader = stream_open_regular(path, (size_t)1 << 30, error);
    struct loading loading = {
        .optimizer = optimizer, .graph = optimizer->graph, .plan = plan, .state = state};
    if (reader == NULL) {
        return false;
    }
    const bool read = load_into(&loading, reader, path, error);
    executor_changed(optimizer->executor);
    optimizer->steps = state->steps;
    stream_close(reader);
    return read;
}

// Saving and loading a training run.
#include "train/checkpoint.h"

#include "stream/reader.h"
#include "weights/checkpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MEAN, VARIANCE, GRADIENT, REMEMBERED };
static const char *const remembered[REMEMBERED] = {"mean", "variance", "gradient"};

// All arrays of a run, on this side: parameters, and the three that go with the learned ones.
struct arrays {
    float *values, *learned[REMEMBERED];
};

static void *room_for(size_t count) {
    void *memory = calloc(count + 1, sizeof(float));
    if (memory == NULL) {
        die("no memory for a checkpoint");
    }
    return memory;
}

static float *fetch(const struct optimizer *optimizer, const float *from, size_t count) {
    float *copy = room_for(count);
    optimizer->backend->calls->get(optimizer->backend, copy, from, count * sizeof *copy);
    return copy;
}

static struct arrays fetch_all(const struct optimizer *optimizer) {
    const size_t learned = network_learned_count(optimizer->network);
    return (struct arrays){fetch(optimizer, network_values(optimizer->network),
                                 network_value_count(optimizer->network)),
                           {fetch(optimizer, optimizer->mean, learned),
                            fetch(optimizer, optimizer->variance, learned),
                            fetch(optimizer, network_gradients(optimizer->network), learned)}};
}

static void put_all(const struct optimizer *optimizer, const struct arrays *arrays) {
    const struct backend_calls *calls = optimizer->backend->calls;
    const size_t bytes = network_learned_count(optimizer->network) * sizeof(float);
    calls->put(optimizer->backend, network_values(optimizer->network), arrays->values,
               network_value_count(optimizer->network) * sizeof(float));
    calls->put(optimizer->backend, optimizer->mean, arrays->learned[MEAN], bytes);
    calls->put(optimizer->backend, optimizer->variance, arrays->learned[VARIANCE], bytes);
    calls->put(optimizer->backend, network_gradients(optimizer->network), arrays->learned[GRADIENT],
               bytes);
    network_changed(optimizer->network);
}

static void free_all(struct arrays *arrays) {
    free(arrays->values);
    for (int i = 0; i < REMEMBERED; i++) {
        free(arrays->learned[i]);
    }
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

static void write_parameters(struct stream_writer *writer, const struct graph *graph,
                             const struct arrays *arrays) {
    for (int i = 0; i < graph_parameter_count(graph); i++) {
        const struct parameter *parameter = graph_parameter_at(graph, i);
        const struct tensor tensor = tensor_of(parameter, arrays->values + parameter->offset);
        const struct field field = {text_of(CHECKPOINT_VALUE), value_tensor(&tensor)};
        const struct record record = {text_of(parameter->name), 1, &field};
        stream_write(writer, &record);
    }
}

static void write_optimizer(struct stream_writer *writer, const struct graph *graph,
                            const struct arrays *arrays) {
    for (int i = 0; i < graph_parameter_count(graph); i++) {
        const struct parameter *parameter = graph_parameter_at(graph, i);
        char id[NAME_SIZE + sizeof CHECKPOINT_OPTIMIZER];
        struct tensor tensors[REMEMBERED];
        struct field fields[REMEMBERED];
        if (!role_is_learned(parameter->role)) {
            continue;
        }
        (void)snprintf(id, sizeof id, "%s%s", CHECKPOINT_OPTIMIZER, parameter->name);
        for (int k = 0; k < REMEMBERED; k++) {
            tensors[k] = tensor_of(parameter, arrays->learned[k] + parameter->offset);
            fields[k] = (struct field){text_of(remembered[k]), value_tensor(&tensors[k])};
        }
        const struct record record = {text_of(id), REMEMBERED, fields};
        stream_write(writer, &record);
    }
}

// The state's members by name, for writing and reading alike.
struct members {
    struct {
        const char *name;
        int64_t *at;
    } integers[6];
    struct {
        const char *name;
        double *at;
    } numbers[7];
};

static struct members members_of(struct training_state *state) {
    return (struct members){{{"side", &state->side},
                             {"iteration", &state->iteration},
                             {"steps", &state->steps},
                             {"samples", &state->samples},
                             {"seed", &state->seed},
                             {"best_iteration", &state->best_iteration}},
                            {{"rate", &state->rate},
                             {"score", &state->score},
                             {"best", &state->best},
                             {"dice", &state->dice},
                             {"dice_empty", &state->dice_empty},
                             {"dice_lesion", &state->dice_lesion},
                             {"accuracy", &state->accuracy}}};
}

static void write_state(struct stream_writer *writer, const struct training_state *state) {
    struct training_state copy = *state;
    const struct members members = members_of(&copy);
    struct field fields[16];
    size_t count = 0;
    fields[count++] = (struct field){text_of("network"), value_text(text_of(state->network))};
    fields[count++] = (struct field){text_of("options"), value_text(text_of(state->options))};
    for (size_t i = 0; i < 6; i++) {
        fields[count++] = (struct field){text_of(members.integers[i].name),
                                         value_integer(*members.integers[i].at)};
    }
    for (size_t i = 0; i < 7; i++) {
        fields[count++] =
            (struct field){text_of(members.numbers[i].name), value_number(*members.numbers[i].at)};
    }
    const struct record record = {text_of(CHECKPOINT_STATE), count, fields};
    stream_write(writer, &record);
}

void training_save(const char *path, const struct optimizer *optimizer,
                   const struct training_state *state, bool resumable,
                   const struct history *history) {
    struct output *output = output_open(path, OUTPUT_BYTES);
    struct stream_writer *writer = stream_create(output, KIND_WEIGHTS, history);
    struct arrays arrays = fetch_all(optimizer);
    write_parameters(writer, optimizer->graph, &arrays);
    if (resumable) {
        write_optimizer(writer, optimizer->graph, &arrays);
    }
    write_state(writer, state);
    stream_finish(writer);
    output_close(output);
    free_all(&arrays);
}

// ---- reading

static bool copy_tensor(const struct record *record, const char *name,
                        const struct parameter *parameter, float *values, struct error *error) {
    const struct tensor *tensor = NULL;
    if (!record_tensor(record, name, parameter->rank, &tensor, error)) {
        return false;
    }
    if (tensor->type != DTYPE_F4 ||
        memcmp(tensor->shape, parameter->shape, tensor->rank * sizeof *tensor->shape) != 0) {
        return fail(error, "'%s' of %s has another type or shape", name, parameter->name);
    }
    memcpy(values + parameter->offset, tensor->data, tensor->bytes);
    return true;
}

static bool same_text(const struct record *record, const char *name, const char *wanted,
                      struct error *error) {
    const struct value *value = record_find(record, name);
    if (value == NULL || value->type != VALUE_TEXT) {
        return fail(error, "the state lacks '%s'", name);
    }
    return text_is(value->text, wanted) ||
           fail(error,
                "it was made with other options, and going on would mix two runs: %.*s; now: %s",
                TEXT_ARG(value->text), wanted);
}

static bool read_state(const struct record *record, struct training_state *state,
                       struct error *error) {
    const struct members members = members_of(state);
    if (!same_text(record, "network", state->network, error) ||
        !same_text(record, "options", state->options, error)) {
        return false;
    }
    for (size_t i = 0; i < 6; i++) {
        if (!record_integer(record, members.integers[i].name, members.integers[i].at, error)) {
            return false;
        }
    }
    for (size_t i = 0; i < 7; i++) {
        const struct value *value = record_find(record, members.numbers[i].name);
        if (value == NULL || value->type != VALUE_NUMBER) {
            return fail(error, "the state lacks '%s'", members.numbers[i].name);
        }
        *members.numbers[i].at = value->number;
    }
    return state->iteration >= 0 && state->steps >= 0 && state->samples >= 0
               ? true
               : fail(error, "the state counts below zero");
}

// How many records of each sort have come.
struct seen {
    int parameters, remembered, states;
};

static bool read_record(const struct record *record, const struct graph *graph,
                        struct arrays *arrays, struct training_state *state, struct seen *seen,
                        struct error *error) {
    const size_t prefix = strlen(CHECKPOINT_OPTIMIZER);
    if (text_is(record->id, CHECKPOINT_STATE)) {
        seen->states++;
        return read_state(record, state, error);
    }
    const bool of_optimizer =
        record->id.length > prefix && memcmp(record->id.at, CHECKPOINT_OPTIMIZER, prefix) == 0;
    const struct text id = of_optimizer
                               ? (struct text){record->id.at + prefix, record->id.length - prefix}
                               : record->id;
    const struct name name = name_of("%.*s", TEXT_ARG(id));
    const struct parameter *parameter = graph_parameter_named(graph, name.text);
    if (parameter == NULL || (of_optimizer && !role_is_learned(parameter->role))) {
        return fail(error, "the network has no parameter '%.*s'", TEXT_ARG(record->id));
    }
    if (!of_optimizer) {
        seen->parameters++;
        return copy_tensor(record, CHECKPOINT_VALUE, parameter, arrays->values, error);
    }
    seen->remembered++;
    for (int k = 0; k < REMEMBERED; k++) {
        if (!copy_tensor(record, remembered[k], parameter, arrays->learned[k], error)) {
            return false;
        }
    }
    return true;
}

static bool complete(const struct graph *graph, const struct seen *seen, struct error *error) {
    int learned = 0;
    for (int i = 0; i < graph_parameter_count(graph); i++) {
        learned += role_is_learned(graph_parameter_at(graph, i)->role);
    }
    if (seen->states != 1 || seen->parameters != graph_parameter_count(graph)) {
        return fail(error, "not all of a checkpoint: %d parameters of %d", seen->parameters,
                    graph_parameter_count(graph));
    }
    return seen->remembered == learned ||
           fail(error, "holds weights only, without what the optimiser remembers: it can start a "
                       "run (--init), not go on with one");
}

bool training_load(const char *path, struct optimizer *optimizer, struct training_state *state,
                   struct error *error) {
    struct stream_reader *reader = stream_open(path, (size_t)1 << 30, error);
    struct record record;
    struct seen seen = {0, 0, 0};
    if (reader == NULL) {
        return false;
    }
    struct arrays arrays = fetch_all(optimizer);
    enum stream_status status = STREAM_END;
    bool read = strcmp(stream_kind(reader), KIND_WEIGHTS) == 0 ||
                fail(error, "%s: holds %s, not weights", path, stream_kind(reader));
    while (read && (status = stream_next(reader, &record, error)) == STREAM_RECORD) {
        read = read_record(&record, optimizer->graph, &arrays, state, &seen, error) ||
               fail_within(error, "%s", stream_place(reader));
    }
    read = read && status == STREAM_END &&
           (complete(optimizer->graph, &seen, error) || fail_within(error, "%s", path));
    if (read) {
        put_all(optimizer, &arrays);
        optimizer->steps = state->steps;
    }
    free_all(&arrays);
    stream_close(reader);
    return read;
}

// Making an executor: kernels planned, memory placed, addresses put into every step once.
#include "nn/executor_own.h"

#include "core/numbers/size.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Plans each node's kernel, and gives its scratch and saved buffers their sizes.
static bool plan_kernels(struct executor *executor, struct error *error) {
    struct schedule *schedule = &executor->schedule;
    const int nodes = graph_node_count(executor->graph);
    struct kernel_plan *plans = calloc((size_t)nodes + 1, sizeof *plans);
    bool planned = plans != NULL || fail(error, "no memory");
    for (int i = 0; planned && i < schedule->step_count; i++) {
        const struct step *step = &schedule->steps[i];
        for (int k = 0; k < NODE_INPUTS && step->kind == STEP_BACKWARD; k++) {
            plans[step->node].add[k] = step->add[k];
        }
    }
    for (int i = 0; planned && i < nodes; i++) {
        struct kernel_plan *plan = &plans[i];
        plan->backend = executor->backend;
        plan->graph = executor->graph;
        plan->node = graph_node_at(executor->graph, i);
        const struct kernel *kernel = kernel_of(executor, i);
        const char *operation = plan->node->operation->name;
        planned = (kernel != NULL ? kernel->plan(plan, error)
                                  : fail(error, "this device has no kernel for %s", operation)) ||
                  fail_within(error, "layer %s", plan->node->name);
        executor->states[i] = planned ? plan->state : NULL;
        executor->methods[i] = (struct node_methods){plan->forward_method, plan->backward_method};
        schedule->buffers[schedule->saved[i]].bytes = plan->saved;
        if (plan->preparation > executor->preparation_bytes) {
            executor->preparation_bytes = plan->preparation;
        }
    }
    for (int i = 0; planned && i < schedule->step_count; i++) {
        const struct step *step = &schedule->steps[i];
        const struct kernel_plan *plan = &plans[step->node];
        const bool by_rows = strips_group_at(&executor->strips, i) != NULL;
        executor->calls[i].row_scratch = by_rows ? (plan->row_scratch + 63) / 64 * 64 : 0;
        schedule->buffers[step->scratch].bytes =
            by_rows ? executor->strips.threads * executor->calls[i].row_scratch : plan->scratch;
    }
    free(plans);
    return planned;
}

static void *address(const struct executor *executor, int buffer) {
    return buffer == NO_BUFFER ? NULL
                               : executor->memory + executor->schedule.buffers[buffer].offset;
}

static void fill_call(const struct executor *executor, const struct step *step, struct call *call) {
    const struct node *node = graph_node_at(executor->graph, step->node);
    *call = (struct call){.state = executor->states[step->node],
                          .scratch = address(executor, step->scratch),
                          .row_scratch = call->row_scratch,
                          .saved = address(executor, executor->schedule.saved[step->node]),
                          .out = address(executor, step->out),
                          .out_gradient = address(executor, step->out_gradient),
                          .seed = executor->seed,
                          .salt = ((uint64_t)step->node + 1) * 0x9E3779B97F4A7C15u,
                          .mode = step->kind == STEP_RECOMPUTE ? RUN_RECOMPUTE : RUN_FORWARD};
    for (int k = 0; k < NODE_INPUTS; k++) {
        call->in[k] = address(executor, step->in[k]);
        call->in_gradient[k] = address(executor, step->in_gradient[k]);
        call->add[k] = step->add[k];
    }
    for (int k = 0; k < node->parameter_count; k++) {
        const struct parameter *parameter =
            graph_parameter_at(executor->graph, node->parameters[k]);
        const bool learned = graph_role_is_learned(parameter->role);
        float *values = executor->apart && !learned ? executor->gradients : executor->values;
        call->parameter[k] = values + parameter->offset;
        if (executor->gradients != NULL && learned) {
            call->gradient[k] = executor->gradients + parameter->offset;
        }
    }
}

static void fill_calls(struct executor *executor) {
    for (int i = 0; i < executor->schedule.step_count; i++) {
        fill_call(executor, &executor->schedule.steps[i], &executor->calls[i]);
    }
}

static void release_memory(struct executor *executor) {
    struct backend *backend = executor->backend;
    const struct executor *host = executor->host;
    backend->calls->release(backend, executor->preparation);
    executor->preparation = NULL;
    if (host == NULL || executor->memory != host->memory) {
        backend->calls->release(backend, executor->memory);
    }
    executor->memory = NULL;
    if (host == NULL || executor->values != host->values) {
        backend->calls->release(backend, executor->values);
        backend->calls->release(backend, executor->gradients);
    }
    if (host == NULL) {
        backend->calls->release(backend, executor->seed);
    }
    executor->values = executor->gradients = NULL;
    executor->seed = NULL;
}

// Bytes of the parameters; in training with gradients and an optimiser's two numbers of each.
static size_t parameter_bytes(const struct executor *executor) {
    const size_t learned =
        graph_mode_of(executor->graph) == GRAPH_TRAIN ? 3 * executor->learned_count : 0;
    return (executor->value_count + learned) * sizeof(float);
}

// False: says what batch would fit, as far as the device knows what it has.
static bool no_memory(struct executor *executor, struct error *error) {
    release_memory(executor);
    return memory_lacks(executor->memory_bytes, parameter_bytes(executor),
                        graph_shape(executor->graph, 0).n,
                        executor->backend->calls->free_bytes(executor->backend), error);
}

static bool get_preparation(struct executor *executor) {
    struct backend *backend = executor->backend;
    if (executor->preparation_bytes > 0) {
        executor->preparation = backend->calls->alloc(backend, executor->preparation_bytes);
    }
    return executor->preparation_bytes == 0 || executor->preparation != NULL;
}

static bool get_memory(struct executor *executor, struct error *error) {
    struct backend *backend = executor->backend;
    struct schedule *schedule = &executor->schedule;
    if (!memory_plan(schedule->buffers, (size_t)schedule->buffer_count, &executor->memory_bytes,
                     error)) {
        return false;
    }
    const size_t free_bytes = backend->calls->free_bytes(backend);
    if (free_bytes > 0 && executor->memory_bytes + parameter_bytes(executor) > free_bytes) {
        return no_memory(executor, error);
    }
    const bool learns = graph_mode_of(executor->graph) == GRAPH_TRAIN;
    const size_t values = executor->value_count * sizeof(float);
    executor->memory = backend->calls->alloc(backend, executor->memory_bytes);
    executor->values = backend->calls->alloc(backend, values);
    executor->gradients = learns ? backend->calls->alloc(backend, values) : NULL;
    executor->seed = backend->calls->alloc(backend, sizeof *executor->seed);
    return (executor->memory != NULL && executor->values != NULL && executor->seed != NULL &&
            get_preparation(executor) && (!learns || executor->gradients != NULL)) ||
           no_memory(executor, error);
}

// The host's parameters, where they are not its own, and its memory where it is enough: strips may
// make a smaller network's larger.
static bool borrow_memory(struct executor *executor, enum parameter_owner owner,
                          struct error *error) {
    struct schedule *schedule = &executor->schedule;
    struct backend *backend = executor->backend;
    const struct executor *host = executor->host;
    if (!memory_plan(schedule->buffers, (size_t)schedule->buffer_count, &executor->memory_bytes,
                     error)) {
        return false;
    }
    if (executor->value_count != host->value_count ||
        graph_mode_of(executor->graph) == GRAPH_TRAIN) {
        return fail(error, "a network that does not have another one's parameters");
    }
    executor->memory = executor->memory_bytes <= host->memory_bytes
                           ? host->memory
                           : backend->calls->alloc(backend, executor->memory_bytes);
    executor->values = owner == HOSTS_PARAMETERS
                           ? host->values
                           : backend->calls->alloc(backend, executor->value_count * sizeof(float));
    executor->seed = host->seed;
    return (executor->memory != NULL && executor->values != NULL && get_preparation(executor)) ||
           fail(error, "no memory");
}

// The tables of nodes and steps.
static bool get_tables(struct executor *executor, struct error *error) {
    const size_t nodes = (size_t)graph_node_count(executor->graph);
    executor->states = calloc(nodes + 1, sizeof *executor->states);
    executor->methods = calloc(nodes + 1, sizeof *executor->methods);
    executor->calls = calloc((size_t)executor->schedule.step_count + 1, sizeof *executor->calls);
    return (executor->states != NULL && executor->methods != NULL && executor->calls != NULL) ||
           fail(error, "no memory");
}

// `host`: NULL where the executor is to have memory of its own.
static struct executor *make_executor(struct graph *graph, struct backend *backend,
                                      const struct executor *host, enum parameter_owner owner,
                                      struct error *error) {
    struct executor *executor = calloc(1, sizeof *executor);
    if (executor == NULL) {
        (void)fail(error, "no memory");
        return NULL;
    }
    *executor =
        (struct executor){.graph = graph, .backend = backend, .changed = true, .host = host};
    executor->value_count =
        graph_lay_out(graph, &executor->learned_count, &executor->decaying_count);
    if (!graph_check(graph, error) || !strips_find(&executor->strips, graph, backend, error) ||
        !schedule_make(&executor->schedule, graph, &executor->strips, backend->precision, error) ||
        !get_tables(executor, error) || !plan_kernels(executor, error) ||
        !(host != NULL ? borrow_memory(executor, owner, error) : get_memory(executor, error))) {
        executor_free(executor);
        return NULL;
    }
    fill_calls(executor);
    return executor;
}

struct executor *executor_new(struct graph *graph, struct backend *backend, struct error *error) {
    return make_executor(graph, backend, NULL, OWN_PARAMETERS, error);
}

struct executor *executor_new_within(struct executor *host, struct graph *graph,
                                     enum parameter_owner owner, struct error *error) {
    return make_executor(graph, host->backend, host, owner, error);
}

void executor_free(struct executor *executor) {
    if (executor == NULL) {
        return;
    }
    for (int i = 0; executor->states != NULL && i < graph_node_count(executor->graph); i++) {
        if (executor->states[i] != NULL) {
            kernel_of(executor, i)->release(executor->states[i]);
        }
    }
    schedule_free(&executor->schedule);
    strips_free(&executor->strips);
    release_memory(executor);
    free(executor->calls);
    free(executor->states);
    free(executor->methods);
    free(executor);
}

float *executor_values(struct executor *executor) {
    return executor->values;
}

size_t executor_value_count(const struct executor *executor) {
    return executor->value_count;
}

float *executor_gradients(struct executor *executor) {
    return executor->gradients;
}

size_t executor_learned_count(const struct executor *executor) {
    return executor->learned_count;
}

size_t executor_decaying_count(const struct executor *executor) {
    return executor->decaying_count;
}

void executor_changed(struct executor *executor) {
    executor->changed = true;
}

void executor_keep_statistics_apart(struct executor *executor) {
    executor->apart = true;
    fill_calls(executor);
}

void *executor_input(struct executor *executor) {
    return address(executor, executor->schedule.input);
}

const float *executor_output(struct executor *executor, int output) {
    return address(executor, executor->schedule.outputs[output]);
}

// The first byte of memory behind output `index`; of -1: behind nothing.
static size_t behind_output(const struct executor *executor, int index) {
    if (index < 0) {
        return 0;
    }
    const struct buffer *buffer = &executor->schedule.buffers[executor->schedule.outputs[index]];
    return size_round_up(buffer->offset + buffer->bytes, 64);
}

// Whether no output has any of these bytes.
static bool is_spare(const struct executor *executor, size_t offset, size_t bytes) {
    bool spare = offset <= executor->memory_bytes && bytes <= executor->memory_bytes - offset;
    for (int i = 0; spare && i < graph_output_count(executor->graph); i++) {
        const struct buffer *buffer = &executor->schedule.buffers[executor->schedule.outputs[i]];
        spare = offset + bytes <= buffer->offset || buffer->offset + buffer->bytes <= offset;
    }
    return spare;
}

void *executor_spare(const struct executor *executor, size_t bytes) {
    for (int i = -1; i < graph_output_count(executor->graph); i++) {
        const size_t offset = behind_output(executor, i);
        if (is_spare(executor, offset, bytes)) {
            return executor->memory + offset;
        }
    }
    return NULL;
}

void *executor_lent(const struct executor *executor) {
    return address(executor, executor->schedule.lent);
}

float *executor_output_gradient(struct executor *executor, int output) {
    return address(executor, executor->schedule.output_gradients[output]);
}

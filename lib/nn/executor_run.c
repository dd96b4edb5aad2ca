// Running a graph: parameters taken, steps forward and backward.
#include "core/clock.h"
#include "nn/executor_own.h"
#include "nn/step_profile.h"

void executor_prepare(struct executor *executor, int i) {
    const int node = executor->schedule.steps[i].node;
    const struct kernel *kernel = kernel_of(executor, node);
    executor->backend->doing = graph_node_at(executor->graph, node)->name;
    if (kernel->prepare != NULL) {
        struct call call = executor->calls[i];
        call.scratch = executor->preparation;
        kernel->prepare(&call);
    }
}

static void take_parameters(void *context) {
    struct executor *executor = context;
    for (int i = 0; i < executor->schedule.forward_count; i++) {
        executor_prepare(executor, i);
    }
}

void executor_begin(struct executor *executor, uint64_t seed) {
    struct backend *backend = executor->backend;
    backend->calls->put(backend, executor->seed, &seed, sizeof seed);
    if (executor->changed) {
        backend->calls->repeat(backend, NULL, take_parameters, executor);
    }
    executor->changed = false;
}

// ---- steps

static void run_step(struct executor *executor, int i) {
    const struct step *step = &executor->schedule.steps[i];
    const struct kernel *kernel = kernel_of(executor, step->node);
    executor->backend->doing = graph_node_at(executor->graph, step->node)->name;
    if (step->kind == STEP_BACKWARD) {
        kernel->backward(&executor->calls[i]);
    } else {
        kernel->forward(&executor->calls[i]);
    }
}

static const char *method_of(const struct executor *executor, const struct step *step) {
    const struct node_methods *methods = &executor->methods[step->node];
    return step->kind == STEP_BACKWARD ? methods->backward : methods->forward;
}

static void profile_step(struct executor *executor, int i) {
    const struct step *step = &executor->schedule.steps[i];
    struct backend *backend = executor->backend;
    struct error error; // of a device: comes again when the step is waited for
    const double start = clock_seconds();
    run_step(executor, i);
    (void)!backend->calls->wait(backend, &error);
    step_profile_add(backend->profile, executor->graph, backend->precision, step,
                     method_of(executor, step), clock_seconds() - start);
}

static void profile_group(struct executor *executor, const struct strip_group *group) {
    double seconds[STRIP_NODES];
    strips_run(&executor->strips, group, executor->calls + group->first, seconds);
    for (int k = 0; k < group->end - group->first; k++) {
        const struct step *step = &executor->schedule.steps[group->first + k];
        step_profile_add(executor->backend->profile, executor->graph, executor->backend->precision,
                         step, method_of(executor, step), seconds[k]);
    }
}

static void run_steps(struct executor *executor, int first, int end) {
    const bool profiled = executor->backend->profile != NULL;
    for (int i = first; i < end; i++) {
        const struct strip_group *group =
            i < executor->schedule.forward_count ? strips_group_at(&executor->strips, i) : NULL;
        if (group != NULL && profiled) {
            profile_group(executor, group);
        } else if (group != NULL) {
            strips_run(&executor->strips, group, executor->calls + i, NULL);
        } else if (profiled) {
            profile_step(executor, i);
        } else {
            run_step(executor, i);
        }
        i = group != NULL ? group->end - 1 : i;
    }
}

void executor_forward(struct executor *executor) {
    run_steps(executor, 0, executor->schedule.forward_count);
}

void executor_backward(struct executor *executor) {
    run_steps(executor, executor->schedule.forward_count, executor->schedule.step_count);
}

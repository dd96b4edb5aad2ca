// A training step.
#include "train/step.h"

#include "core/clock.h"
#include "nn/profile.h"

// False with *error without memory.
static bool allocate(struct step_runner *runner, struct error *error) {
    struct backend *backend = runner->optimizer->backend;
    const struct backend_calls *calls = backend->calls;
    runner->masks = calls->alloc(backend, runner->mask_bytes);
    runner->loss.masks = runner->masks;
    runner->scratch = calls->alloc(
        backend, training_of(backend)->loss_scratch(backend, &runner->loss, &runner->options));
    runner->sums = calls->alloc(backend, sizeof *runner->sums);
    runner->sent = calls->alloc(backend, runner->image_bytes + runner->mask_bytes);
    if (runner->masks == NULL || runner->scratch == NULL || runner->sums == NULL ||
        runner->sent == NULL) {
        step_close(runner);
        return fail(error, "no memory for a training step; a smaller batch needs less");
    }
    return true;
}

bool step_open(struct step_runner *runner, struct optimizer *optimizer, const struct batch *batch,
               const struct loss_options *options, struct error *error) {
    struct backend *backend = optimizer->backend;
    struct executor *executor = optimizer->executor;
    const int heads = graph_map_count(optimizer->graph);
    *runner = (struct step_runner){.optimizer = optimizer,
                                   .options = *options,
                                   .scale = 1.0 / (double)optimizer->options.accumulate,
                                   .loss = {.heads = (size_t)heads,
                                            .images = batch->capacity,
                                            .pixels = batch->mask_height * batch->mask_width},
                                   .image_bytes = batch->capacity * batch->height * batch->width,
                                   .mask_bytes =
                                       batch->capacity * batch->mask_height * batch->mask_width};
    for (int i = 0; i < heads; i++) {
        runner->loss.logits[i] = executor_output(executor, i);
        runner->loss.gradients[i] = executor_output_gradient(executor, i);
    }
    if (heads < graph_output_count(optimizer->graph)) {
        runner->loss.global = executor_output(executor, heads);
        runner->loss.global_gradient = executor_output_gradient(executor, heads);
    }
    return training_accepts(backend, optimizer->graph, options, error) && allocate(runner, error);
}

void step_close(struct step_runner *runner) {
    struct backend *backend = runner->optimizer->backend;
    for (int i = 0; i < STEP_ENDS; i++) {
        backend->calls->forget(backend, runner->recording[i]);
    }
    backend->calls->release(backend, runner->masks);
    backend->calls->release(backend, runner->scratch);
    backend->calls->release(backend, runner->sums);
    backend->calls->release(backend, runner->sent);
}

void step_send(struct step_runner *runner, const struct batch *batch) {
    struct backend *backend = runner->optimizer->backend;
    backend->calls->send(backend, runner->sent, batch->images, runner->image_bytes);
    backend->calls->send(backend, runner->sent + runner->image_bytes, batch->masks,
                         runner->mask_bytes);
}

static void queue_losses(const struct step_runner *runner) {
    struct backend *backend = runner->optimizer->backend;
    backend->doing = "the losses";
    training_of(backend)->loss(backend, &runner->loss, &runner->options, runner->scale,
                               runner->sums, runner->scratch);
}

static void queue_add(const struct step_runner *runner) {
    optimizer_add(runner->optimizer);
}

static void queue_update(const struct step_runner *runner) {
    optimizer_queue(runner->optimizer);
}

// Queues work for the device; while a profile is taken, also waits for it and adds its time.
static void queue_timed(const struct step_runner *runner, const char *what,
                        void (*queue)(const struct step_runner *runner)) {
    struct backend *backend = runner->optimizer->backend;
    const double start = clock_seconds();
    struct error error; // step_finish tells it, too
    queue(runner);
    if (backend->profile != NULL) {
        (void)!backend->calls->wait(backend, &error);
        const struct profile_row call = {
            .what = what, .pass = "", .calls = 1, .seconds = clock_seconds() - start};
        profile_add(backend->profile, &call);
    }
}

static void queue_rest(void *context) {
    const struct step_runner *runner = context;
    if (runner->end != STEP_LEAVES) {
        queue_timed(runner, "sum over batches", queue_add);
    }
    if (runner->end == STEP_UPDATES) {
        queue_timed(runner, "optimiser", queue_update);
    }
}

static void queue_step(void *context) {
    const struct step_runner *runner = context;
    executor_forward(runner->optimizer->executor);
    queue_timed(runner, "losses", queue_losses);
    executor_backward(runner->optimizer->executor);
    queue_rest(context);
}

static void start(struct step_runner *runner, uint64_t seed, enum step_end end) {
    struct backend *backend = runner->optimizer->backend;
    struct executor *executor = runner->optimizer->executor;
    runner->end = end;
    backend->calls->copy(backend, executor_input(executor), runner->sent, runner->image_bytes);
    backend->calls->copy(backend, runner->masks, runner->sent + runner->image_bytes,
                         runner->mask_bytes);
    executor_begin(executor, seed);
    backend->calls->repeat(backend, &runner->recording[end], queue_step, runner);
    if (end == STEP_UPDATES) {
        executor_changed(executor);
    }
}

void step_start(struct step_runner *runner, uint64_t seed) {
    start(runner, seed, STEP_ADDS);
}

void step_start_update(struct step_runner *runner, uint64_t seed, double rate, double decay) {
    optimizer_begin(runner->optimizer, rate, decay);
    start(runner, seed, STEP_UPDATES);
}

void step_start_passes(struct step_runner *runner, uint64_t seed) {
    start(runner, seed, STEP_LEAVES);
}

size_t step_count(const struct step_runner *runner) {
    return executor_value_count(runner->optimizer->executor);
}

float *step_left(const struct step_runner *runner) {
    return executor_gradients(runner->optimizer->executor);
}

static void take(struct step_runner *runner, enum step_end end) {
    struct backend *backend = runner->optimizer->backend;
    runner->end = end;
    backend->calls->repeat(backend, NULL, queue_rest, runner);
    if (end == STEP_UPDATES) {
        executor_changed(runner->optimizer->executor);
    }
}

void step_take(struct step_runner *runner) {
    take(runner, STEP_ADDS);
}

void step_take_update(struct step_runner *runner, double rate, double decay) {
    optimizer_begin(runner->optimizer, rate, decay);
    take(runner, STEP_UPDATES);
}

bool step_finish(struct step_runner *runner, struct loss_sums *sums, struct error *error) {
    struct backend *backend = runner->optimizer->backend;
    backend->calls->get(backend, sums, runner->sums, sizeof *sums);
    return backend->calls->wait(backend, error);
}

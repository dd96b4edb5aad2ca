// A training step.
#include "train/step.h"

#include "core/clock.h"
#include "nn/profile.h"

// The sizes of the losses' inputs.
static struct loss_inputs sizes_of(const struct graph *graph, const struct batch *batch) {
    struct loss_inputs inputs = {.heads = (size_t)graph_map_count(graph),
                                 .images = batch->capacity,
                                 .pixels = batch->mask_height * batch->mask_width};
    for (int i = 0; i < graph_map_count(graph); i++) {
        const struct shape shape = graph_shape(graph, graph_output_at(graph, i));
        if (shape.h != batch->mask_height || shape.w != batch->mask_width) {
            inputs.plane_width = shape.w > inputs.plane_width ? shape.w : inputs.plane_width;
        }
    }
    return inputs;
}

bool step_prepare(struct graph *graph, struct backend *backend, const struct batch *batch,
                  const struct loss_options *options, struct error *error) {
    const struct training_calls *training = training_of(backend);
    const struct loss_inputs sizes = sizes_of(graph, batch);
    if (!training_accepts(backend, graph, options, error)) {
        return false;
    }
    if (sizes.plane_width > 0 && !training->sparing) {
        return fail(error, "this device's loss takes logits of the masks' size");
    }
    graph_lend(graph, training->loss_scratch(backend, &sizes, options));
    return true;
}

// The losses' inputs on the device, but for the masks.
static bool find_inputs(struct step_runner *runner, const struct batch *batch,
                        struct error *error) {
    const struct graph *graph = runner->optimizer->graph;
    struct executor *executor = runner->optimizer->executor;
    struct loss_inputs *inputs = &runner->loss;
    const int heads = graph_map_count(graph);
    *inputs = sizes_of(graph, batch);
    for (int i = 0; i < heads; i++) {
        const struct shape shape = graph_shape(graph, graph_output_at(graph, i));
        inputs->logits[i] = executor_output(executor, i);
        inputs->gradients[i] = executor_output_gradient(executor, i);
        if (shape.h == batch->mask_height && shape.w == batch->mask_width) {
            continue;
        }
        if (!bilinear_plane_open(&runner->planes[i], shape.h, shape.w, batch->mask_height,
                                 batch->mask_width, error)) {
            return false;
        }
        inputs->planes[i] = &runner->planes[i];
    }
    if (heads < graph_output_count(graph)) {
        inputs->global = executor_output(executor, heads);
        inputs->global_gradient = executor_output_gradient(executor, heads);
    }
    return true;
}

// False with *error without memory.
static bool allocate(struct step_runner *runner, struct error *error) {
    struct backend *backend = runner->optimizer->backend;
    const struct backend_calls *calls = backend->calls;
    runner->masks = calls->alloc(backend, runner->mask_bytes);
    runner->loss.masks = runner->masks;
    runner->scratch = executor_lent(runner->optimizer->executor);
    runner->sums = calls->alloc(backend, sizeof *runner->sums);
    runner->sent = calls->alloc(backend, runner->image_bytes + runner->mask_bytes);
    return (runner->masks != NULL && runner->scratch != NULL && runner->sums != NULL &&
            runner->sent != NULL) ||
           fail(error, "no memory for a training step; a smaller batch needs less");
}

bool step_open(struct step_runner *runner, struct optimizer *optimizer, const struct batch *batch,
               const struct loss_options *options, struct error *error) {
    const size_t mask = batch->mask_height * batch->mask_width;
    *runner = (struct step_runner){.optimizer = optimizer,
                                   .options = *options,
                                   .scale = 1.0 / (double)optimizer->options.accumulate,
                                   .image_bytes = batch->capacity * batch->height * batch->width,
                                   .mask_bytes = batch->capacity * mask};
    if (!find_inputs(runner, batch, error) || !allocate(runner, error)) {
        step_close(runner);
        return false;
    }
    return true;
}

void step_close(struct step_runner *runner) {
    struct backend *backend = runner->optimizer->backend;
    for (int i = 0; i < STEP_ENDS; i++) {
        backend->calls->forget(backend, runner->recording[i]);
    }
    backend->calls->release(backend, runner->masks);
    backend->calls->release(backend, runner->sums);
    backend->calls->release(backend, runner->sent);
    for (int i = 0; i < MAX_LOSS_HEADS; i++) {
        bilinear_plane_close(&runner->planes[i]);
    }
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

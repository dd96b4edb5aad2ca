// The training loop.
#include "program/train/trainer.h"

#include "core/clock.h"
#include "core/numbers/random.h"
#include "nn/profile.h"
#include "program/die.h"
#include "program/progress.h"
#include "program/train/evaluate.h"
#include "program/train/log.h"
#include "program/train/saving.h"
#include "program/train/share.h"
#include "program/train/signals.h"
#include "train/checkpoint/parameters.h"
#include "train/step.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DRAW_STEP 17 // the stream constant of random_seed for what is drawn in a step

// One call of trainer_run: the step that runs, and what is summed up since the last line of the
// log. Ranks work on the batches of a round at the same time, the first being this one's; then a
// step is taken with each, in their order.
struct training_run {
    struct trainer *trainer;
    FILE *log;
    struct step_runner runner;
    struct share share;
    struct batch others[MAX_RANKS]; // of the next round, by the rank
    size_t round;                   // batches of this round
    size_t place;                   // which of them is next
    bool sent;                      // the others have the parameters as they are
    bool stop;                      // a rank has been asked to
    struct profile profile;
    struct loss_sums sums;
    int64_t summed; // batches
    double norms;   // of clipped gradients
    int64_t clipped;
    double since; // seconds
};

// ---- one step

// `have`: batches gathered so far.
static void fill_batch(struct trainer *trainer, struct batch *batch, int64_t have) {
    struct error error;
    batch->count = 0;
    while (batch->count < batch->capacity) {
        if (!trainer->first_waits && !sources_read(trainer->samples, trainer->record)) {
            die("the samples end after %" PRId64 " of %" PRId64
                " iterations of %zu images; see augment --samples and --epochs",
                have, trainer->options->iterations, batch->capacity);
        }
        trainer->first_waits = false;
        if (!batch_add(batch, trainer->record, &error)) {
            sources_die(trainer->samples, &error);
        }
    }
}

// The batches of the round that begins with an iteration: as many as there are ranks, up to the
// next update and the end.
static size_t round_size(const struct trainer *trainer, int64_t first) {
    const struct trainer_options *options = trainer->options;
    const int64_t ranks = (int64_t)ranks_count(trainer->ranks);
    const int64_t left = options->iterations - first;
    const int64_t open = options->accumulate - first % options->accumulate;
    const int64_t most = open < left ? open : left;
    return (size_t)(ranks < most ? ranks : most);
}

// Gathers the batches of a round; the first goes to the device.
static void fill_round(struct training_run *run, int64_t first) {
    struct trainer *trainer = run->trainer;
    const size_t size = round_size(trainer, first);
    for (size_t i = 0; i < size; i++) {
        fill_batch(trainer, i == 0 ? &trainer->batch : &run->others[i], first + (int64_t)i);
    }
    if (size > 0) {
        step_send(&run->runner, &trainer->batch);
    }
}

// Behind the last sample that is used the stream may end, and then its end mark tells whether all
// of them were what had been written; or it may go on, and nothing waits for its end.
static void check_samples(const struct trainer *trainer) {
    struct record record;
    (void)sources_read(trainer->samples, &record);
}

static uint64_t step_seed(const struct trainer *trainer, int64_t iteration) {
    struct random random =
        random_seed((uint64_t)trainer->options->seed, DRAW_STEP, (uint64_t)iteration);
    return random_next(&random);
}

__attribute__((noreturn)) static void die_of_loss(int64_t iteration,
                                                  const struct loss_options *options,
                                                  const struct loss_sums *loss) {
    char terms[64 * LOSSES];
    size_t length = 0;
    for (int i = 0; i < LOSSES && length < sizeof terms; i++) {
        if (loss_is_told(options, i)) {
            length += (size_t)snprintf(terms + length, sizeof terms - length, "%s%s %g",
                                       length > 0 ? ", " : "", loss_terms[i]->name, loss->terms[i]);
        }
    }
    die("iteration %" PRId64 ": the loss is not finite (%s); the last checkpoint is kept: go on "
        "from it with a lower --rate",
        iteration, terms);
}

static void check_numbers(const struct trainer *trainer, const struct loss_sums *loss,
                          bool updated) {
    const char *fault = updated ? optimizer_fault(&trainer->optimizer) : NULL;
    if (!isfinite(loss->total)) {
        die_of_loss(trainer->state.iteration + 1, &trainer->options->loss, loss);
    }
    if (fault != NULL) {
        die("iteration %" PRId64 ": the gradient of %s is not finite; the last checkpoint is "
            "kept: go on from it with a lower --rate",
            trainer->state.iteration + 1, fault);
    }
}

// Lets the others begin with their batches of a round.
static void begin_round(struct training_run *run) {
    const struct trainer *trainer = run->trainer;
    const int64_t first = trainer->state.iteration;
    run->round = round_size(trainer, first);
    if (run->round > 1 && !run->sent) {
        share_parameters(&run->share);
        run->sent = true;
    }
    for (size_t i = 1; i < run->round; i++) {
        share_batch(&run->share, i, step_seed(trainer, first + (int64_t)i), &run->others[i]);
    }
}

// A step with this rank's own batch, which has been sent to the device. While it runs the batches
// of the next round are gathered.
static void own_step(struct training_run *run, bool updates, struct loss_sums *loss) {
    struct trainer *trainer = run->trainer;
    const int64_t first = trainer->state.iteration;
    const uint64_t seed = step_seed(trainer, first);
    struct error error;
    if (updates) {
        step_start_update(&run->runner, seed, trainer->state.rate, trainer->options->decay);
    } else {
        step_start(&run->runner, seed);
    }
    fill_round(run, first + (int64_t)run->round);
    if (!step_finish(&run->runner, loss, &error)) {
        die("iteration %" PRId64 ": %s", first + 1, error.text);
    }
}

// A step with a batch of which another rank runs the passes.
static void step_of_other(struct training_run *run, bool updates, struct loss_sums *loss) {
    struct trainer *trainer = run->trainer;
    struct backend *backend = trainer->optimizer.backend;
    struct error error;
    run->stop = share_take(&run->share, run->place, loss) || run->stop;
    if (updates) {
        step_take_update(&run->runner, trainer->state.rate, trainer->options->decay);
    } else {
        step_take(&run->runner);
    }
    if (!backend->calls->wait(backend, &error)) {
        die("iteration %" PRId64 ": %s", trainer->state.iteration + 1, error.text);
    }
}

static void step(struct training_run *run) {
    struct trainer *trainer = run->trainer;
    struct training_state *state = &trainer->state;
    const struct trainer_options *options = trainer->options;
    const bool updates = (state->iteration + 1) % options->accumulate == 0;
    struct loss_sums loss;
    if (updates) {
        state->rate = schedule_rate(&options->schedule, state->iteration + 1 - options->accumulate,
                                    options->iterations, options->rate, state->plateau.reductions);
    }
    trainer->optimizer.backend->profile = options->profile ? &run->profile : NULL;
    if (run->place == 0) {
        begin_round(run);
        own_step(run, updates, &loss);
    } else {
        step_of_other(run, updates, &loss);
    }
    trainer->optimizer.backend->profile = NULL;
    run->sent = run->sent && !updates;
    run->place = (run->place + 1) % run->round;
    check_numbers(trainer, &loss, updates);
    run->sums.total += loss.total;
    for (int i = 0; i < LOSSES; i++) {
        run->sums.terms[i] += loss.terms[i];
    }
    run->summed++;
    if (updates && options->optimizer.clip > 0) {
        run->norms += optimizer_norm(&trainer->optimizer);
        run->clipped++;
    }
    state->iteration++;
    state->samples += (int64_t)trainer->batch.capacity;
    state->steps = trainer->optimizer.steps;
}

// ---- between steps

static void write_log(struct training_run *run) {
    const double share = 1 / (double)run->summed;
    const double now = clock_seconds();
    struct train_summary summary = {
        .loss.total = run->sums.total * share,
        .norm = run->clipped > 0 ? run->norms / (double)run->clipped : -1,
        .images_per_second =
            (double)run->summed * (double)run->trainer->batch.capacity / (now - run->since + 1e-9)};
    for (int i = 0; i < LOSSES; i++) {
        summary.loss.terms[i] = run->sums.terms[i] * share;
    }
    train_log_step(run->log, &run->trainer->state, &run->trainer->options->loss, &summary);
    run->sums = (struct loss_sums){0};
    run->summed = 0;
    run->norms = 0;
    run->clipped = 0;
    run->since = now;
}

static void check(struct training_run *run) {
    struct trainer *trainer = run->trainer;
    struct training_state *state = &trainer->state;
    const struct optimizer *optimizer = &trainer->optimizer;
    struct error error;
    if (!parameters_copy(optimizer->backend, trainer->check_executor, trainer->check_graph,
                         optimizer->executor, optimizer->graph, optimizer->average, &error)) {
        die("%s", error.text);
    }
    const struct scores scores =
        evaluate(optimizer->backend, trainer->check_graph, trainer->check_executor,
                 trainer->options->validation, trainer->options->max_record);
    state->dice = scores.dice;
    state->dice_empty = scores.dice_empty;
    state->dice_lesion = scores.dice_lesion;
    state->accuracy = scores.accuracy;
    state->score = strcmp(trainer->options->keep, "wacc") == 0 ? scores.accuracy : scores.dice;
    const bool best = state->score > state->best;
    if (state->has_plateau) {
        schedule_evaluated(&trainer->options->schedule, &state->plateau, best);
    }
    if (best) {
        state->best = state->score;
        state->best_iteration = state->iteration;
    }
    save_evaluated(trainer, best);
    train_log_scores(run->log, state, best);
    run->since = clock_seconds();
}

static bool due(int64_t iteration, int64_t every) {
    return every > 0 && iteration % every == 0;
}

// What follows a step; false: to stop.
static bool after_step(struct training_run *run) {
    struct trainer *trainer = run->trainer;
    const struct trainer_options *options = trainer->options;
    const int64_t iteration = trainer->state.iteration;
    const bool last = iteration == options->iterations;
    run->stop = signals_came() || run->stop;
    const bool stop = !last && run->stop && run->place == 0;
    if (last || stop || due(iteration, options->log_every)) {
        write_log(run);
    }
    if (last) {
        check_samples(trainer);
    }
    if (trainer->check_executor != NULL && (last || due(iteration, options->evaluate_every))) {
        check(run);
    }
    if (last || stop || due(iteration, options->save_every)) {
        save_last(trainer);
    }
    return !stop;
}

// What is there for the time of a run, and what the ranks need.
static void open_run(struct training_run *run) {
    const struct trainer *trainer = run->trainer;
    struct error error;
    bool whole = step_open(&run->runner, &run->trainer->optimizer, &trainer->batch,
                           &trainer->options->loss, &error);
    for (size_t i = 1; i < ranks_count(trainer->ranks); i++) {
        whole = whole && batch_like(&run->others[i], &trainer->batch, &error);
    }
    if (!whole) {
        die("%s", error.text);
    }
    share_begin(&run->share, trainer->ranks, &run->runner, &trainer->batch,
                trainer->options->quiet);
}

static void close_run(struct training_run *run) {
    share_end(&run->share);
    step_close(&run->runner);
    for (size_t i = 1; i < ranks_count(run->trainer->ranks); i++) {
        batch_free(&run->others[i]);
    }
    if (run->trainer->options->profile) {
        profile_print(&run->profile, stderr);
    }
    if (fclose(run->log) != 0) {
        die("%s: the log cannot be written", run->trainer->options->log);
    }
}

bool trainer_run(struct trainer *trainer) {
    if (trainer->check_executor != NULL) {
        evaluate_check(trainer->check_graph, trainer->options->validation,
                       trainer->options->max_record);
    }
    struct training_run run = {.trainer = trainer,
                               .log =
                                   train_log_open(trainer->options->log, trainer->state.iteration),
                               .since = clock_seconds()};
    const int64_t iterations = trainer->options->iterations;
    struct progress progress = progress_start(
        "iterations", (uint64_t)(iterations - trainer->state.iteration), trainer->options->quiet);
    bool going = true;
    open_run(&run);
    fill_round(&run, trainer->state.iteration);
    while (going && trainer->state.iteration < iterations) {
        step(&run);
        progress_step(&progress);
        going = after_step(&run);
    }
    progress_end(&progress);
    close_run(&run);
    return going;
}

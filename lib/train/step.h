// One training step on a device: the batch comes in, forward pass, losses, backward pass, what they
// leave is added to that of the batches before, and the optimiser when it is due. While a step runs
// the next batch can be sent. The passes may also be run by another process than the rest.
#ifndef PLEURA_TRAIN_STEP_H
#define PLEURA_TRAIN_STEP_H

#include "nn/bilinear/plane.h"
#include "train/batch.h"
#include "train/optimizer.h"

// What follows the passes.
enum step_end {
    STEP_LEAVES,  // nothing
    STEP_ADDS,    // what they have left is added
    STEP_UPDATES, // and the optimiser takes its step
    STEP_ENDS
};

struct step_runner {
    struct optimizer *optimizer;
    struct loss_options options;
    double scale;                                 // of the gradients
    struct loss_inputs loss;                      // the device's addresses, but for `masks`:
    uint8_t *masks;                               // the device's
    void *scratch;                                // of the losses, the executor's
    struct bilinear_plane planes[MAX_LOSS_HEADS]; // of heads that the losses resize
    struct loss_sums *sums;                       // on the device
    uint8_t *sent;                                // images, then masks of the next step
    size_t image_bytes, mask_bytes;
    enum step_end end;                      // of the step that runs
    struct recording *recording[STEP_ENDS]; // by their end
};

// Has the graph lend its executor's memory to the losses of batches like `batch`, before there is
// an executor. False with *error where training_accepts refuses the loss, and where heads have
// another size than the masks on a device whose loss does not resize them.
CHECKED bool step_prepare(struct graph *graph, struct backend *backend, const struct batch *batch,
                          const struct loss_options *options, struct error *error);

// For batches like `batch`, with which step_prepare has seen the graph; gradients are means over
// the optimiser's `accumulate` batches. The optimiser must outlive it. False with *error without
// memory.
CHECKED bool step_open(struct step_runner *runner, struct optimizer *optimizer,
                       const struct batch *batch, const struct loss_options *options,
                       struct error *error);
void step_close(struct step_runner *runner);

// Sends a full batch, which may be filled anew afterwards.
void step_send(struct step_runner *runner, const struct batch *batch);

// Starts a step on the batch that was sent. `seed`: of its random draws.
void step_start(struct step_runner *runner, uint64_t seed);
void step_start_update(struct step_runner *runner, uint64_t seed, double rate, double decay);

// Starts the passes alone. What they leave, step_count numbers on the device, is to be fetched from
// step_left, and cleared, before the next step.
void step_start_passes(struct step_runner *runner, uint64_t seed);
size_t step_count(const struct step_runner *runner);
float *step_left(const struct step_runner *runner);

// The rest of a step whose passes ran elsewhere: what they left has been put to step_left.
void step_take(struct step_runner *runner);
void step_take_update(struct step_runner *runner, double rate, double decay);

// Waits for its end. False with *error where the device failed.
CHECKED bool step_finish(struct step_runner *runner, struct loss_sums *sums, struct error *error);

#endif

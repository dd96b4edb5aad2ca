// One training step on a device: the batch comes in, forward pass, losses, backward pass, and the
// optimiser when it is due. While a step runs the next batch can be sent.
#ifndef PLEURA_TRAIN_STEP_H
#define PLEURA_TRAIN_STEP_H

#include "train/batch.h"
#include "train/optimizer.h"

struct step_runner {
    struct optimizer *optimizer;
    struct loss_options options;
    double scale;            // of the gradients
    struct loss_inputs loss; // the device's addresses, but for `masks`:
    uint8_t *masks;          // the device's
    void *scratch;           // of the losses
    struct loss_sums *sums;  // on the device
    uint8_t *sent;           // images, then masks of the next step
    size_t image_bytes, mask_bytes;
    bool updates;                   // the step that runs ends with the optimiser
    struct recording *recording[2]; // a step without the optimiser, and with it
};

// For batches like `batch`; gradients are means over `accumulate` batches. The optimiser must
// outlive it. False with *error where training_accepts refuses the loss, and without memory.
CHECKED bool step_open(struct step_runner *runner, struct optimizer *optimizer,
                       const struct batch *batch, const struct loss_options *options,
                       int64_t accumulate, struct error *error);
void step_close(struct step_runner *runner);

// Sends a full batch, which may be filled anew afterwards.
void step_send(struct step_runner *runner, const struct batch *batch);

// Starts a step on the batch that was sent. `seed`: of its random draws.
void step_start(struct step_runner *runner, uint64_t seed);
void step_start_update(struct step_runner *runner, uint64_t seed, double rate, double decay);

// Waits for its end. False with *error where the device failed.
CHECKED bool step_finish(struct step_runner *runner, struct loss_sums *sums, struct error *error);

#endif

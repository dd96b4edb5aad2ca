// What training needs of a device beside its network: the losses, the sum over batches and the
// optimiser's update.
#ifndef PLEURA_TRAIN_TRAINING_H
#define PLEURA_TRAIN_TRAINING_H

#include "loss/total_loss.h"
#include "nn/executor.h"
#include "optimizer/optimizer.h"
#include "train/batch_sum.h"

// All addresses are the device's, in `inputs` and `update` too. Calls only queue work.
struct training_calls {
    // Bytes of scratch memory that `loss` needs, as total_loss_scratch.
    size_t (*loss_scratch)(struct backend *backend, const struct loss_inputs *inputs,
                           const struct loss_options *options);
    // total_loss.
    void (*loss)(struct backend *backend, const struct loss_inputs *inputs,
                 const struct loss_options *options, double scale, struct loss_sums *sums,
                 void *scratch);
    // optimizer_run.
    void (*update)(struct backend *backend, const struct optimizer_update *update);
    // batch_sum_add.
    void (*add)(struct backend *backend, const struct batch_sum *sum);
    const bool *has_loss, *has_optimizer; // of each row, on this device; NULL: all
    // Memory is worth some passes over it: see struct model_options; and `loss` takes heads of
    // their own sizes.
    bool sparing;
};

extern const struct training_calls training_cpu, training_cuda;

// The device's, or the CPU's where it brings none.
const struct training_calls *training_of(const struct backend *backend);

// Whether the device has all terms of a loss, and an optimiser; *error names what it has not.
CHECKED bool training_has_losses(const struct backend *backend, const struct loss_options *options,
                                 struct error *error);
CHECKED bool training_has_optimizer(const struct backend *backend, enum optimizer_index index,
                                    struct error *error);

// Whether the device has the terms of a loss and the network the heads that they read; *error names
// a term without.
CHECKED bool training_accepts(const struct backend *backend, const struct graph *graph,
                              const struct loss_options *options, struct error *error);

#endif

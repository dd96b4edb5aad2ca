// The losses and the optimisers on the CPU, and what a device has of them.
#include "train/training.h"

const struct training_calls *training_of(const struct backend *backend) {
    return backend->training != NULL ? backend->training : &training_cpu;
}

bool training_has_losses(const struct backend *backend, const struct loss_options *options,
                         struct error *error) {
    const bool *has = training_of(backend)->has_loss;
    for (int i = 0; i < LOSSES && has != NULL; i++) {
        if (options->weights[i] > 0 && !has[i]) {
            return fail(error, "this device has no kernel for the loss %s", loss_terms[i]->name);
        }
    }
    return true;
}

bool training_has_optimizer(const struct backend *backend, enum optimizer_index index,
                            struct error *error) {
    const bool *has = training_of(backend)->has_optimizer;
    return has == NULL || has[index] ||
           fail(error, "this device has no kernel for the optimiser %s",
                optimizer_rules[index]->name);
}

bool training_accepts(const struct backend *backend, const struct graph *graph,
                      const struct loss_options *options, struct error *error) {
    const bool global = graph_map_count(graph) < graph_output_count(graph);
    return training_has_losses(backend, options, error) &&
           total_loss_has_heads(global, options, error);
}

static size_t loss_scratch(struct backend *backend, const struct loss_inputs *inputs,
                           const struct loss_options *options) {
    return total_loss_scratch(inputs, options, backend->threads);
}

static void loss(struct backend *backend, const struct loss_inputs *inputs,
                 const struct loss_options *options, double scale, struct loss_sums *sums,
                 void *scratch) {
    *sums = total_loss(inputs, options, scale, backend->threads, scratch);
}

static void update(struct backend *backend, const struct optimizer_update *update) {
    optimizer_run(update, backend->threads);
}

static void add(struct backend *backend, const struct batch_sum *sum) {
    batch_sum_add(sum, backend->threads);
}

const struct training_calls training_cpu = {
    .loss_scratch = loss_scratch, .loss = loss, .update = update, .add = add, .sparing = true};

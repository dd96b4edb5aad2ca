// Whether a table of weights fits a network: names, shapes, numbers.
#ifndef PLEURA_TRAIN_CHECKPOINT_FIT_H
#define PLEURA_TRAIN_CHECKPOINT_FIT_H

#include "core/text/name_list.h"
#include "nn/graph.h"
#include "weights/table.h"

// How a table and a network must fit: a prediction network lacks the auxiliary heads that a
// checkpoint has.
enum take { TAKE_ALL, TAKE_NEEDED };

// What keeps a table from fitting, by kind: parameters that it lacks, tensors of a shape that is
// not the parameter's, tensors left over. Starts as zeros.
enum misfit_kind { MISFIT_MISSING, MISFIT_SHAPE, MISFIT_SURPLUS, MISFIT_KINDS };
struct misfit {
    struct name_list names[MISFIT_KINDS];
};
extern const char *const misfit_words[MISFIT_KINDS]; // "missing", "of another shape", "surplus"

// Whether a table's tensors are the parameters below `prefix` ("" or "backbone."): every parameter
// must be there with its shape (but CBAM's below a prefix), and with TAKE_ALL every tensor be used;
// names that are known to be of no use are left out (num_batches_tracked; n_averaged; a
// classifier's last layers: fc.*, and timm's classifier.*, conv_head.*, bn2.*; pam.key_conv.*, an
// alias of pam.query_conv; conv2.0.* and the like, aliases in AlbuNet;
// decoder.blocks.4.attention1.*, of a skip that segmentation_models_pytorch's Unet has not).
// *misfit lists what does not fit.
bool parameters_fit(const struct graph *graph, const struct weight_table *table, const char *prefix,
                    enum take take, struct misfit *misfit);

// What stands before the names of a table that a network can start from: nothing where the table is
// of the whole network, the encoder's name where it is torchvision's network of that encoder.
struct layer_name parameters_prefix(const struct graph *graph, const struct weight_table *table);

// Whether parameters_take would take the table; *error as there.
CHECKED bool parameters_check(const struct graph *graph, const struct weight_table *table,
                              const char *prefix, enum take take, struct error *error);

#endif

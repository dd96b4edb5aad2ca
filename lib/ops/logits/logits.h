// A head's last layer, for its kernels.
#ifndef PLEURA_OPS_LOGITS_LOGITS_H
#define PLEURA_OPS_LOGITS_LOGITS_H

struct logits_attributes {
    double dropout; // the probability, 0 in prediction
};

#endif

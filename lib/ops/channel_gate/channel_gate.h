// A gate, for its kernels.
#ifndef PLEURA_OPS_CHANNEL_GATE_CHANNEL_GATE_H
#define PLEURA_OPS_CHANNEL_GATE_CHANNEL_GATE_H

#include <stdbool.h>

struct channel_gate_attributes {
    bool keep; // x itself is added
};

#endif

// A gate, for its kernels.
#ifndef PLEURA_OPS_GATE_GATE_H
#define PLEURA_OPS_GATE_GATE_H

#include <stdbool.h>

struct gate_attributes {
    bool keep; // x itself is added
};

#endif

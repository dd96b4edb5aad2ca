// The passes of position attention on the CPU, whose state is a struct position_plan.
#ifndef PLEURA_OPS_POSITION_ATTENTION_CPU_PASSES_H
#define PLEURA_OPS_POSITION_ATTENTION_CPU_PASSES_H

#include "ops/position_attention/cpu/image.h"

void position_forward(const struct call *call);
void position_backward(const struct call *call);

// Scratch memory of each, in bytes, beside the threads' workspaces.
size_t position_forward_bytes(const struct position_plan *plan);
size_t position_backward_bytes(const struct position_plan *plan);

#endif

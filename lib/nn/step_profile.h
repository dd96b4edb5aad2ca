// What a step has cost, added to a profile.
#ifndef PLEURA_NN_STEP_PROFILE_H
#define PLEURA_NN_STEP_PROFILE_H

#include "nn/profile.h"
#include "nn/schedule.h"

// `method`: the one that the node's kernel has chosen, or NULL.
void step_profile_add(struct profile *profile, const struct graph *graph, enum precision precision,
                      const struct step *step, const char *method, double seconds);

#endif

// Position attention's gradient of one score, for devices; cpu/weights_block.h has it by vectors.
#ifndef PLEURA_OPS_POSITION_ATTENTION_FORMULA_H
#define PLEURA_OPS_POSITION_ATTENTION_FORMULA_H

#include "core/device.h"

// g_ij = P_ij (dY_i . v_j - D_i) + P_ji (dY_j . v_i - D_j) = g_ji, with D_i = dY_i . Y_i: the
// derivative by the score s_ij where queries are keys, so that dq_i = sum_j g_ij q_j.
ON_DEVICE static inline float position_gradient(float p, float product, float d, float transposed_p,
                                                float transposed_product, float transposed_d) {
    return p * (product - d) + transposed_p * (transposed_product - transposed_d);
}

#endif

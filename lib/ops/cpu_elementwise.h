// Operations on the CPU whose output's numbers are each a function of the input's number there.
#ifndef PLEURA_OPS_CPU_ELEMENTWISE_H
#define PLEURA_OPS_CPU_ELEMENTWISE_H

#include "nn/operation.h"

// y = f(x), `count` numbers; y may be x. Of bf16: f of each number, rounded.
typedef void elementwise_function(const float *x, size_t count, float *y);
typedef void elementwise_bf16(const uint16_t *x, size_t count, uint16_t *y);

// A function, and the same in one pass over bf16; NULL: there is none.
struct elementwise {
    elementwise_function *function;
    elementwise_bf16 *bf16;
};

// result = dy * df/dx, where `kept` is what df/dx is made of: the input, or the output; the result
// may be either.
typedef void elementwise_gradient(const float *kept, const float *dy, size_t count, float *result);

// The state, for free; only that memory is short is an error.
CHECKED bool cpu_elementwise_plan(struct kernel_plan *plan, struct error *error);

// As a row_kernel's forward.
void cpu_elementwise_rows(const struct call *call, struct elementwise by, size_t image,
                          struct row_span rows);

// The passes of an operation that was planned so. `kept` is call->in[0] or call->out.
void cpu_elementwise_forward(const struct call *call, struct elementwise by);
void cpu_elementwise_backward(const struct call *call, const void *kept,
                              elementwise_gradient *gradient);

#endif

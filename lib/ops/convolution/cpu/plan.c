// A convolution's plan: its passes, each with its method and that method's state.
#include "ops/convolution/cpu/plan.h"

#include <stdlib.h>

struct pass {
    const struct convolution_method *method; // NULL: the pass is not wanted
    void *state;
    size_t workspace; // bytes
};

struct cpu_convolution {
    struct pass passes[CONVOLUTION_PASSES];
};

static bool wanted(const struct convolution_shape *shape, enum convolution_pass pass) {
    return pass == CONVOLUTION_FORWARD ||
           (shape->train && (pass == CONVOLUTION_WEIGHT_GRADIENT || shape->input_gradient));
}

static bool plan_pass(struct pass *pass, struct backend *backend,
                      const struct convolution_problem *problem, struct error *error) {
    const struct convolution_method *method = convolution_method_for(problem, error);
    if (method == NULL) {
        return false;
    }
    pass->state = method->plan(backend, problem, &pass->workspace, error);
    pass->method = pass->state != NULL ? method : NULL;
    return pass->state != NULL;
}

static struct convolution_problem problem_of(const struct backend *backend,
                                             const struct convolution_shape *shape) {
    return (struct convolution_problem){.shape = *shape,
                                        .pass = CONVOLUTION_FORWARD,
                                        .precision = backend->precision,
                                        .threads = backend->threads,
                                        .processor = convolution_processor()};
}

struct cpu_convolution *cpu_convolution_plan(struct backend *backend,
                                             const struct convolution_shape *shape,
                                             struct error *error) {
    struct cpu_convolution *convolution = calloc(1, sizeof *convolution);
    struct convolution_problem problem = problem_of(backend, shape);
    if (convolution == NULL) {
        (void)fail(error, "no memory");
        return NULL;
    }
    for (int pass = 0; pass < CONVOLUTION_PASSES; pass++) {
        problem.pass = (enum convolution_pass)pass;
        if (wanted(shape, problem.pass) &&
            !plan_pass(&convolution->passes[pass], backend, &problem, error)) {
            cpu_convolution_release(convolution);
            return NULL;
        }
    }
    return convolution;
}

void cpu_convolution_release(struct cpu_convolution *convolution) {
    for (int i = 0; convolution != NULL && i < CONVOLUTION_PASSES; i++) {
        const struct pass *pass = &convolution->passes[i];
        if (pass->method != NULL) {
            pass->method->release(pass->state);
        }
    }
    free(convolution);
}

const char *cpu_convolution_method(const struct cpu_convolution *convolution,
                                   enum convolution_pass pass) {
    const struct convolution_method *method = convolution->passes[pass].method;
    return method != NULL ? method->name : NULL;
}

size_t cpu_convolution_workspace(const struct cpu_convolution *convolution) {
    size_t bytes = 0;
    for (int i = 0; i < CONVOLUTION_PASSES; i++) {
        const size_t needed = convolution->passes[i].workspace;
        bytes = needed > bytes ? needed : bytes;
    }
    return bytes;
}

void cpu_convolution_prepare(struct cpu_convolution *convolution, const float *weights) {
    for (int i = 0; i < CONVOLUTION_WEIGHT_GRADIENT; i++) {
        const struct pass *pass = &convolution->passes[i];
        if (pass->method != NULL) {
            pass->method->prepare(pass->state, weights);
        }
    }
}

void cpu_convolution_forward(struct cpu_convolution *convolution, const void *input,
                             const float *bias, void *output, void *workspace) {
    const struct pass *pass = &convolution->passes[CONVOLUTION_FORWARD];
    pass->method->forward(pass->state, input, bias, output, workspace);
}

bool cpu_convolution_by_rows(struct backend *backend, const struct convolution_shape *shape) {
    const struct convolution_problem problem = problem_of(backend, shape);
    struct error error; // comes again when the layer is planned
    const struct convolution_method *method = convolution_method_for(&problem, &error);
    return method != NULL && method->forward_rows != NULL;
}

size_t cpu_convolution_row_workspace(const struct cpu_convolution *convolution) {
    const struct pass *pass = &convolution->passes[CONVOLUTION_FORWARD];
    return pass->method->forward_rows != NULL ? pass->method->row_workspace(pass->state) : 0;
}

void cpu_convolution_forward_rows(struct cpu_convolution *convolution, const void *input,
                                  const float *bias, void *output, struct convolution_rows rows,
                                  void *workspace) {
    const struct pass *pass = &convolution->passes[CONVOLUTION_FORWARD];
    pass->method->forward_rows(pass->state, input, bias, output, rows, workspace);
}

void cpu_convolution_backward(struct cpu_convolution *convolution, const void *input,
                              const void *output_gradient, void *input_gradient,
                              float *weight_gradient, float *bias_gradient, void *workspace) {
    const struct pass *weights = &convolution->passes[CONVOLUTION_WEIGHT_GRADIENT];
    const struct pass *data = &convolution->passes[CONVOLUTION_DATA_GRADIENT];
    if (weight_gradient != NULL) {
        weights->method->weight_gradient(weights->state, input, output_gradient, weight_gradient,
                                         bias_gradient, workspace);
    }
    if (input_gradient != NULL) {
        data->method->data_gradient(data->state, output_gradient, input_gradient, workspace);
    }
}

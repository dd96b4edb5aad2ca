// All phases of an input's gradient of direct convolutions, a few rows of each at a time: they read
// the same rows of the output's gradient, and what they write lies between each other's pixels.
#include "core/numbers/size.h"
#include "ops/convolution/cpu/direct/direct.h"

#include <omp.h>

#define ROWS ((size_t)4) // of each phase

// Whether there are several phases, whose weights, read again for each few rows, are less than an
// image.
static bool share_rows(const struct phase_job *jobs, size_t count) {
    const struct phase_plan *plan = jobs[0].plan;
    size_t weights = 0;
    for (size_t job = 0; job < count; job++) {
        weights += direct_weights_size(jobs[job].plan);
    }
    return count > 1 && weights < plan->height * plan->width * plan->channels;
}

// A thread's, for any phase.
static size_t workspace_bytes(const struct phase_job *jobs, size_t count) {
    size_t bytes = 0;
    for (size_t job = 0; job < count; job++) {
        bytes = workspace_for_either(bytes, direct_row_workspace(jobs[job].plan));
    }
    return bytes;
}

static void convolve_rows(const struct phase_job *job, const void *output_gradient, size_t image,
                          size_t first, void *input_gradient, void *workspace) {
    const size_t end = size_min(first + ROWS, job->plan->rows);
    void *to = (char *)input_gradient + job->first * precision_size(job->plan->precision);
    if (first < end) {
        direct_convolve_rows(job->plan, output_gradient, job->weights,
                             (struct epilogue){.bias = NULL}, to,
                             (struct convolution_rows){image, first, end}, workspace);
    }
}

void direct_convolve_phases(const struct phase_job *jobs, size_t count, const void *output_gradient,
                            void *input_gradient, void *workspace) {
    const struct phase_plan *plan = jobs[0].plan; // of all phases the one with the most rows
    const size_t bytes = workspace_bytes(jobs, count);
    if (!share_rows(jobs, count)) {
        for (size_t job = 0; job < count; job++) {
            direct_convolve(jobs[job].plan, output_gradient, jobs[job].weights,
                            (struct epilogue){.bias = NULL}, input_gradient, jobs[job].first,
                            workspace);
        }
        return;
    }
#pragma omp parallel for collapse(2) schedule(dynamic) num_threads(plan->threads)
    for (size_t image = 0; image < plan->images; image++) {
        for (size_t row = 0; row < plan->rows; row += ROWS) {
            char *own = (char *)workspace + (size_t)omp_get_thread_num() * bytes;
            for (size_t job = 0; job < count; job++) {
                convolve_rows(&jobs[job], output_gradient, image, row, input_gradient, own);
            }
        }
    }
}

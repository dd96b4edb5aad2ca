// Binary cross entropy of the global logit on a CUDA device: a thread for each image.
#include "loss/cuda.h"
#include "loss/global/global.h"

namespace {

__global__ void add_global(const struct loss_work work) {
    const size_t image = thread_number();
    if (image >= work.inputs.images) {
        return;
    }
    const double share = work.weights[MAX_LOSS_HEADS] / (double)work.inputs.images;
    const double target = work.lesion[image] > 0 ? 1 : 0;
    double derivative;
    const double loss = global_bce(work.inputs.global[image], target, &derivative);
    work.inputs.global_gradient[image] += (float)(work.scale * share * derivative);
    work.sums[image] = share * loss;
}

void add(struct backend *backend, const struct loss_work *work, void *scratch) {
    (void)scratch;
    launch(backend, add_global, blocks_for(work->inputs.images), THREADS, *work);
}

} // namespace

const struct loss_cuda global_loss_cuda = {add, NULL};

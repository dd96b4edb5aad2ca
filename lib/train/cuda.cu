// Training on a CUDA device: its losses and its optimisers.
#include "loss/cuda.h"
#include "optimizer/cuda.h"

extern "C" {
#include "train/training.h"
}

const struct training_calls training_cuda = {cuda_loss_scratch, cuda_loss, cuda_optimizer_run,
                                             cuda_has_loss, cuda_has_optimizer};

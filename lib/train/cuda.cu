// Training on a CUDA device: its losses and its optimiser.
#include "loss/cuda.h"
#include "optimizer/radam/cuda.h"

extern "C" {
#include "train/training.h"
}

const struct training_calls training_cuda = {cuda_loss_scratch, cuda_loss, cuda_update,
                                             cuda_has_loss};

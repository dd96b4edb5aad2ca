// What the stand-in's libraries do on a stream.
#ifndef PLEURA_TESTS_FAKE_CUDA_QUEUE_H
#define PLEURA_TESTS_FAKE_CUDA_QUEUE_H

#include <cuda_runtime.h>

#include <functional>

// Does the work, or records it.
void fake_queue(cudaStream_t stream, std::function<void()> work);

#endif

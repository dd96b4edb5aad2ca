// What is compiled for the host and, by CUDA's compiler, for its devices alike.
#ifndef PLEURA_CORE_DEVICE_H
#define PLEURA_CORE_DEVICE_H

#ifdef __CUDACC__
#define ON_DEVICE __host__ __device__
#else
#define ON_DEVICE
#endif

#endif

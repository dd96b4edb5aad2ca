// Inside the CPU backend: denormal numbers, those below 1.2e-38, count as 0 while networks run.
// Nothing that networks make needs them, and each product of one takes Intel's processors about a
// hundred cycles: a softmax's tail is enough to make a training step take twenty times as long.
#ifndef PLEURA_BACKEND_CPU_DENORMALS_H
#define PLEURA_BACKEND_CPU_DENORMALS_H

#include <stdbool.h>

// Whether the calling thread takes denormal numbers for 0, read and written.
bool cpu_denormals_are_zero(void);

// Does so in the calling thread and in `threads` threads of OpenMP, or undoes it. Threads that
// OpenMP starts later have it from the one that starts them.
void cpu_denormals_set_zero(int threads, bool zero);

#endif

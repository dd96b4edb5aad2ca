// Denormal numbers as 0: two bits of each thread's control word.
#include "backend/cpu/denormals.h"

#ifdef __SSE__
#include <xmmintrin.h>

#define FLUSH_TO_ZERO 0x8000u      // of results; Intel's manual, volume 1, 10.2.3
#define DENORMALS_ARE_ZERO 0x0040u // of operands
#define BOTH (FLUSH_TO_ZERO | DENORMALS_ARE_ZERO)

bool cpu_denormals_are_zero(void) {
    return (_mm_getcsr() & BOTH) == BOTH;
}

void cpu_denormals_set_zero(int threads, bool zero) {
#pragma omp parallel num_threads(threads)
    _mm_setcsr(zero ? _mm_getcsr() | BOTH : _mm_getcsr() & ~BOTH);
}
#else

bool cpu_denormals_are_zero(void) {
    return false;
}

void cpu_denormals_set_zero(int threads, bool zero) {
    (void)threads;
    (void)zero;
}
#endif

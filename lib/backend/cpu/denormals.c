// Denormal numbers as 0: bits of each thread's control word.
#include "backend/cpu/denormals.h"

#include "core/simd.h"

#if defined(PROCESSOR_X86_64)
#include <xmmintrin.h>

#define FLUSH_TO_ZERO 0x8000u      // of results; Intel's manual, volume 1, 10.2.3
#define DENORMALS_ARE_ZERO 0x0040u // of operands
#define BITS (FLUSH_TO_ZERO | DENORMALS_ARE_ZERO)

static unsigned control_word(void) {
    return _mm_getcsr();
}

static void set_control_word(unsigned word) {
    _mm_setcsr(word);
}
#elif defined(PROCESSOR_ARM_64)
#include <stdint.h>

#define BITS (UINT64_C(1) << 24) // FPCR.FZ, of operands and results; Arm's manual, DDI 0487, C5.2.8

static uint64_t control_word(void) {
    uint64_t word;
    __asm__ volatile("mrs %0, fpcr" : "=r"(word));
    return word;
}

static void set_control_word(uint64_t word) {
    __asm__ volatile("msr fpcr, %0" : : "r"(word) : "memory");
}
#else                            // numbers are as they are
#define BITS 1u

static unsigned control_word(void) {
    return 0;
}

static void set_control_word(unsigned word) {
    (void)word;
}
#endif

bool cpu_denormals_are_zero(void) {
    return (control_word() & BITS) == BITS;
}

void cpu_denormals_set_zero(int threads, bool zero) {
#pragma omp parallel num_threads(threads)
    set_control_word(zero ? control_word() | BITS : control_word() & ~BITS);
}

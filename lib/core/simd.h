// Vector code without intrinsics: a function marked VECTORISED is compiled for several x86-64
// levels, and the processor at hand picks one when the program starts. All give the same results:
// ISO mode forbids contraction.
#ifndef PLEURA_CORE_SIMD_H
#define PLEURA_CORE_SIMD_H

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) &&                             \
    !defined(__SANITIZE_ADDRESS__)
#define VECTORISED __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define VECTORISED
#endif

#endif

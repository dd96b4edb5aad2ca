// What kind of processor this is compiled for: instructions of one kind are used behind its macro
// alone. And vector code without intrinsics: a function marked VECTORISED is compiled for several
// x86-64 levels, and the processor at hand picks one when the program starts; elsewhere the
// compiler's own level has vectors. All give the same results: ISO mode forbids contraction.
#ifndef PLEURA_CORE_SIMD_H
#define PLEURA_CORE_SIMD_H

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "Pleura needs a little-endian processor: streams hold numbers as they lie in memory"
#endif

#if defined(__x86_64__) && defined(__GNUC__)
#define PROCESSOR_X86_64
#elif defined(__aarch64__) && defined(__GNUC__)
#define PROCESSOR_ARM_64
#endif

#if defined(PROCESSOR_X86_64) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define VECTORISED __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define VECTORISED
#endif

#endif

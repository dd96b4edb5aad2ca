// Inside the CPU backend: products of small float32 matrices that lie in the cache, on the calling
// thread. A block of C stays in registers while numbers of A are broadcast to it.
#ifndef PLEURA_BACKEND_CPU_PRODUCTS_F32_H
#define PLEURA_BACKEND_CPU_PRODUCTS_F32_H

#include <stdbool.h>
#include <stddef.h>

#define CPU_F32_PANEL 16          // columns of B that lie together
#define CPU_F32_PART ((size_t)64) // products that are summed in registers, then added to others

// Number (row, inner) of A lies at data[row * row_step + inner * inner_step].
struct cpu_f32_a {
    const float *data;
    size_t row_step, inner_step;
};

// Panel `p` begins at data[p * panel_step]; its row `inner` of 16 numbers lies inner * inner_step
// on.
struct cpu_f32_b {
    const float *data;
    size_t panel_step, inner_step;
};

// Panel `p` of row `r` of C begins at data[r * row_step + p * panel_step].
struct cpu_f32_c {
    float *data;
    size_t row_step, panel_step;
};

// Whether this processor has the instructions that make the products fast.
bool cpu_f32_products(void);

// The panels that are multiplied together. Who has B in the cache and that many panels should pass
// them in one call; with more, B is read again and again for each group of rows.
size_t cpu_f32_together(void);

// C (rows x 16 panels) = A B, or with `add` += A B. A number of C has the same bytes whatever rows
// and panels it is made with.
void cpu_f32_gemm(size_t rows, size_t panels, size_t inner, struct cpu_f32_a a, struct cpu_f32_b b,
                  bool add, struct cpu_f32_c c);

#endif

// Products of matrices, four rows and four terms at a time. Terms are added in their order.
#include "product.h"

#include "core/simd.h"

namespace {

VECTORISED void add_row(const product &p, int row, int k) {
    float *c = p.c + row * p.c_step;
    const float *b = p.b + k * p.b_step;
    const float a = p.a[row * p.a_step + k * p.a_across];
#pragma omp simd
    for (int i = 0; i < p.columns; i++) {
        c[i] += a * b[i];
    }
}

// Four rows, and four terms of each number, at once: that is many more products than reads and
// writes.
VECTORISED void add_four_rows(const product &p, int row, int k) {
    float *c = p.c + row * p.c_step;
    const float *b = p.b + k * p.b_step;
    float a[4][4];
    for (int i = 0; i < 16; i++) {
        a[i / 4][i % 4] = p.a[(row + i / 4) * p.a_step + (k + i % 4) * p.a_across];
    }
#pragma omp simd
    for (int i = 0; i < p.columns; i++) {
        for (int j = 0; j < 4; j++) {
            float sum = c[j * p.c_step + i];
            for (int l = 0; l < 4; l++) {
                sum += a[j][l] * b[l * p.b_step + i];
            }
            c[j * p.c_step + i] = sum;
        }
    }
}

} // namespace

void add_product(const product &p) {
    const int rows = p.rows - p.rows % 4;
    const int inner = p.inner - p.inner % 4;
    for (int row = 0; row < rows; row += 4) {
        for (int k = 0; k < inner; k += 4) {
            add_four_rows(p, row, k);
        }
    }
    for (int row = 0; row < p.rows; row++) {
        for (int k = row < rows ? inner : 0; k < p.inner; k++) {
            add_row(p, row, k);
        }
    }
}

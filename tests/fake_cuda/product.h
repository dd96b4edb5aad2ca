// What the stand-in for cuDNN takes nearly all of its time for.
#ifndef PLEURA_TESTS_FAKE_CUDA_PRODUCT_H
#define PLEURA_TESTS_FAKE_CUDA_PRODUCT_H

#include <stddef.h>

// c += a b, for matrices of rows x inner and inner x columns. Rows are so far apart; columns of a
// as well.
struct product {
    float *c;
    const float *a, *b;
    size_t c_step, a_step, a_across, b_step;
    int rows, inner, columns;
};

void add_product(const product &p);

#endif

// Warm-up and cosine.
#include "train/schedule.h"

#include <math.h>

double learning_rate(int64_t i, int64_t iterations, double base) {
    const int64_t warm = (int64_t)((double)iterations * 5.0 / 100.0);
    if (i <= warm) {
        return warm > 0 ? base * (0.1 + 0.9 * (double)i / (double)warm) : base;
    }
    const double turn = M_PI * (double)(i - warm) / (double)(iterations - warm);
    return 0.1 * base + 0.45 * base * (1 + cos(turn));
}

// What the convolution of a block and the gradient of its weights share, for lanes_block.h: which
// weight meets which number of the input.

// What an output row of the block takes from a row of input: the input from the block's first
// column on, its columns that are inside, as bits, and the weights, or in the gradient their sums.
struct NAME(part) {
    const char *from;
    uint32_t inside;
    float *weights;
};

#define MULTIPLY(weight, pixel)                                                                    \
    (gradient ? ((weight) = (VECTOR)FUSED(seen, pixel, weight))                                    \
              : ((pixel) = (VECTOR)FUSED(seen, weight, pixel)))
// What rows of input add by their channel `i`, by way of the upper and the lower output row: one
// and the same row, or two. `output`: sums of the block's pixels; in the gradient theirs, which are
// multiplied with the input to sums of weights. All up to `same` are constants.
INLINED void NAME(add_rows)(bool gradient, int kind, size_t taps, size_t stride, bool halves,
                            bool same, size_t pixel, size_t step, const struct NAME(part) * upper,
                            const struct NAME(part) * lower, size_t i, BITS sources,
                            VECTOR *output) {
    const char *above = upper->from;
    const char *below = lower->from;
    uint32_t inside_above = upper->inside;
    uint32_t inside_below = lower->inside;
    const VECTOR none = {0};
    VECTOR of_upper[MAX_TAPS];
    VECTOR of_lower[MAX_TAPS];
    UNROLLED
    for (size_t x = 0; x < taps; x++) {
        of_upper[x] = NAME(load)(false, upper->weights + x * step + i * LANES);
        of_lower[x] = gradient ? none : NAME(load)(false, lower->weights + x * step + i * LANES);
    }
    UNROLLED
    for (size_t column = 0; column < (PIXELS - 1) * stride + taps; column++) {
        if (IS_SET(inside_above, column)) {
            const VECTOR seen = NAME(see)(kind, halves, above, i, sources);
            UNROLLED
            for (size_t x = 0; x < taps; x++) {
                const size_t p = (column - x) / stride;
                if (IS_TAP(column, x, stride)) {
                    MULTIPLY(of_upper[x], output[p]);
                    if (same) {
                        MULTIPLY(of_lower[x], output[PIXELS + p]);
                    }
                }
            }
        }
        if (!same && IS_SET(inside_below, column)) {
            const VECTOR seen = NAME(see)(kind, halves, below, i, sources);
            UNROLLED
            for (size_t x = 0; x < taps; x++) {
                const size_t p = PIXELS + (column - x) / stride;
                if (IS_TAP(column, x, stride)) {
                    MULTIPLY(of_lower[x], output[p]);
                }
            }
        }
        GO_ON(above, pixel, inside_above);
        if (!same) {
            GO_ON(below, pixel, inside_below);
        }
    }
    if (!gradient) {
        return;
    }
    UNROLLED
    for (size_t x = 0; x < taps; x++) {
        *(ANYWHERE *)(upper->weights + x * step + i * LANES) = of_upper[x];
    }
    UNROLLED
    for (size_t x = 0; x < taps; x++) { // which may be the same sums
        ANYWHERE *at = (ANYWHERE *)(lower->weights + x * step + i * LANES);
        *at = (VECTOR)*at + of_lower[x];
    }
}
#undef MULTIPLY

// The same for all channels, from the window's column `x` on: rows `y` and `z` of input, of which
// the upper output row sees the one and the lower one the other.
INLINED void NAME(add_inputs)(bool gradient, int kind, size_t taps, size_t stride, bool halves,
                              bool same, const struct grouped_layer *layer,
                              const struct grouped_block *block, const struct grouped_view *view,
                              float *weights, size_t y, size_t z, size_t x, VECTOR *output) {
    const size_t inputs = kind == OWN ? 1 : layer->width;
    const size_t step = inputs * LANES;
    const size_t window_row = layer->window_width * step;
    const ptrdiff_t column = (ptrdiff_t)(x * view->pixel);
    const struct NAME(part)
        upper = {view->from + (ptrdiff_t)(y * view->row) + column, NAME(inside)(block, y, x),
                 weights + y * window_row + x * step};
    const struct NAME(part)
        lower = {view->from + (ptrdiff_t)(z * view->row) + column, NAME(inside)(block, z, x),
                 weights + (z - stride) * window_row + x * step};
    for (size_t i = 0; i < inputs; i++) {
        const BITS sources = NAME(sources)(kind, layer->width, i);
        NAME(add_rows)
        (gradient, kind, taps, stride, halves, same, view->pixel, step, &upper, &lower, i, sources,
         output);
    }
}

// All windows of one vector: first the rows that one output row alone sees, two and two. What is
// not of struct grouped_layer is constant.
INLINED void NAME(add_windows)(bool gradient, int kind, size_t taps, size_t stride, bool halves,
                               const struct grouped_layer *layer, const struct grouped_block *block,
                               const struct grouped_view *view, float *weights, VECTOR *output) {
    const size_t height = layer->window_height;
    const size_t together = taps == ANY_TAPS ? 1 : taps;
    const size_t width = taps == ANY_TAPS ? layer->window_width : taps;
    const size_t alone = height < stride ? height : stride;
    const size_t below = height < stride ? stride : height;
    for (size_t x = 0; x < width; x += together) {
        for (size_t y = 0; y < alone; y++) {
            NAME(add_inputs)
            (gradient, kind, together, stride, halves, false, layer, block, view, weights, y,
             below + y, x, output);
        }
        for (size_t y = stride; y < height; y++) {
            if (block->rows_inside >> y & 1) {
                NAME(add_inputs)
                (gradient, kind, together, stride, halves, true, layer, block, view, weights, y, y,
                 x, output);
            }
        }
    }
}

// The convolution of a block of output pixels, for lanes_block.h.

// What an output row of the block takes from a row of input: the input from the block's first
// column on, its columns that are inside, as bits, and the weights.
struct NAME(part) {
    const char *from;
    uint32_t inside;
    const float *weights;
};

// What rows of input add to the sums of the upper and the lower output row by their channel `i`:
// one and the same row, or two. All up to `same` are constants.
INLINED void NAME(add_rows)(int kind, size_t taps, size_t stride, bool halves, bool same,
                            size_t pixel, size_t step, const struct NAME(part) * upper,
                            const struct NAME(part) * lower, size_t i, BITS sources, VECTOR *sums) {
    const char *above = upper->from;
    const char *below = lower->from;
    uint32_t inside_above = upper->inside;
    uint32_t inside_below = lower->inside;
    VECTOR of_upper[MAX_TAPS];
    VECTOR of_lower[MAX_TAPS];
    UNROLLED
    for (size_t x = 0; x < taps; x++) {
        of_upper[x] = NAME(load)(false, upper->weights + x * step + i * LANES);
        of_lower[x] = NAME(load)(false, lower->weights + x * step + i * LANES);
    }
    UNROLLED
    for (size_t column = 0; column < (PIXELS - 1) * stride + taps; column++) {
        if (IS_SET(inside_above, column)) {
            const VECTOR seen = NAME(see)(kind, halves, above, i, sources);
            UNROLLED
            for (size_t x = 0; x < taps; x++) {
                const size_t p = (column - x) / stride;
                if (IS_TAP(column, x, stride)) {
                    sums[p] = (VECTOR)FUSED(seen, of_upper[x], sums[p]);
                    if (same) {
                        sums[PIXELS + p] = (VECTOR)FUSED(seen, of_lower[x], sums[PIXELS + p]);
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
                    sums[p] = (VECTOR)FUSED(seen, of_lower[x], sums[p]);
                }
            }
        }
        GO_ON(above, pixel, inside_above);
        if (!same) {
            GO_ON(below, pixel, inside_below);
        }
    }
}

// The same for all channels, from the window's column `x` on: rows `y` and `z` of input, of which
// the upper output row sees the one and the lower one the other.
INLINED void NAME(add_inputs)(int kind, size_t taps, size_t stride, bool halves, bool same,
                              const struct grouped_layer *layer, const struct grouped_block *block,
                              const struct grouped_view *view, const float *weights, size_t y,
                              size_t z, size_t x, VECTOR *sums) {
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
        (kind, taps, stride, halves, same, view->pixel, step, &upper, &lower, i, sources, sums);
    }
}

// All windows of one vector: first the rows that one output row alone sees, two and two. What is
// not of struct grouped_layer is constant.
INLINED void NAME(add_windows)(int kind, size_t taps, size_t stride, bool halves,
                               const struct grouped_layer *layer, const struct grouped_block *block,
                               const struct grouped_view *view, const float *weights,
                               VECTOR *sums) {
    const size_t height = layer->window_height;
    const size_t together = taps == ANY_TAPS ? 1 : taps;
    const size_t width = taps == ANY_TAPS ? layer->window_width : taps;
    const size_t alone = height < stride ? height : stride;
    const size_t below = height < stride ? stride : height;
    for (size_t x = 0; x < width; x += together) {
        for (size_t y = 0; y < alone; y++) {
            NAME(add_inputs)
            (kind, together, stride, halves, false, layer, block, view, weights, y, below + y, x,
             sums);
        }
        for (size_t y = stride; y < height; y++) {
            if (block->rows_inside >> y & 1) {
                NAME(add_inputs)
                (kind, together, stride, halves, true, layer, block, view, weights, y, y, x, sums);
            }
        }
    }
}

INLINED void NAME(put)(int number, VECTOR x, void *at) {
#ifdef NARROWED
    if (number == NATIVE_HALF) {
        *(HALVES *)at = NARROWED(x);
        return;
    }
#endif
    if (number != FLOAT) {
        NAME(narrow)(x, at);
    } else {
        *(ANYWHERE *)at = x;
    }
}

INLINED VECTOR NAME(rectified)(VECTOR x) { // NaN stays
    return (VECTOR)((BITS)x & ~(BITS)(x < (VECTOR){0}));
}

// A part of the block's pixels, or with sums that are there already.
UNCHECKED TARGET static void NAME(store_part)(const struct grouped_convolution *job, int number,
                                              const struct grouped_block *block, char *output,
                                              const VECTOR *sums) {
    const size_t size = number == FLOAT ? sizeof(float) : sizeof(uint16_t);
    for (size_t y = 0; y < block->rows; y++) {
        char *at = output + y * job->layer.out_row * size;
        for (size_t p = 0; p < block->pixels; p++, at += job->layer.out_pixel * size) {
            VECTOR sum = sums[y * PIXELS + p];
            if (job->sum) {
                sum += NAME(load)(number != FLOAT, at);
            }
            NAME(put)(number, job->relu ? NAME(rectified)(sum) : sum, at);
        }
    }
}

// The sums of a vector, + bias, + what is there, then ReLU.
INLINED void NAME(store)(const struct grouped_convolution *job, int number,
                         const struct grouped_block *block, size_t channel, VECTOR *sums) {
    const size_t size = number == FLOAT ? sizeof(float) : sizeof(uint16_t);
    const size_t pixel = job->layer.out_pixel * size;
    char *output = (char *)job->output + (block->output + channel) * size;
    if (job->bias != NULL) {
        const VECTOR bias = NAME(load)(false, job->bias + channel);
        UNROLLED
        for (size_t p = 0; p < GROUPED_ROWS * PIXELS; p++) {
            sums[p] += bias;
        }
    }
    if (job->sum || block->rows < GROUPED_ROWS || block->pixels < PIXELS) {
        VECTOR copy[GROUPED_ROWS * PIXELS];
        UNROLLED
        for (size_t p = 0; p < GROUPED_ROWS * PIXELS; p++) {
            copy[p] = sums[p];
        }
        NAME(store_part)(job, number, block, output, copy);
        return;
    }
    if (job->relu) {
        UNROLLED
        for (size_t p = 0; p < GROUPED_ROWS * PIXELS; p++) {
            sums[p] = NAME(rectified)(sums[p]);
        }
    }
    UNROLLED
    for (size_t y = 0; y < GROUPED_ROWS; y++) {
        char *at = output + y * job->layer.out_row * size;
        UNROLLED
        for (size_t p = 0; p < PIXELS; p++) {
            NAME(put)(number, sums[y * PIXELS + p], at);
            at += pixel;
            KEPT(at);
        }
    }
}

// The block; what is left of `job` are constants.
INLINED void NAME(convolve_as)(int kind, size_t taps, size_t stride, bool halves,
                               const struct grouped_convolution *job,
                               const struct grouped_block *block, float *tile) {
    const struct grouped_layer *layer = &job->layer;
    const size_t numbers = layer->window_height * layer->window_width * layer->width;
    struct grouped_view view = {0};
    for (size_t v = 0; v < block->vectors; v++) {
        const size_t channel = block->channel + v * LANES;
        NAME(view)(kind, layer, block, job->input, v, tile, &view);
        VECTOR sums[GROUPED_ROWS * PIXELS];
        UNROLLED
        for (size_t p = 0; p < GROUPED_ROWS * PIXELS; p++) {
            sums[p] = (VECTOR){0};
        }
        NAME(fetch)(layer, block, job->input, channel);
        NAME(fetch_output)(layer, block, job->output, channel);
        NAME(add_windows)
        (kind, taps, stride, halves, layer, block, &view, job->weights + channel * numbers, sums);
        if (!halves && (kind == OWN || layer->precision == PRECISION_F32)) {
            NAME(store)(job, FLOAT, block, channel, sums);
        } else if (job->native_bf16) {
            NAME(store)(job, NATIVE_HALF, block, channel, sums);
        } else {
            NAME(store)(job, HALF, block, channel, sums);
        }
    }
}

#define FUNCTION(name, kind, taps, stride, halves)                                                 \
    UNCHECKED TARGET static void NAME(convolve_##name)(                                            \
        const struct grouped_convolution *job, const struct grouped_block *block, float *tile) {   \
        NAME(convolve_as)(kind, taps, stride, halves, job, block, tile);                           \
    }
GROUPED_KERNELS(FUNCTION)
#undef FUNCTION

static void NAME(convolve)(const struct grouped_convolution *job, const struct grouped_block *block,
                           float *tile) {
    static void (*const kernels[])(const struct grouped_convolution *job,
                                   const struct grouped_block *block, float *tile) = {
#define LISTED(name, kind, taps, stride, halves) NAME(convolve_##name),
        GROUPED_KERNELS(LISTED)
#undef LISTED
    };
    kernels[job->layer.kernel](job, block, tile);
}

// What the block adds to the weights' gradient, for lanes_block.h.

// What an output row of the block takes from a row of input, and the sums of that row's taps.
struct NAME(share) {
    const char *from;
    uint32_t inside;
    float *sums;
};

// Adds the products with the upper and the lower row of the output's gradient `dy` by channel `i`:
// of one and the same row of input, or of two. All up to `same` are constants.
INLINED void NAME(sum_rows)(int kind, size_t taps, size_t stride, bool halves, bool same,
                            size_t pixel, size_t step, const struct NAME(share) * upper,
                            const struct NAME(share) * lower, size_t i, BITS sources,
                            const VECTOR *dy) {
    const char *above = upper->from;
    const char *below = lower->from;
    uint32_t inside_above = upper->inside;
    uint32_t inside_below = lower->inside;
    VECTOR of_upper[MAX_TAPS];
    VECTOR of_lower[MAX_TAPS];
    UNROLLED
    for (size_t x = 0; x < taps; x++) {
        of_upper[x] = NAME(load)(false, upper->sums + x * step + i * LANES);
        of_lower[x] = (VECTOR){0};
    }
    UNROLLED
    for (size_t column = 0; column < (PIXELS - 1) * stride + taps; column++) {
        if (IS_SET(inside_above, column)) {
            const VECTOR seen = NAME(see)(kind, halves, above, i, sources);
            UNROLLED
            for (size_t x = 0; x < taps; x++) {
                const size_t p = (column - x) / stride;
                if (IS_TAP(column, x, stride)) {
                    of_upper[x] = (VECTOR)FUSED(seen, dy[p], of_upper[x]);
                    if (same) {
                        of_lower[x] = (VECTOR)FUSED(seen, dy[PIXELS + p], of_lower[x]);
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
                    of_lower[x] = (VECTOR)FUSED(seen, dy[p], of_lower[x]);
                }
            }
        }
        GO_ON(above, pixel, inside_above);
        if (!same) {
            GO_ON(below, pixel, inside_below);
        }
    }
    UNROLLED
    for (size_t x = 0; x < taps; x++) {
        *(ANYWHERE *)(upper->sums + x * step + i * LANES) = of_upper[x];
    }
    UNROLLED
    for (size_t x = 0; x < taps; x++) { // which may be the same sums
        ANYWHERE *at = (ANYWHERE *)(lower->sums + x * step + i * LANES);
        *at = (VECTOR)*at + of_lower[x];
    }
}

// The same for all channels, from the window's column `x` on: rows `y` and `z` of input, of which
// the upper output row sees the one and the lower one the other.
INLINED void NAME(sum_inputs)(int kind, size_t taps, size_t stride, bool halves, bool same,
                              const struct grouped_layer *layer, const struct grouped_block *block,
                              const struct grouped_view *view, const VECTOR *dy, size_t y, size_t z,
                              size_t x, float *sums) {
    const size_t inputs = kind == OWN ? 1 : layer->width;
    const size_t step = inputs * LANES;
    const size_t window_row = layer->window_width * step;
    const ptrdiff_t column = (ptrdiff_t)(x * view->pixel);
    const struct NAME(share) upper = {view->from + (ptrdiff_t)(y * view->row) + column,
                                      NAME(inside)(block, y, x), sums + y * window_row + x * step};
    const struct NAME(share)
        lower = {view->from + (ptrdiff_t)(z * view->row) + column, NAME(inside)(block, z, x),
                 sums + (z - stride) * window_row + x * step};
    for (size_t i = 0; i < inputs; i++) {
        const BITS sources = NAME(sources)(kind, layer->width, i);
        NAME(sum_rows)
        (kind, taps, stride, halves, same, view->pixel, step, &upper, &lower, i, sources, dy);
    }
}

// All windows of one vector: first the rows that one output row alone sees, two and two. What is
// not of struct grouped_layer is constant.
INLINED void NAME(sum_windows)(int kind, size_t taps, size_t stride, bool halves,
                               const struct grouped_layer *layer, const struct grouped_block *block,
                               const struct grouped_view *view, const VECTOR *dy, float *sums) {
    const size_t height = layer->window_height;
    const size_t together = taps == ANY_TAPS ? 1 : taps;
    const size_t width = taps == ANY_TAPS ? layer->window_width : taps;
    const size_t alone = height < stride ? height : stride;
    const size_t below = height < stride ? stride : height;
    for (size_t x = 0; x < width; x += together) {
        for (size_t y = 0; y < alone; y++) {
            NAME(sum_inputs)
            (kind, together, stride, halves, false, layer, block, view, dy, y, below + y, x, sums);
        }
        for (size_t y = stride; y < height; y++) {
            if (block->rows_inside >> y & 1) {
                NAME(sum_inputs)
                (kind, together, stride, halves, true, layer, block, view, dy, y, y, x, sums);
            }
        }
    }
}
// The output's gradient in one vector of the block, and zeros beyond.
INLINED void NAME(load_gradient)(const struct grouped_sums *job, bool halves,
                                 const struct grouped_block *block, size_t channel, VECTOR *dy) {
    const size_t size = halves ? sizeof(uint16_t) : sizeof(float);
    const size_t pixel = job->layer.out_pixel * size;
    const char *gradient = (const char *)job->output_gradient + (block->output + channel) * size;
    UNROLLED
    for (size_t y = 0; y < GROUPED_ROWS; y++) {
        const char *at = gradient;
        UNROLLED
        for (size_t p = 0; p < PIXELS; p++) {
            const bool inside = __builtin_expect(y < block->rows && p < block->pixels, 1);
            dy[y * PIXELS + p] = inside ? NAME(load)(halves, at) : (VECTOR){0};
            at += pixel;
            KEPT(at);
        }
        gradient += job->layer.out_row * size;
    }
}

// The block; what is left of `job` are constants.
INLINED void NAME(sum_as)(int kind, size_t taps, size_t stride, bool halves,
                          const struct grouped_sums *job, const struct grouped_block *block,
                          float *tile) {
    const struct grouped_layer *layer = &job->layer;
    const size_t numbers = layer->window_height * layer->window_width * layer->width;
    struct grouped_view view = {0};
    for (size_t v = 0; v < block->vectors; v++) {
        const size_t channel = block->channel + v * LANES;
        NAME(view)(kind, layer, block, job->input, v, tile, &view);
        VECTOR dy[GROUPED_ROWS * PIXELS];
        NAME(fetch)(layer, block, job->input, channel);
        if (halves || (kind != OWN && layer->precision == PRECISION_BF16)) {
            NAME(load_gradient)(job, true, block, channel, dy);
        } else {
            NAME(load_gradient)(job, false, block, channel, dy);
        }
        NAME(sum_windows)
        (kind, taps, stride, halves, layer, block, &view, dy, job->sums + channel * numbers);
    }
}

#define FUNCTION(name, kind, taps, stride, halves)                                                 \
    UNCHECKED TARGET static void NAME(sum_##name)(                                                 \
        const struct grouped_sums *job, const struct grouped_block *block, float *tile) {          \
        NAME(sum_as)(kind, taps, stride, halves, job, block, tile);                                \
    }
GROUPED_KERNELS(FUNCTION)
#undef FUNCTION

static void NAME(sum)(const struct grouped_sums *job, const struct grouped_block *block,
                      float *tile) {
    static void (*const kernels[])(const struct grouped_sums *job,
                                   const struct grouped_block *block, float *tile) = {
#define LISTED(name, kind, taps, stride, halves) NAME(sum_##name),
        GROUPED_KERNELS(LISTED)
#undef LISTED
    };
    kernels[job->layer.kernel](job, block, tile);
}

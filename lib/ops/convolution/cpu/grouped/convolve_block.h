// The convolution of a block of output pixels, for lanes_block.h.

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

// As a whole line of the cache, past it. Of bf16 that is two vectors: `before` has the one before.
INLINED void NAME(stream)(int number, VECTOR x, const HALVES *before, void *at) {
#ifdef STREAM
    HALVES upper;
    if (number == FLOAT) {
        STREAM(x, at);
    } else {
        NAME(put)(number, x, &upper);
        STREAM(JOINED(*before, upper), (HALVES *)at - 1);
    }
#else
    (void)before;
    NAME(put)(number, x, at);
#endif
}

INLINED VECTOR NAME(rectified)(VECTOR x) { // NaN stays
    return (VECTOR)((BITS)x & ~(BITS)(x < (VECTOR){0}));
}

// A part of the block's pixels, or with sums that are there already.
UNCHECKED TARGET static void NAME(store_part)(const struct grouped_convolution *job, int number,
                                              const struct grouped_block *block, char *output,
                                              const VECTOR *sums) {
    const size_t size = number == FLOAT ? sizeof(float) : sizeof(uint16_t);
    for (size_t y = block->first_row; y < block->rows; y++) {
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
INLINED void NAME(store)(const struct grouped_convolution *job, int number, bool streams,
                         const struct grouped_block *block, size_t channel, VECTOR *sums,
                         HALVES *before) {
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
    if (job->sum || block->first_row > 0 || block->rows < GROUPED_ROWS || block->pixels < PIXELS) {
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
    if (streams && number != FLOAT && channel / LANES % 2 == 0) {
        UNROLLED
        for (size_t p = 0; p < GROUPED_ROWS * PIXELS; p++) {
            NAME(put)(number, sums[p], before + p);
        }
        return;
    }
    UNROLLED
    for (size_t y = 0; y < GROUPED_ROWS; y++) {
        char *at = output + y * job->layer.out_row * size;
        UNROLLED
        for (size_t p = 0; p < PIXELS; p++) {
            const VECTOR sum = sums[y * PIXELS + p];
            if (streams) {
                NAME(stream)(number, sum, before + y * PIXELS + p, at);
            } else {
                NAME(put)(number, sum, at);
            }
            at += pixel;
            KEPT(at);
        }
    }
}

INLINED void NAME(store_as)(int kind, bool halves, const struct grouped_convolution *job,
                            const struct grouped_block *block, size_t channel, VECTOR *sums,
                            HALVES *before) {
    const bool bf16 = halves || (kind != OWN && job->layer.precision == PRECISION_BF16);
#ifdef STREAM
    if (job->streams) {
        NAME(store)(job, bf16 ? NATIVE_HALF : FLOAT, true, block, channel, sums, before);
        return;
    }
#endif
    if (!bf16) {
        NAME(store)(job, FLOAT, false, block, channel, sums, before);
    } else if (job->native_bf16) {
        NAME(store)(job, NATIVE_HALF, false, block, channel, sums, before);
    } else {
        NAME(store)(job, HALF, false, block, channel, sums, before);
    }
}

// The block; what is left of `job` are constants.
INLINED void NAME(convolve_as)(int kind, size_t taps, size_t stride, bool halves,
                               const struct grouped_convolution *job,
                               const struct grouped_block *block, float *tile) {
    const struct grouped_layer *layer = &job->layer;
    const size_t numbers = layer->window_height * layer->window_width * layer->width;
    struct grouped_view view = {0};
    const size_t parts = halves ? 1 : stride; // of what is fetched: at most two
    HALVES before[GROUPED_ROWS * PIXELS] = {{0}};
    for (size_t v = 0; v < block->vectors; v++) {
        const size_t channel = block->channel + v * LANES;
        NAME(view)(kind, layer, block, job->input, v, tile, &view);
        VECTOR sums[GROUPED_ROWS * PIXELS];
        UNROLLED
        for (size_t p = 0; p < GROUPED_ROWS * PIXELS; p++) {
            sums[p] = (VECTOR){0};
        }
        NAME(fetch)
        (layer, block, stride, halves, job->input, job->streams ? NULL : job->output, channel, 0,
         parts);
        NAME(add_windows)
        (false, kind, taps, stride, halves, layer, block, &view,
         (float *)(uintptr_t)(job->weights + channel * numbers), sums);
        if (parts > 1) {
            NAME(fetch)(layer, block, stride, halves, job->input, NULL, channel, 1, parts);
        }
        NAME(store_as)(kind, halves, job, block, channel, sums, before);
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

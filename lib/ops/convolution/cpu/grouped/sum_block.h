// What the block adds to the weights' gradient, for lanes_block.h.

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
    const size_t parts = kind == OWN ? 1 : stride; // of what is fetched: at most two
    struct grouped_view view = {0};
    for (size_t v = 0; v < block->vectors; v++) {
        const size_t channel = block->channel + v * LANES;
        NAME(view)(kind, layer, block, job->input, v, tile, &view);
        VECTOR dy[GROUPED_ROWS * PIXELS];
        NAME(fetch)
        (layer, block, stride, halves, job->input, job->output_gradient, channel, 0, parts);
        if (halves || (kind != OWN && layer->precision == PRECISION_BF16)) {
            NAME(load_gradient)(job, true, block, channel, dy);
        } else {
            NAME(load_gradient)(job, false, block, channel, dy);
        }
        NAME(add_windows)
        (true, kind, taps, stride, halves, layer, block, &view, job->sums + channel * numbers, dy);
        if (parts > 1) {
            NAME(fetch)(layer, block, stride, halves, job->input, NULL, channel, 1, parts);
        }
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

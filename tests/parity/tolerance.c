// How far a network's figures may be off.
#include "parity.h"

#include <math.h>
#include <string.h>

#define MIN_TOLERANCE 1e-4 // otherwise this many times what float32 in the reference errs by
#define TIMES 3
#define TIMES_ON_GPU 4 // cuDNN adds up thousands of products in one row
#define TIMES_IN_BF16 1.5
// A ReLU whose argument rounds to the other side of 0 turns over; one in the decoder of
// smp-unet-efficientnet_b4 makes all gradients behind it 0.6 % different.
#define MIN_GRADIENT_ON_GPU 1e-2

// In bf16 one step's training outputs and gradients say nothing, since norms over the few values of
// a small image make rounding errors large; what remains is compared with these.
static const struct {
    const char *figure;
    double tolerance;
} bf16_figures[] = {{"outputs", 0.03}, {"loss", 0.05}, {"statistics", 0.15}};

// By how much the reference's own bf16 is off, where the fixture tells: gates and norms of
// hash-made parameters make rounding errors large.
static double reference_bf16(const json_t *fixture, const char *figure) {
    return json_number_value(json_object_get(json_object_get(fixture, "bfloat16"), figure));
}

double parity_tolerance(const struct parity *parity, const json_t *fixture, const char *figure) {
    if (strcmp(parity->precision, "f32") == 0) {
        const bool cpu = strcmp(parity->device, "cpu") == 0;
        const bool gradient = strncmp(figure, "gradients", 9) == 0;
        const double least = gradient && !cpu ? MIN_GRADIENT_ON_GPU : MIN_TOLERANCE;
        const double times = cpu ? TIMES : TIMES_ON_GPU;
        const double usual = strcmp(figure, "statistics") == 0
                                 ? 0
                                 : times * number_member(member(fixture, "float32"), figure);
        return fmax(usual, least);
    }
    const bool train = json_object_get(fixture, "gradients") != NULL;
    for (size_t i = train ? 1 : 0; i < sizeof bf16_figures / sizeof *bf16_figures; i++) {
        if (strcmp(bf16_figures[i].figure, figure) == 0) {
            return fmax(bf16_figures[i].tolerance, TIMES_IN_BF16 * reference_bf16(fixture, figure));
        }
    }
    return -1;
}

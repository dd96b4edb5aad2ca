// Terms of the loss against PyTorch's figures: values and gradients of a few pixels.
#include "loss/total_loss.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "loss/bce/bce.h"
#include "loss/dice/dice.h"
#include "loss/focal/focal.h"

enum { IMAGES = 2, PIXELS = 6, COUNT = IMAGES * PIXELS, SCRATCH = 4096 };

static const float logits[COUNT] = {-3, -1, -0.25F, 0.5F, 2, 4, -2, -1.5F, 0.75F, -0.5F, 1, -6};
static const uint8_t masks[COUNT] = {[2] = 1, [3] = 1, [4] = 1};

// By PyTorch 2.15 in float64, the terms written as in ComboLoss of the challenge's first place (but
// Dice for each image, and with the original's class weights), BCE by
// binary_cross_entropy_with_logits.
static const struct figures {
    int term;
    int setting;
    double value; // of the setting
    double loss, gradient[COUNT];
} figures[] = {
    {LOSS_focal,
     FOCAL_GAMMA,
     2,
     0.460870984396,
     {2.62393205e-05, 0.00438176083, -0.0338536178, -0.0114947498, -0.000405911683, 0.0905329878,
      0.000405911683, 0.00141925877, 0.0541486938, 0.0114947498, 0.0640195603, 3.7762037e-09}},
    {LOSS_focal,
     FOCAL_GAMMA,
     0.5,
     0.632527671988,
     {0.00128065025, 0.0165711935, -0.0464231666, -0.0268863777, -0.0050379389, 0.0840792969,
      0.0050379389, 0.00942356169, 0.0591682476, 0.0268863777, 0.0646718193, 1.53627072e-05}},
    {LOSS_dice,
     DICE_SMOOTHING,
     1e-5,
     0.68889993655,
     {0.00225249124, 0.00980299693, -0.0271757562, -0.0259468478, -0.011592381, 0.000880655878,
      1.19965258e-07, 1.7041415e-07, 2.48965963e-07, 2.68514318e-07, 2.24648022e-07,
      2.81822382e-09}},
    {LOSS_dice,
     DICE_EMPTY,
     0.4,
     0.434968269332,
     {0.00308865064, 0.0134420202, -0.0235046741, -0.0224417749, -0.0100264051, 0.00120756889,
      0.00962176937, 0.0136680042, 0.0199682235, 0.021536092, 0.0180178119, 0.000226034604}},
    {LOSS_bce,
     BCE_BALANCE,
     0,
     0.755164169507,
     {0.0039521561, 0.0224117851, -0.0468480417, -0.0314617224, -0.00993357684, 0.0818344825,
      0.00993357684, 0.015202127, 0.0565982249, 0.0314617224, 0.0609215482, 0.00020605193}},
};

static void terms_are_those_of_torch(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
        static double scratch[SCRATCH];
        const struct figures *wanted = &figures[i];
        const float global[IMAGES] = {0, 0};
        float gradients[COUNT];
        float global_gradient[IMAGES];
        const struct loss_inputs inputs = {.heads = 1,
                                           .images = IMAGES,
                                           .pixels = PIXELS,
                                           .logits = {logits},
                                           .global = global,
                                           .masks = masks,
                                           .gradients = {gradients},
                                           .global_gradient = global_gradient};
        struct loss_options options = loss_options_usual();
        for (int term = 0; term < LOSSES; term++) {
            options.weights[term] = term == wanted->term ? 3 : 0;
        }
        options.values[wanted->term][wanted->setting] = wanted->value;
        assert_true(total_loss_scratch(&inputs, &options, 1) <= sizeof scratch);
        const struct loss_sums sums = total_loss(&inputs, &options, 0.5, 1, scratch);
        assert_true(fabs(sums.total - 3 * wanted->loss) <= 2e-6);
        for (size_t k = 0; k < COUNT; k++) {
            const double apart = fabs((double)gradients[k] - 1.5 * wanted->gradient[k]);
            if (!(apart <= 2e-7)) {
                fail_msg("%s, pixel %zu: off by %g", loss_terms[wanted->term]->name, k, apart);
            }
        }
    }
}

static void optional_terms_are_told_where_they_count(void **state) {
    struct loss_options options = loss_options_usual();
    (void)state;
    assert_true(loss_is_told(&options, LOSS_global) && !loss_is_told(&options, LOSS_dice));
    options.weights[LOSS_dice] = 1;
    assert_true(loss_is_told(&options, LOSS_dice));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(terms_are_those_of_torch),
        cmocka_unit_test(optional_terms_are_told_where_they_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

// The table of scores.
#include "challenge/metrics/figures.h"

#include <math.h>
#include <stdlib.h>

// The mean of the values that are numbers; they move to the front.
static bool add_mean(struct figures *figures, const char *key, const char *name, double *values,
                     size_t count, const struct bootstrap *bootstrap, struct error *error) {
    struct figure *figure = &figures->items[figures->count++];
    double sum = 0;
    *figure = (struct figure){key, name, (double)NAN, {(double)NAN, (double)NAN}, 0};
    for (size_t i = 0; i < count; i++) {
        if (!isnan(values[i])) {
            values[figure->images++] = values[i];
            sum += values[i];
        }
    }
    if (figure->images == 0) {
        return true;
    }
    figure->value = sum / (double)figure->images;
    return bootstrap_mean(bootstrap, values, figure->images, &figure->interval, error);
}

bool figures_of_contours(struct figures *figures, const struct contour_scores *contours,
                         const bool *lesion, size_t count, const struct bootstrap *bootstrap,
                         struct error *error) {
    double *distances = malloc(count * sizeof *distances);
    double *dice = malloc(count * sizeof *dice);
    bool added = distances != NULL && dice != NULL;
    if (!added) {
        (void)fail(error, "no memory for %zu images", count);
    }
    for (size_t i = 0; added && i < count; i++) {
        distances[i] = contours[i].hausdorff;
        dice[i] = lesion[i] ? contours[i].surface_dice : (double)NAN;
    }
    added =
        added &&
        add_mean(figures, "hausdorff_95", "Hausdorff 95 %", distances, count, bootstrap, error) &&
        add_mean(figures, "surface_dice", "surface Dice", dice, count, bootstrap, error);
    free(distances);
    free(dice);
    return added;
}

bool figures_of_probabilities(struct figures *figures, struct probability_scores *scores,
                              const struct bootstrap *bootstrap, struct error *error) {
    static const struct {
        const char *key, *name;
        bootstrap_statistic *statistic;
    } rows[] = {
        {"roc_area", "area under ROC curve", score_roc_area},
        {"average_precision", "average precision", score_average_precision},
        {"froc", "FROC", score_froc},
        {"brier", "Brier score", score_brier},
        {"calibration_error", "calibration error", score_calibration_error},
    };
    if (!probabilities_sort(scores, error)) {
        return false;
    }
    uint32_t *once = malloc(scores->count * sizeof *once);
    bool added = once != NULL || fail(error, "no memory for %zu images", scores->count);
    for (size_t i = 0; added && i < scores->count; i++) {
        once[i] = 1;
    }
    for (size_t i = 0; added && i < sizeof rows / sizeof *rows; i++) {
        struct figure *figure = &figures->items[figures->count++];
        *figure = (struct figure){.key = rows[i].key, .name = rows[i].name};
        figure->value = rows[i].statistic(scores, once);
        added = bootstrap_score(bootstrap, rows[i].statistic, scores, scores->count,
                                &figure->interval, error);
    }
    free(once);
    return added;
}

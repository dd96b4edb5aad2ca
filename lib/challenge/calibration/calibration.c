// Rules of a grid, scored from what was measured of each image.
#include "challenge/calibration/calibration.h"

#include "challenge/ensemble.h"
#include "core/array.h"
#include "image/mask.h"

#include <stdlib.h>
#include <string.h>

size_t grid_size(const struct grid *grid) {
    return grid->decide.count * grid->limits.count * grid->mask.count;
}

struct rule grid_rule(const struct grid *grid, size_t index) {
    const size_t limit = index / grid->mask.count;
    return (struct rule){.decide = grid->decide.values[limit / grid->limits.count],
                         .kind = grid->kind,
                         .limit = grid->limits.values[limit % grid->limits.count],
                         .mask = grid->mask.values[index % grid->mask.count]};
}

// ---- measuring

static bool grow(struct calibration *c, struct error *error) {
    struct fold_image *images =
        array_grow(c->images, &c->image_capacity, c->count + 1, sizeof *images);
    if (images != NULL) {
        c->images = images;
    }
    int64_t *areas = array_grow(c->areas, &c->area_capacity, (c->count + 1) * c->grid.decide.count,
                                sizeof *areas);
    if (areas != NULL) {
        c->areas = areas;
    }
    struct overlap *overlaps = array_grow(c->overlaps, &c->overlap_capacity,
                                          (c->count + 1) * c->grid.mask.count, sizeof *overlaps);
    if (overlaps != NULL) {
        c->overlaps = overlaps;
    }
    return (images != NULL && areas != NULL && overlaps != NULL) ||
           fail(error, "no memory for %zu images", c->count + 1);
}

// Counts the pixels above each threshold that decides. Where none is left, none is above the next.
static bool measure_areas(struct calibration *c, const struct record *deciding, int64_t *areas,
                          struct error *error) {
    const struct steps *decide = &c->grid.decide;
    memset(areas, 0, decide->count * sizeof *areas);
    for (size_t i = 0; i < decide->count; i++) {
        if (!mask_from_probability(deciding, decide->values[i], &c->drawn, error)) {
            return false;
        }
        areas[i] = (int64_t)mask_area(&c->drawn);
        if (areas[i] == 0) {
            break;
        }
    }
    return true;
}

// The same of the masks.
static bool measure_masks(struct calibration *c, const struct record *segmenting,
                          const struct fold_image *image, const struct runs *truth,
                          struct overlap *overlaps, struct error *error) {
    const struct steps *mask = &c->grid.mask;
    c->runs.count = 0;
    for (size_t i = 0; i < mask->count; i++) {
        if (i == 0 || c->runs.count > 0) {
            if (!mask_from_probability(segmenting, mask->values[i], &c->drawn, error) ||
                !runs_trace(&c->runs, &c->drawn, error)) {
                return false;
            }
        }
        overlaps[i] = (struct overlap){.truth = image->truth,
                                       .prediction = runs_area(&c->runs),
                                       .both = runs_common(truth, &c->runs),
                                       .pixels = image->pixels};
    }
    return true;
}

bool calibration_add(struct calibration *c, const struct record *deciding,
                     const struct record *segmenting, const struct runs *truth, size_t fold,
                     struct error *error) {
    if (!grow(c, error) ||
        !measure_areas(c, deciding, c->areas + c->count * c->grid.decide.count, error)) {
        return false;
    }
    const size_t height = c->drawn.height;
    const size_t width = c->drawn.width;
    const struct fold_image image = {
        .fold = fold, .truth = runs_area(truth), .pixels = height * width};
    c->mask_failed = true;
    if (!measure_masks(c, segmenting, &image, truth, c->overlaps + c->count * c->grid.mask.count,
                       error)) {
        return false;
    }
    if (c->drawn.height != height || c->drawn.width != width) {
        return fail(error, "'%.*s': %zu x %zu probabilities decide, %zu x %zu give its mask",
                    TEXT_ARG(deciding->id), height, width, c->drawn.height, c->drawn.width);
    }
    c->mask_failed = false;
    c->images[c->count++] = image;
    c->folds = fold >= c->folds ? fold + 1 : c->folds;
    return true;
}

void calibration_free(struct calibration *c) {
    image_free(&c->drawn);
    runs_free(&c->runs);
    free(c->images);
    free(c->areas);
    free(c->overlaps);
}

// ---- scoring

// Images by number: those of a fold, or those of the others.
struct choice {
    size_t *images;
    size_t count;
    int64_t *areas; // for sorting
};

static bool choose(struct choice *choice, const struct calibration *c, size_t fold, bool others,
                   struct error *error) {
    choice->count = 0;
    choice->images = malloc((c->count + 1) * sizeof *choice->images);
    choice->areas = malloc((c->count + 1) * sizeof *choice->areas);
    if (choice->images == NULL || choice->areas == NULL) {
        return fail(error, "no memory for %zu images", c->count);
    }
    for (size_t i = 0; i < c->count; i++) {
        if (fold == NO_FOLD || (c->images[i].fold == fold) != others) {
            choice->images[choice->count++] = i;
        }
    }
    return true;
}

static void choice_free(struct choice *choice) {
    free(choice->images);
    free(choice->areas);
}

// The area above which these images are kept.
static int64_t area_limit(const struct calibration *c, const struct choice *choice, size_t decide,
                          double limit) {
    if (c->grid.kind == RULE_AREA) {
        return (int64_t)limit;
    }
    for (size_t i = 0; i < choice->count; i++) {
        choice->areas[i] = c->areas[choice->images[i] * c->grid.decide.count + decide];
    }
    return ensemble_area_threshold(choice->areas, choice->count, limit);
}

// What an image has after the decision.
static struct overlap decided(const struct calibration *c, size_t image, size_t decide,
                              int64_t limit, size_t mask) {
    if (c->areas[image * c->grid.decide.count + decide] > limit) {
        return c->overlaps[image * c->grid.mask.count + mask];
    }
    return (struct overlap){.truth = c->images[image].truth, .pixels = c->images[image].pixels};
}

// Mean Dice of each of the mask's thresholds.
static void score_masks(const struct calibration *c, const struct choice *choice, size_t decide,
                        int64_t limit, double *means) {
    for (size_t mask = 0; mask < c->grid.mask.count; mask++) {
        double sum = 0;
        for (size_t i = 0; i < choice->count; i++) {
            sum += overlap_dice(decided(c, choice->images[i], decide, limit, mask));
        }
        means[mask] = sum / (double)choice->count;
    }
}

bool calibration_search(const struct calibration *c, size_t without, double *means, size_t *best,
                        struct error *error) {
    struct choice choice;
    bool chosen = choose(&choice, c, without, true, error);
    if (chosen && choice.count == 0) {
        chosen = fail(error, "no images to choose a rule by");
    }
    for (size_t i = 0; chosen && i < grid_size(&c->grid); i += c->grid.mask.count) {
        const size_t decide = i / c->grid.mask.count / c->grid.limits.count;
        const double limit = grid_rule(&c->grid, i).limit;
        score_masks(c, &choice, decide, area_limit(c, &choice, decide, limit), means + i);
    }
    *best = 0;
    for (size_t i = 1; chosen && i < grid_size(&c->grid); i++) {
        *best = means[i] > means[*best] ? i : *best;
    }
    choice_free(&choice);
    return chosen;
}

bool calibration_apply(const struct calibration *c, size_t index, size_t fold,
                       struct overlap *overlaps, struct error *error) {
    struct choice choice;
    const bool chosen = choose(&choice, c, fold, false, error);
    if (chosen) {
        const size_t decide = index / c->grid.mask.count / c->grid.limits.count;
        const int64_t limit = area_limit(c, &choice, decide, grid_rule(&c->grid, index).limit);
        for (size_t i = 0; i < choice.count; i++) {
            overlaps[choice.images[i]] =
                decided(c, choice.images[i], decide, limit, index % c->grid.mask.count);
        }
    }
    choice_free(&choice);
    return chosen;
}

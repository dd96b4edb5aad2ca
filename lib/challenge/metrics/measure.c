// An image's probabilities, measured.
#include "challenge/metrics/probabilities.h"

#include "challenge/ensemble.h"
#include "core/array.h"
#include "image/mask.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool add_detection(struct probability_scores *scores, double score, bool hit,
                          struct error *error) {
    struct detection *detections = array_grow(scores->detections, &scores->detection_capacity,
                                              scores->detection_count + 1, sizeof *detections);
    if (detections == NULL) {
        return fail(error, "no memory for %zu detections", scores->detection_count + 1);
    }
    detections[scores->detection_count++] = (struct detection){score, (uint32_t)scores->count, hit};
    scores->detections = detections;
    return true;
}

// ---- pixels

static size_t bin_of(double probability) {
    const size_t bin = (size_t)(probability * CALIBRATION_BINS);
    return bin < CALIBRATION_BINS ? bin : CALIBRATION_BINS - 1;
}

static void measure_pixel(struct probability_image *image, double probability, double truth) {
    const double error = probability - truth;
    struct calibration_bin *bin = &image->bins[bin_of(probability)];
    image->brier += error * error;
    bin->count++;
    bin->lesion += truth > 0;
    bin->sum += probability;
}

// The mask of the image's size becomes the truth's.
static bool measure_pixels(struct probability_scores *scores, struct probability_image *image,
                           const struct runs *truth, struct error *error) {
    double sum = 0;
    double largest = 0;
    image->pixels = (uint64_t)scores->mask.height * scores->mask.width;
    runs_draw(&scores->mask, truth);
    for (size_t i = 0; i < image->pixels; i++) {
        const double probability = scores->map[i];
        if (!(probability >= 0 && probability <= 1)) {
            return fail(error, "a probability of %g", probability);
        }
        measure_pixel(image, probability, scores->mask.pixels[i]);
        sum += probability;
        largest = probability > largest ? probability : largest;
    }
    image->score = scores->score == IMAGE_SUM ? sum : largest;
    return true;
}

// ---- detections

// The most probable pixel of a part, the first among equals down the columns.
struct peak {
    double score;
    uint32_t pixel; // x * height + y
};

static void find_peaks(struct probability_scores *scores) {
    const struct components *found = &scores->found;
    for (size_t i = 0; i < found->count; i++) {
        scores->peaks[i] = (struct peak){-1, 0};
    }
    for (size_t i = 0; i < found->segment_count; i++) {
        struct peak *peak = &scores->peaks[found->parts[i]];
        for (uint32_t pixel = found->segments[i].start; pixel < found->segments[i].end; pixel++) {
            const size_t y = pixel % scores->mask.height;
            const size_t x = pixel / scores->mask.height;
            const double probability = scores->map[y * scores->mask.width + x];
            if (probability > peak->score) {
                *peak = (struct peak){probability, pixel};
            }
        }
    }
}

// Detections that hit no lesion are added, the others make a lesion's best.
static bool match(struct probability_scores *scores, struct error *error) {
    for (size_t i = 0; i < scores->found.count; i++) {
        const struct peak peak = scores->peaks[i];
        const uint32_t lesion = components_at(&scores->lesions, peak.pixel);
        if (lesion != COMPONENTS_NONE) {
            scores->best[lesion] = fmax(scores->best[lesion], peak.score);
        } else if (!add_detection(scores, peak.score, false, error)) {
            return false;
        }
    }
    for (size_t i = 0; i < scores->lesions.count; i++) {
        if (scores->best[i] > 0 && !add_detection(scores, scores->best[i], true, error)) {
            return false;
        }
    }
    return true;
}

static bool measure_detections(struct probability_scores *scores, struct probability_image *image,
                               const struct runs *truth, struct error *error) {
    const size_t height = scores->mask.height;
    if (!runs_trace(&scores->runs, &scores->mask, error) ||
        !components_find(&scores->found, &scores->runs, height, error) ||
        !components_find(&scores->lesions, truth, height, error)) {
        return false;
    }
    struct peak *peaks =
        array_grow(scores->peaks, &scores->peak_capacity, scores->found.count + 1, sizeof *peaks);
    scores->peaks = peaks != NULL ? peaks : scores->peaks;
    double *best =
        array_grow(scores->best, &scores->best_capacity, scores->lesions.count + 1, sizeof *best);
    scores->best = best != NULL ? best : scores->best;
    if (peaks == NULL || best == NULL) {
        return fail(error, "no memory for %zu detections", scores->found.count);
    }
    memset(best, 0, scores->lesions.count * sizeof *best);
    image->lesions = (uint32_t)scores->lesions.count;
    find_peaks(scores);
    return match(scores, error);
}

// ---- both

static bool grow(struct probability_scores *scores, size_t pixels, struct error *error) {
    struct probability_image *images =
        array_grow(scores->images, &scores->image_capacity, scores->count + 1, sizeof *images);
    scores->images = images != NULL ? images : scores->images;
    double *map = array_grow(scores->map, &scores->map_capacity, pixels, sizeof *map);
    scores->map = map != NULL ? map : scores->map;
    return (images != NULL && map != NULL) ||
           fail(error, "no memory for %zu images", scores->count + 1);
}

bool probabilities_add(struct probability_scores *scores, const struct record *record,
                       const struct runs *truth, struct error *error) {
    const struct tensor *tensor = NULL;
    const double weight = 1;
    if (!mask_from_probability(record, scores->candidate, &scores->mask, error) ||
        !record_tensor(record, "probability", 2, &tensor, error) ||
        !grow(scores, scores->mask.height * scores->mask.width, error)) {
        return false;
    }
    struct probability_image *image = &scores->images[scores->count];
    *image = (struct probability_image){.score = 0};
    ensemble_mean(&tensor, &weight, 1, DTYPE_F8, scores->map);
    if (!measure_detections(scores, image, truth, error) ||
        !measure_pixels(scores, image, truth, error)) {
        return fail_within(error, "%.*s", TEXT_ARG(record->id));
    }
    scores->count++;
    return true;
}

void probabilities_free(struct probability_scores *scores) {
    free(scores->images);
    free(scores->order);
    free(scores->detections);
    free(scores->map);
    free(scores->peaks);
    free(scores->best);
    image_free(&scores->mask);
    runs_free(&scores->runs);
    components_free(&scores->found);
    components_free(&scores->lesions);
}

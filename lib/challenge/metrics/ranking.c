// Scores of images that are drawn with weights: each walks the images or the detections once, in
// the order of their scores.
#include "challenge/metrics/probabilities.h"

#include <math.h>
#include <stdlib.h>

// The images whose order is sorted: qsort's comparison knows no other.
struct ranked {
    double score;
    uint32_t image;
};

static int descending(const void *a, const void *b) {
    const struct ranked *x = a;
    const struct ranked *y = b;
    return (x->score < y->score) - (x->score > y->score);
}

static int descending_detections(const void *a, const void *b) {
    const struct detection *x = a;
    const struct detection *y = b;
    return (x->score < y->score) - (x->score > y->score);
}

bool probabilities_sort(struct probability_scores *scores, struct error *error) {
    struct ranked *ranked = malloc((scores->count + 1) * sizeof *ranked);
    scores->order = malloc((scores->count + 1) * sizeof *scores->order);
    if (ranked == NULL || scores->order == NULL) {
        free(ranked);
        return fail(error, "no memory for %zu images", scores->count);
    }
    for (size_t i = 0; i < scores->count; i++) {
        ranked[i] = (struct ranked){scores->images[i].score, (uint32_t)i};
    }
    qsort(ranked, scores->count, sizeof *ranked, descending);
    for (size_t i = 0; i < scores->count; i++) {
        scores->order[i] = ranked[i].image;
    }
    free(ranked);
    if (scores->detection_count > 0) {
        qsort(scores->detections, scores->detection_count, sizeof *scores->detections,
              descending_detections);
    }
    return true;
}

// ---- images

// How many images with and without a lesion have one score.
struct tie {
    double with, without;
};

// The images from *rank on that have the same score; *rank goes behind them.
static struct tie next_tie(const struct probability_scores *scores, const uint32_t *weights,
                           size_t *rank) {
    const double score = scores->images[scores->order[*rank]].score;
    struct tie tie = {0, 0};
    for (; *rank < scores->count; (*rank)++) {
        const uint32_t image = scores->order[*rank];
        if (scores->images[image].score != score) {
            break;
        }
        if (scores->images[image].lesions > 0) {
            tie.with += weights[image];
        } else {
            tie.without += weights[image];
        }
    }
    return tie;
}

double score_roc_area(const void *context, const uint32_t *weights) {
    const struct probability_scores *scores = context;
    struct tie above = {0, 0};
    double area = 0;
    for (size_t rank = 0; rank < scores->count;) {
        const struct tie tie = next_tie(scores, weights, &rank);
        area += tie.without * (above.with + tie.with / 2);
        above.with += tie.with;
        above.without += tie.without;
    }
    return area / (above.with * above.without);
}

double score_average_precision(const void *context, const uint32_t *weights) {
    const struct probability_scores *scores = context;
    struct tie above = {0, 0};
    double sum = 0;
    for (size_t rank = 0; rank < scores->count;) {
        const struct tie tie = next_tie(scores, weights, &rank);
        above.with += tie.with;
        above.without += tie.without;
        if (tie.with > 0) {
            sum += tie.with * above.with / (above.with + above.without);
        }
    }
    return sum / above.with;
}

// ---- lesions

struct froc_point {
    double false_positives, sensitivity; // an image; share
};

// The sensitivity at a rate between two points of the curve, where the first is at or below it.
static double between(struct froc_point below, struct froc_point above, double rate) {
    const double share =
        (rate - below.false_positives) / (above.false_positives - below.false_positives);
    return below.sensitivity + share * (above.sensitivity - below.sensitivity);
}

double score_froc(const void *context, const uint32_t *weights) {
    static const double rates[] = {0.25, 0.5, 1, 2, 4, 8};
    enum { RATES = sizeof rates / sizeof *rates };
    const struct probability_scores *scores = context;
    double images = 0;
    double lesions = 0;
    for (size_t i = 0; i < scores->count; i++) {
        images += weights[i];
        lesions += (double)weights[i] * scores->images[i].lesions;
    }
    struct froc_point last = {0, 0};
    double hits = 0;
    double misses = 0;
    double sum = 0;
    size_t rate = 0;
    for (size_t i = 0; i < scores->detection_count && rate < RATES;) {
        const double score = scores->detections[i].score;
        for (; i < scores->detection_count && scores->detections[i].score == score; i++) {
            *(scores->detections[i].hit ? &hits : &misses) += weights[scores->detections[i].image];
        }
        const struct froc_point point = {misses / images, hits / lesions};
        for (; rate < RATES && point.false_positives > rates[rate]; rate++) {
            sum += between(last, point, rates[rate]);
        }
        last = point;
    }
    for (; rate < RATES; rate++) {
        sum += last.sensitivity;
    }
    return lesions > 0 ? sum / RATES : (double)NAN;
}

// ---- pixels

double score_brier(const void *context, const uint32_t *weights) {
    const struct probability_scores *scores = context;
    double sum = 0;
    double pixels = 0;
    for (size_t i = 0; i < scores->count; i++) {
        sum += weights[i] * scores->images[i].brier;
        pixels += (double)weights[i] * (double)scores->images[i].pixels;
    }
    return sum / pixels;
}

double score_calibration_error(const void *context, const uint32_t *weights) {
    const struct probability_scores *scores = context;
    double error = 0;
    double pixels = 0;
    for (size_t bin = 0; bin < CALIBRATION_BINS; bin++) {
        double difference = 0;
        for (size_t i = 0; i < scores->count; i++) {
            const struct calibration_bin *of_image = &scores->images[i].bins[bin];
            difference += weights[i] * (of_image->sum - of_image->lesion);
            pixels += (double)weights[i] * of_image->count;
        }
        error += fabs(difference);
    }
    return error / pixels;
}

// Curves: what is found and what is a false alarm, counted from the highest score down.
#include "challenge/metrics/curves.h"

#include "core/array.h"

#include <math.h>
#include <stdlib.h>

// An image or a detection: what it says, and whether that is so.
struct answer {
    double score;
    bool right;
};

// The points are counts, so that the products are exact.
static bool straight(struct curve_point a, struct curve_point b, struct curve_point c) {
    return (b.x - a.x) * (c.y - b.y) == (b.y - a.y) * (c.x - b.x);
}

static bool add_point(struct curve *curve, double x, double y, struct error *error) {
    const struct curve_point point = {x, y};
    if (curve->count >= 2 &&
        straight(curve->points[curve->count - 2], curve->points[curve->count - 1], point)) {
        curve->count--;
    }
    struct curve_point *points =
        array_grow(curve->points, &curve->capacity, curve->count + 1, sizeof *points);
    if (points == NULL) {
        return fail(error, "no memory for a curve of %zu points", curve->count + 1);
    }
    points[curve->count++] = point;
    curve->points = points;
    return true;
}

// Answers come with descending scores. The curve ends as (wrong / all_wrong, right / all_right); it
// stays empty where one of these is 0.
static bool trace(struct curve *curve, const struct answer *answers, size_t count, double all_wrong,
                  double all_right, struct error *error) {
    if (all_wrong == 0 || all_right == 0) {
        return true;
    }
    double wrong = 0;
    double right = 0;
    bool added = add_point(curve, 0, 0, error);
    for (size_t i = 0; added && i < count;) {
        const double score = answers[i].score;
        for (; i < count && answers[i].score == score; i++) {
            *(answers[i].right ? &right : &wrong) += 1;
        }
        added = add_point(curve, wrong, right, error);
    }
    for (size_t i = 0; i < curve->count; i++) {
        curve->points[i].x /= all_wrong;
        curve->points[i].y /= all_right;
    }
    return added;
}

static struct answer *new_answers(size_t count, struct error *error) {
    struct answer *answers = calloc(count + 1, sizeof *answers);
    if (answers == NULL) {
        (void)fail(error, "no memory for a curve of %zu points", count);
    }
    return answers;
}

bool curve_of_images(struct curve *curve, const struct probability_scores *scores,
                     struct error *error) {
    struct answer *answers = new_answers(scores->count, error);
    if (answers == NULL) {
        return false;
    }
    size_t lesion = 0;
    for (size_t i = 0; i < scores->count; i++) {
        const struct probability_image *image = &scores->images[scores->order[i]];
        answers[i] = (struct answer){image->score, image->lesions > 0};
        lesion += answers[i].right;
    }
    const bool traced = trace(curve, answers, scores->count, (double)(scores->count - lesion),
                              (double)lesion, error);
    free(answers);
    return traced;
}

bool curve_of_lesions(struct curve *curve, const struct probability_scores *scores,
                      struct error *error) {
    struct answer *answers = new_answers(scores->detection_count, error);
    if (answers == NULL) {
        return false;
    }
    double lesions = 0;
    for (size_t i = 0; i < scores->count; i++) {
        lesions += scores->images[i].lesions;
    }
    for (size_t i = 0; i < scores->detection_count; i++) {
        answers[i] = (struct answer){scores->detections[i].score, scores->detections[i].hit};
    }
    const bool traced =
        trace(curve, answers, scores->detection_count, (double)scores->count, lesions, error);
    free(answers);
    return traced;
}

void curve_free(struct curve *curve) {
    free(curve->points);
    *curve = (struct curve){.count = 0};
}

struct reliability reliability_of_bin(const struct probability_scores *scores, size_t bin) {
    uint64_t lesion = 0;
    double sum = 0;
    struct reliability found = {0, (double)NAN, (double)NAN};
    for (size_t i = 0; i < scores->count; i++) {
        const struct calibration_bin *of_image = &scores->images[i].bins[bin];
        found.pixels += of_image->count;
        lesion += of_image->lesion;
        sum += of_image->sum;
    }
    if (found.pixels > 0) {
        found.probability = sum / (double)found.pixels;
        found.lesion = (double)lesion / (double)found.pixels;
    }
    return found;
}

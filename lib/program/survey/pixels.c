// Decoding, and which images are worth a notice.
#include "program/survey/pixels.h"

#include "image/mask.h"
#include "program/progress.h"
#include "program/xray_files/xray_decoder.h"
#include "stream/digest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SECONDS = 60, // for a file, as decode's default
    LEVELS = 256,
    FEW_LEVELS = 16,
    BLACK = 8, // levels below it are as good as black, on average or in 99 of 100 pixels
};

// ---- decoding

// Several counters a level: equal neighbours would wait for each other's sums.
static void count_levels(const struct image *image, size_t *counts) {
    enum { LANES = 4 };
    const size_t pixels = image->height * image->width;
    uint32_t lane_counts[LANES][LEVELS] = {{0}}; // at most IMAGE_MAX_PIXELS
    size_t i = 0;
    for (; i + LANES <= pixels; i += LANES) {
        for (size_t j = 0; j < LANES; j++) {
            lane_counts[j][image->pixels[i + j]]++;
        }
    }
    for (; i < pixels; i++) {
        lane_counts[0][image->pixels[i]]++;
    }
    for (size_t level = 0; level < LEVELS; level++) {
        counts[level] = 0;
        for (size_t j = 0; j < LANES; j++) {
            counts[level] += lane_counts[j][level];
        }
    }
}

static struct survey_decoded look_at(const struct image *image, struct digest *digest) {
    const size_t pixels = image->height * image->width;
    const uint64_t size[2] = {image->height, image->width};
    struct survey_decoded decoded = {.levels = 0};
    size_t counts[LEVELS];
    size_t black = 0;
    uint64_t sum = 0;
    count_levels(image, counts);
    for (size_t level = 0; level < LEVELS; level++) {
        decoded.levels += counts[level] > 0;
        black += level < BLACK ? counts[level] : 0;
        sum += level * counts[level];
    }
    decoded.dark = sum < BLACK * (uint64_t)pixels || black >= pixels - pixels / 100;
    digest_reset(digest);
    digest_add(digest, size, sizeof size);
    digest_add(digest, image->pixels, pixels);
    decoded.digest = digest_value(digest);
    return decoded;
}

// The images of both sets that are to be decoded, each behind its mask.
struct decode_job {
    struct survey_set *set;
    struct survey_image *image;
    const char *path;
    bool mask;
};

struct jobs {
    struct decode_job *items;
    size_t count;
};

static void add_jobs(struct survey *survey, struct survey_set *set, struct jobs *jobs) {
    for (size_t i = 0; i < set->files.count; i++) {
        const size_t row = set->files.items[i].row;
        if (set->images[i].state != SURVEY_READABLE) {
            continue;
        }
        if (survey->masks.given && row != IDS_ABSENT &&
            survey->masks.images[row].state == SURVEY_READABLE) {
            jobs->items[jobs->count++] =
                (struct decode_job){&survey->masks, &survey->masks.images[row],
                                    survey->masks.files.items[row].path, true};
        }
        jobs->items[jobs->count++] =
            (struct decode_job){set, &set->images[i], set->files.items[i].path, false};
    }
}

static bool take(struct survey *survey, const struct decode_job *job,
                 const struct xray_reply *reply, struct digest *digest, struct error *error) {
    if (!reply->decoded) {
        job->image->state = SURVEY_REFUSED;
        return texts_keep(&job->set->texts, text_of(reply->message), &job->image->message, error);
    }
    if (job->mask) {
        job->image->lesion = mask_area(&reply->image);
    } else {
        job->image->decoded = look_at(&reply->image, digest);
    }
    return reply->message[0] == '\0' ||
           tally_add_message(&survey->notices, reply->message, 1, job->path, error);
}

static bool decode_jobs(struct survey *survey, const struct survey_request *request,
                        const struct jobs *jobs, struct error *error) {
    const struct image_options options = {.voi = IMAGE_VOI_LUT};
    struct digest *digest = digest_new();
    if (digest == NULL) {
        return fail(error, "no memory");
    }
    struct progress progress = progress_start("images", jobs->count, request->quiet);
    struct xray_decoder *decoder = xray_decoder_start(request->threads, SECONDS, &options);
    struct xray_reply reply;
    bool good = true;
    for (size_t put = 0, taken = 0; good && taken < jobs->count; taken++) {
        for (; put < jobs->count && !xray_decoder_full(decoder); put++) {
            if (jobs->items[put].mask) {
                xray_decoder_put_mask(decoder, jobs->items[put].path);
            } else {
                xray_decoder_put(decoder, jobs->items[put].path);
            }
        }
        good = xray_decoder_take(decoder, &reply) &&
               take(survey, &jobs->items[taken], &reply, digest, error);
        progress_step(&progress);
    }
    xray_decoder_stop(decoder);
    progress_end(&progress);
    digest_free(digest);
    return good;
}

bool survey_decode(struct survey *survey, const struct survey_request *request,
                   struct error *error) {
    const size_t most = 2 * (survey->train.files.count + survey->test.files.count);
    struct jobs jobs = {calloc(most + 1, sizeof *jobs.items), 0};
    if (jobs.items == NULL) {
        return fail(error, "no memory for %zu images", most);
    }
    add_jobs(survey, &survey->train, &jobs);
    add_jobs(survey, &survey->test, &jobs);
    survey->decoded = true;
    const bool good = jobs.count == 0 || decode_jobs(survey, request, &jobs, error);
    free(jobs.items);
    return good;
}

// ---- what is worth a notice

// The images seen so far, by their digest.
struct seen {
    struct ids digests;
    struct seen_image {
        struct survey_set *set;
        const char *path;
    } * first; // the image of each
};

static bool note_double(struct survey *survey, struct survey_set *set, const char *path,
                        const struct survey_decoded *decoded, struct seen *seen,
                        struct error *error) {
    char digest[24];
    size_t index = 0;
    bool added = false;
    (void)snprintf(digest, sizeof digest, "%016" PRIx64, decoded->digest);
    if (!ids_add(&seen->digests, text_of(digest), &index, &added, error)) {
        return false;
    }
    const struct seen_image first = seen->first[index];
    if (added) {
        seen->first[index] = (struct seen_image){set, path};
        return true;
    }
    struct error both;
    (void)fail(&both, "%.200s and %.200s", first.path, path);
    set->pixels.doubles++;
    return tally_add(&survey->notices,
                     first.set != set        ? "a training and a test image of the same pixels"
                     : set == &survey->train ? "two training images of the same pixels"
                                             : "two test images of the same pixels",
                     1, both.text, error);
}

static bool judge_decoded(struct survey *survey, struct survey_set *set, size_t i,
                          struct seen *seen, struct error *error) {
    const struct survey_decoded *decoded = &set->images[i].decoded;
    struct survey_pixels *pixels = &set->pixels;
    const char *path = set->files.items[i].path;
    const char *says = NULL;
    pixels->decoded++;
    if (decoded->levels == 1) {
        pixels->blank++;
        return tally_add(&survey->notices, "shows nothing: all pixels are equal", 1, path, error);
    }
    if (decoded->levels < FEW_LEVELS) {
        pixels->few++;
        says = "has fewer than 16 grey levels";
    } else if (decoded->dark) {
        pixels->dark++;
        says = "is almost black";
    }
    return (says == NULL || tally_add(&survey->notices, says, 1, path, error)) &&
           note_double(survey, set, path, decoded, seen, error);
}

bool survey_judge_pixels(struct survey *survey, struct error *error) {
    struct survey_set *const sets[] = {&survey->train, &survey->test};
    const size_t most = survey->train.files.count + survey->test.files.count;
    struct seen seen = {.first = calloc(most + 1, sizeof *seen.first)};
    bool good = seen.first != NULL || fail(error, "no memory for %zu images", most);
    for (size_t s = 0; s < 2; s++) {
        for (size_t i = 0; good && i < sets[s]->files.count; i++) {
            const struct survey_image *image = &sets[s]->images[i];
            if (image->state == SURVEY_READABLE && image->decoded.levels > 0) {
                good = judge_decoded(survey, sets[s], i, &seen, error);
            }
        }
    }
    ids_free(&seen.digests);
    free(seen.first);
    return good;
}

// Labels and masks against the images.
#include "program/survey/labels.h"

#include "dataset/ids/image_id.h"
#include "program/survey/images.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

const struct survey_quantile SURVEY_QUANTILE[SURVEY_QUANTILES] = {
    {"min", 0},    {"q05", 0.05}, {"q25", 0.25}, {"median", 0.5},
    {"q75", 0.75}, {"q95", 0.95}, {"max", 1}};

static const struct ids *label_ids(const struct survey *survey,
                                   const struct survey_request *request) {
    return request->masks != NULL ? &survey->masks.ids : &survey->labels.ids;
}

// ---- reading

// Leaves of the masks' files and headers those that are masks, in the order of the ids. The second
// mask of an image ends a later stage.
static bool read_masks(struct survey *survey, const struct survey_request *request,
                       struct error *error) {
    struct survey_set *set = &survey->masks;
    bool good = survey_add(survey, set, request->masks, error) &&
                survey_read_headers(survey, set, request, error);
    for (size_t i = 0; good && i < set->files.count; i++) {
        const struct survey_image image = set->images[i];
        const struct xray_file *file = &set->files.items[i];
        size_t index = 0;
        bool added = false;
        if (image.state == SURVEY_FOREIGN) {
            good = tally_add_message(&survey->notices, "is no mask: it is no image", 1, file->path,
                                     error);
        } else if (image.state == SURVEY_NAMELESS) {
            good = tally_add_message(request->skip ? &survey->notices : &survey->failures,
                                     "the name is not UTF-8 and cannot be an id", 1, file->path,
                                     error);
        } else {
            good = ids_add(&set->ids, text_of(file->id), &index, &added, error) &&
                   (added || tally_add(&survey->failures, "a mask before it has the same id", 1,
                                       file->path, error));
        }
        if (added) {
            set->images[index] = image;
        }
    }
    return good;
}

// Sets *read where that succeeds.
static bool read_rows(struct survey *survey, const struct survey_request *request, bool *read,
                      struct error *error) {
    struct error why;
    *read = labels_read(&survey->labels, request->labels, true, &why);
    return *read || tally_add(&survey->failures, why.text, 1, NULL, error);
}

// Says of what does not fit at all how the ids look on either side.
static bool fail_to_match(struct survey *survey, const struct survey_request *request,
                          const struct ids *ids, struct error *error) {
    const char *path = request->masks != NULL ? request->masks : request->labels;
    struct error why;
    if (ids->count == 0) {
        return tally_add(&survey->failures, "no labels in it", 1, path, error);
    }
    (void)fail(&why, "fits no image: the first image is '%s', its first id '%.*s'",
               survey->train.files.items[0].id, TEXT_ARG(ids->items[0]));
    return tally_add(&survey->failures, why.text, 1, path, error);
}

bool survey_read_labels(struct survey *survey, const struct survey_request *request,
                        struct error *error) {
    struct xray_files *files = &survey->train.files;
    size_t matched = 0;
    bool read = true;
    if (request->labels == NULL && request->masks == NULL) {
        return true;
    }
    if (!(request->masks != NULL ? read_masks(survey, request, error)
                                 : read_rows(survey, request, &read, error))) {
        return false;
    }
    const struct ids *ids = label_ids(survey, request);
    for (size_t i = 0; read && i < files->count; i++) {
        if (survey->train.images[i].state != SURVEY_FOREIGN) {
            files->items[i].row = image_id_find(ids, text_of(files->items[i].id));
            matched += files->items[i].row != IDS_ABSENT;
        }
    }
    survey->labelled = matched > 0;
    return matched > 0 || !read || files->count == 0 || fail_to_match(survey, request, ids, error);
}

// ---- areas

struct lesion_areas {
    double *area, *share;
    size_t count, wrong; // images with a lesion, with run lengths that do not fit
    struct runs runs;
};

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

// Between two numbers in proportion, as numpy's quantile does.
static void find_quantiles(double *numbers, size_t count, double *quantiles) {
    qsort(numbers, count, sizeof *numbers, ascending);
    for (size_t i = 0; count > 0 && i < SURVEY_QUANTILES; i++) {
        const double position = SURVEY_QUANTILE[i].position * (double)(count - 1);
        const size_t below = (size_t)position;
        const size_t above = below + 1 < count ? below + 1 : below;
        quantiles[i] =
            numbers[below] + (numbers[above] - numbers[below]) * (position - (double)below);
    }
}

static void add_area(struct lesion_areas *areas, double area, double pixels) {
    areas->area[areas->count] = area;
    areas->share[areas->count++] = area / pixels;
}

// The area of an image's rows, if they fit.
static bool measure_rows(struct survey *survey, const struct survey_request *request,
                         const struct image_header *header, size_t index,
                         struct lesion_areas *areas, struct error *error) {
    const struct labels *labels = &survey->labels;
    const size_t height = request->height > 0 ? request->height : header->height;
    const size_t width = request->height > 0 ? request->width : header->width;
    size_t count = 0;
    const struct label_row *rows = labels_rows(labels, index, &count);
    char text[24];
    survey->lesions.rows += count;
    areas->runs.count = 0;
    for (size_t i = 0; i < count; i++) {
        struct error why, example;
        if (!runs_parse_more(&areas->runs, rows[i].runs.bytes, rows[i].runs.length, height, width,
                             &why)) {
            (void)fail(&example, "%s: line %" PRIu64 ": %.*s", labels->name, rows[i].line,
                       TEXT_ARG(labels->ids.items[index]));
            areas->wrong++;
            return tally_add_message(&survey->failures, why.text, 1, example.text, error);
        }
    }
    runs_unite(&areas->runs);
    if (areas->runs.count == 0) {
        return true;
    }
    add_area(areas, (double)runs_area(&areas->runs), (double)height * (double)width);
    (void)snprintf(text, sizeof text, "%zu", count);
    return tally_add(&survey->lesions.rows_per_image, text, 1, NULL, error);
}

static bool measure_all(struct survey *survey, const struct survey_request *request,
                        struct lesion_areas *areas, struct error *error) {
    const struct survey_set *set = &survey->train;
    bool good = true;
    for (size_t i = 0; good && i < set->files.count; i++) {
        const struct image_header *header = &set->images[i].header;
        const size_t row = set->files.items[i].row;
        if (set->images[i].state != SURVEY_READABLE || row == IDS_ABSENT) {
            continue;
        }
        survey->lesions.labelled++;
        if (request->masks == NULL) {
            good = measure_rows(survey, request, header, row, areas, error);
        } else if (survey->masks.images[row].lesion > 0) {
            add_area(areas, (double)survey->masks.images[row].lesion,
                     (double)header->height * (double)header->width);
        }
    }
    return good;
}

// Labels that belong to no image, whatever the image's state.
static bool check_surplus(struct survey *survey, const struct ids *ids, struct error *error) {
    const struct xray_files *files = &survey->train.files;
    bool *used = calloc(ids->count + 1, sizeof *used);
    bool good = used != NULL || fail(error, "no memory for %zu ids", ids->count);
    for (size_t i = 0; good && i < files->count; i++) {
        if (files->items[i].row != IDS_ABSENT) {
            used[files->items[i].row] = true;
        }
    }
    for (size_t i = 0; good && i < ids->count; i++) {
        struct error id;
        (void)fail(&id, "%.*s", TEXT_ARG(ids->items[i]));
        survey->lesions.without_image += !used[i];
        good =
            used[i] || tally_add(&survey->notices, "has labels, but no image", 1, id.text, error);
    }
    free(used);
    return good;
}

bool survey_check_labels(struct survey *survey, const struct survey_request *request,
                         struct error *error) {
    struct survey_lesions *lesions = &survey->lesions;
    const size_t most = survey->train.files.count + 1;
    if (!survey->labelled) {
        return true;
    }
    struct lesion_areas areas = {.area = malloc(most * sizeof *areas.area),
                                 .share = malloc(most * sizeof *areas.share)};
    bool good = (areas.area != NULL && areas.share != NULL) || fail(error, "no memory for areas");
    good = good && measure_all(survey, request, &areas, error) &&
           check_surplus(survey, label_ids(survey, request), error);
    if (good && (request->masks == NULL || survey->decoded)) {
        lesions->measured = true;
        lesions->lesions = areas.count;
        find_quantiles(areas.area, areas.count, lesions->area);
        find_quantiles(areas.share, areas.count, lesions->share);
        if (areas.count + areas.wrong == 0) {
            good = tally_add(&survey->notices, "none has a lesion: nothing to learn to draw", 1,
                             "the training images", error);
        }
    }
    free(areas.area);
    free(areas.share);
    runs_free(&areas.runs);
    return good;
}

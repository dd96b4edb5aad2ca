// The sets and their operands, which images are of which set, and the course of it all.
#include "program/survey/survey.h"

#include "core/array.h"
#include "dataset/ids/image_id.h"
#include "program/survey/images.h"
#include "program/survey/labels.h"
#include "program/survey/pixels.h"

#include <stdlib.h>
#include <string.h>

bool survey_add(struct survey *survey, struct survey_set *set, const char *path,
                struct error *error) {
    struct error why;
    const size_t first = set->files.count;
    struct survey_operand *operands =
        array_grow(set->operands, &set->operand_capacity, set->operand_count + 1, sizeof *operands);
    if (operands == NULL) {
        return fail(error, "no memory for %zu operands", set->operand_count + 1);
    }
    set->operands = operands;
    set->given = true;
    const bool added = strcmp(path, "-") == 0 ? xray_files_add_list(&set->files, '\n', &why)
                                              : xray_files_add(&set->files, path, &why);
    set->operands[set->operand_count++] =
        (struct survey_operand){path, first, set->files.count - first};
    set->missing |= !added;
    return added || tally_add(&survey->failures, why.text, 1, NULL, error);
}

// ---- which images are of which set

// Is it an image that may go without a row?
static bool is_free(const struct survey_image *image) {
    return image->state == SURVEY_READABLE || image->state == SURVEY_REFUSED;
}

// A file goes by the id of its row.
static bool take_id(struct xray_file *file, struct text id, struct error *error) {
    if (text_is(id, file->id)) {
        return true;
    }
    free(file->id);
    file->id = strndup(id.bytes, id.length);
    return file->id != NULL || fail(error, "no memory for an id");
}

// Makes the training images without labels the test set.
static bool move_unlabelled(struct survey *survey, struct error *error) {
    struct survey_set *from = &survey->train;
    struct survey_set *to = &survey->test;
    const size_t count = from->files.count;
    size_t kept = 0;
    to->given = true;
    free(to->images);
    to->images = calloc(count + 1, sizeof *to->images);
    to->files.items = calloc(count + 1, sizeof *to->files.items);
    if (to->images == NULL || to->files.items == NULL) {
        return fail(error, "no memory for %zu images", count);
    }
    for (size_t i = 0; i < count; i++) {
        const struct survey_image image = from->images[i];
        const struct xray_file file = from->files.items[i];
        const bool moved = file.row == IDS_ABSENT && is_free(&image);
        struct survey_set *set = moved ? to : from;
        size_t *end = moved ? &to->files.count : &kept;
        set->images[*end] = image;
        set->files.items[(*end)++] = file;
    }
    from->files.count = kept;
    return true;
}

// Leaves training images without labels out, or takes them along.
static bool check_unlabelled(struct survey *survey, bool dropped, struct error *error) {
    struct survey_set *set = &survey->train;
    const char *says = dropped ? "is left out: it has no labels" : "has no labels";
    bool good = true;
    for (size_t i = 0; good && i < set->files.count; i++) {
        struct survey_image *image = &set->images[i];
        if (set->files.items[i].row == IDS_ABSENT && is_free(image)) {
            survey->lesions.unlabelled++;
            image->state = dropped ? SURVEY_UNWANTED : image->state;
            good = tally_add(&survey->notices, says, 1, set->files.items[i].path, error);
        }
    }
    return good;
}

// Finds each test image in the list; those that it does not name are left out.
static bool find_ids(struct survey *survey, const struct ids *ids, bool *found,
                     struct error *error) {
    struct survey_set *set = &survey->test;
    bool good = true;
    for (size_t i = 0; good && i < set->files.count; i++) {
        struct xray_file *file = &set->files.items[i];
        const size_t index = image_id_find(ids, text_of(file->id));
        if (index != IDS_ABSENT) {
            found[index] |= set->images[i].state != SURVEY_FOREIGN;
            good = take_id(file, ids->items[index], error);
        } else if (is_free(&set->images[i])) {
            set->images[i].state = SURVEY_UNWANTED;
            good = tally_add(&survey->notices, "is left out: the list of ids does not name it", 1,
                             file->path, error);
        }
    }
    return good;
}

static bool check_ids(struct survey *survey, const char *path, struct error *error) {
    struct labels wanted = {0};
    struct error why;
    if (!labels_read(&wanted, path, false, &why)) {
        labels_free(&wanted);
        return tally_add(&survey->failures, why.text, 1, NULL, error);
    }
    bool *found = calloc(wanted.ids.count + 1, sizeof *found);
    bool good = found != NULL ? find_ids(survey, &wanted.ids, found, error)
                              : fail(error, "no memory for %zu ids", wanted.ids.count);
    for (size_t i = 0; good && i < wanted.ids.count; i++) {
        struct error id;
        (void)fail(&id, "%.*s", TEXT_ARG(wanted.ids.items[i]));
        good = found[i] || tally_add(&survey->failures, "no file has this id", 1, id.text, error);
    }
    free(found);
    labels_free(&wanted);
    return good;
}

static bool use_labels(struct survey *survey, const struct survey_request *request,
                       struct error *error) {
    const struct ids *ids = request->masks != NULL ? &survey->masks.ids : &survey->labels.ids;
    bool good = true;
    for (size_t i = 0; good && i < survey->train.files.count; i++) {
        struct xray_file *file = &survey->train.files.items[i];
        good = file->row == IDS_ABSENT || take_id(file, ids->items[file->row], error);
    }
    return good && (request->unlabelled == SURVEY_TEST
                        ? move_unlabelled(survey, error)
                        : check_unlabelled(survey, request->unlabelled == SURVEY_DROP, error));
}

static bool note_common(struct survey *survey, struct error *error) {
    bool good = true;
    for (size_t i = 0; good && i < survey->test.ids.count; i++) {
        struct error id;
        (void)fail(&id, "%.*s", TEXT_ARG(survey->test.ids.items[i]));
        good =
            ids_find(&survey->train.ids, survey->test.ids.items[i]) == IDS_ABSENT ||
            tally_add(&survey->notices, "is a test image and a training image", 1, id.text, error);
    }
    return good;
}

// ---- all of it

static void sort_set(struct survey_set *set) {
    struct tally *const tallies[] = {&set->formats, &set->transfer_syntaxes, &set->sizes,
                                     &set->bits,    &set->photometrics,      &set->left_out};
    for (size_t i = 0; i < sizeof tallies / sizeof *tallies; i++) {
        tally_sort(tallies[i]);
    }
}

bool survey_run(struct survey *survey, const struct survey_request *request, struct error *error) {
    survey->train.name = "the training images";
    survey->test.name = "the test images";
    bool good = survey_read_headers(survey, &survey->train, request, error) &&
                survey_read_headers(survey, &survey->test, request, error) &&
                survey_read_labels(survey, request, error) &&
                (!survey->labelled || use_labels(survey, request, error)) &&
                (request->ids == NULL || check_ids(survey, request->ids, error)) &&
                (!request->pixels || survey_decode(survey, request, error)) &&
                survey_judge(survey, &survey->train, request->skip, error) &&
                survey_judge(survey, &survey->test, request->skip, error) &&
                survey_check_labels(survey, request, error) && note_common(survey, error) &&
                (!request->pixels || survey_judge_pixels(survey, error));
    sort_set(&survey->train);
    sort_set(&survey->test);
    tally_sort(&survey->failures);
    tally_sort(&survey->notices);
    return good;
}

static void free_set(struct survey_set *set) {
    struct tally *const tallies[] = {&set->formats, &set->transfer_syntaxes, &set->sizes,
                                     &set->bits,    &set->photometrics,      &set->left_out};
    for (size_t i = 0; i < sizeof tallies / sizeof *tallies; i++) {
        tally_free(tallies[i]);
    }
    xray_files_free(&set->files);
    ids_free(&set->ids);
    texts_free(&set->texts);
    free(set->images);
    free(set->operands);
}

void survey_free(struct survey *survey) {
    free_set(&survey->train);
    free_set(&survey->test);
    free_set(&survey->masks);
    labels_free(&survey->labels);
    tally_free(&survey->lesions.rows_per_image);
    tally_free(&survey->failures);
    tally_free(&survey->notices);
    *survey = (struct survey){.labelled = false};
}

// Headers, and what is to be said of each image.
#include "program/survey/images.h"

#include "core/text/utf8.h"
#include "image/dicom/dicom.h"
#include "program/progress.h"
#include "program/xray_files/header_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- headers

static bool take_header(struct survey_set *set, size_t i, const struct header_reply *reply,
                        struct error *error) {
    const struct xray_file *file = &set->files.items[i];
    struct survey_image *image = &set->images[i];
    const char *says = reply->message;
    image->header = reply->header;
    image->state = reply->readable                ? SURVEY_READABLE
                   : !reply->known && file->found ? SURVEY_FOREIGN
                                                  : SURVEY_REFUSED;
    if (image->state != SURVEY_FOREIGN && !utf8_valid(file->id, strlen(file->id))) {
        image->state = SURVEY_NAMELESS;
        says = "the name is not UTF-8 and cannot be an id";
    }
    return image->state == SURVEY_READABLE ||
           texts_keep(&set->texts, text_of(says), &image->message, error);
}

static bool read_all(struct survey_set *set, const struct survey_request *request,
                     struct error *error) {
    const size_t count = set->files.count;
    bool good = true;
    struct header_reply reply;
    struct progress progress = progress_start("headers", count, request->quiet);
    struct header_reader *reader = header_reader_start(request->threads);
    for (size_t put = 0, taken = 0; good && taken < count; taken++) {
        for (; put < count && !header_reader_full(reader); put++) {
            header_reader_put(reader, set->files.items[put].path);
        }
        good = header_reader_take(reader, &reply) && take_header(set, taken, &reply, error);
        progress_step(&progress);
    }
    header_reader_stop(reader);
    progress_end(&progress);
    return good;
}

static bool check_operand(struct survey *survey, const struct survey_set *set,
                          const struct survey_operand *operand, struct error *error) {
    size_t foreign = 0;
    for (size_t i = operand->first; i < operand->first + operand->count; i++) {
        foreign += set->images[i].state == SURVEY_FOREIGN;
    }
    struct error why;
    (void)fail(&why, "not one image among its %zu files", operand->count);
    return foreign == 0 || foreign < operand->count ||
           tally_add_message(&survey->failures, why.text, 1, operand->path, error);
}

bool survey_read_headers(struct survey *survey, struct survey_set *set,
                         const struct survey_request *request, struct error *error) {
    set->images = calloc(set->files.count + 1, sizeof *set->images);
    if (set->images == NULL) {
        return fail(error, "no memory for %zu images", set->files.count);
    }
    bool good = set->files.count == 0 || read_all(set, request, error);
    for (size_t i = 0; good && i < set->operand_count; i++) {
        good = check_operand(survey, set, &set->operands[i], error);
    }
    return good;
}

// ---- what is to be said of each image

static bool count_header(struct survey *survey, struct survey_set *set,
                         const struct image_header *header, const char *path, struct error *error) {
    char text[200];
    if (header->format[0] == '\0') {
        return true;
    }
    bool good = tally_add(&set->formats, header->format, 1, path, error);
    if (header->height == 0) { // the header was not read to its end
        return good;
    }
    if (good && strcmp(header->format, "DICOM") == 0) {
        const char *uid = header->transfer_syntax;
        const char *name = dicom_transfer_syntax_name(uid);
        (void)snprintf(text, sizeof text, *uid ? "%s (%s)" : "%s", *name ? name : "not read", uid);
        good = tally_add(&set->transfer_syntaxes, text, 1, path, error);
    }
    (void)snprintf(text, sizeof text, "%zu x %zu", header->height, header->width);
    good = good && tally_add(&set->sizes, text, 1, path, error);
    (void)snprintf(text, sizeof text, "%u of %u", header->bits_stored, header->bits_allocated);
    const char *photometric = header->photometric[0] != '\0' ? header->photometric : "not given";
    good = good && tally_add(&set->bits, text, 1, path, error) &&
           tally_add(&set->photometrics, photometric, 1, path, error);
    if (good && header->frames > 1) {
        good =
            tally_add(&survey->notices, "has several frames: the first is taken", 1, path, error);
    }
    if (good && strcmp(photometric, "MONOCHROME1") == 0) {
        good = tally_add(&survey->notices, "is MONOCHROME1: it is inverted", 1, path, error);
    }
    return good && (header->samples < 3 ||
                    tally_add(&survey->notices, "is in colour: its luma is taken", 1, path, error));
}

// What is left out, or ends a later stage where `harmless` is false.
static bool leave_out(struct survey *survey, struct survey_set *set, const char *says,
                      const char *path, bool harmless, struct error *error) {
    struct error notice;
    (void)fail(&notice, "is left out: %s", says);
    return tally_add_message(&set->left_out, says, 1, path, error) &&
           (harmless ? tally_add_message(&survey->notices, notice.text, 1, path, error)
                     : tally_add_message(&survey->failures, says, 1, path, error));
}

// Makes an image that does not fit its mask one that is refused.
static bool check_mask(const struct survey *survey, struct survey_set *set, size_t i,
                       struct error *error) {
    struct survey_image *image = &set->images[i];
    const struct survey_image *mask = &survey->masks.images[set->files.items[i].row];
    struct error why;
    if (mask->state != SURVEY_READABLE) {
        (void)fail(&why, "its mask: %.*s", TEXT_ARG(mask->message));
    } else if (mask->header.height != image->header.height ||
               mask->header.width != image->header.width) {
        (void)fail(&why, "is %zu x %zu, and its mask %zu x %zu", image->header.height,
                   image->header.width, mask->header.height, mask->header.width);
    } else {
        return true;
    }
    image->state = SURVEY_REFUSED;
    return texts_keep(&set->texts, text_of(why.text), &image->message, error);
}

static bool judge_image(struct survey *survey, struct survey_set *set, size_t i, bool skip,
                        struct error *error) {
    struct survey_image *image = &set->images[i];
    const struct xray_file *file = &set->files.items[i];
    struct error says;
    size_t index = 0;
    bool added = false;
    if (image->state == SURVEY_READABLE && survey->masks.given && file->row != IDS_ABSENT &&
        !check_mask(survey, set, i, error)) {
        return false;
    }
    (void)fail(&says, "%.*s", TEXT_ARG(image->message));
    switch (image->state) {
    case SURVEY_FOREIGN: return leave_out(survey, set, says.text, file->path, true, error);
    case SURVEY_REFUSED:
    case SURVEY_NAMELESS:
        return count_header(survey, set, &image->header, file->path, error) &&
               leave_out(survey, set, says.text, file->path, skip, error);
    case SURVEY_READABLE:
        if (!ids_add(&set->ids, text_of(file->id), &index, &added, error)) {
            return false;
        }
        if (added) {
            return count_header(survey, set, &image->header, file->path, error);
        }
        image->state = SURVEY_DOUBLE;
        return leave_out(survey, set, "a file before it has the same id", file->path, skip, error);
    default: return true;
    }
}

static bool note_sizes(struct survey *survey, const struct survey_set *set, struct error *error) {
    char text[100];
    (void)snprintf(text, sizeof text, "are of %zu sizes", set->sizes.keys.count);
    return set->sizes.keys.count < 2 || tally_add(&survey->notices, text, 1, set->name, error);
}

bool survey_judge(struct survey *survey, struct survey_set *set, bool skip, struct error *error) {
    bool good = true;
    for (size_t i = 0; good && i < set->files.count; i++) {
        good = judge_image(survey, set, i, skip, error);
    }
    if (!good || !set->given) {
        return good;
    }
    return (set->ids.count > 0 || (set->missing && set->files.count == 0) ||
            tally_add(&survey->failures, "none can be read", 1, set->name, error)) &&
           note_sizes(survey, set, error);
}

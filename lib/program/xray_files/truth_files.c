// A table of labels, or masks to run lengths.
#include "program/xray_files/truth_files.h"

#include "program/die.h"
#include "program/xray_files/mask_files.h"
#include "program/xray_files/xray_decoder.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MASK_SECONDS 60 // a mask's longest time to decode

// Memory for one mask after the other.
struct tracer {
    struct runs runs;
    struct runs_text text;
};

static void add_mask(struct tracer *tracer, const struct xray_reply *reply, struct text id,
                     struct labels *labels, struct sizes *sizes) {
    const struct image *mask = &reply->image;
    struct error error;
    if (!reply->decoded) {
        die("%s: %s", reply->path, reply->message);
    }
    if (!runs_trace(&tracer->runs, mask, &error) ||
        !runs_format(&tracer->text, &tracer->runs, &error)) {
        die("%s: %s", reply->path, error.text);
    }
    const struct text runs = {tracer->text.bytes, tracer->runs.count > 0 ? tracer->text.length : 0};
    if (!labels_add(labels, id, runs, 0, &error) ||
        !sizes_add(sizes, id, mask->height, mask->width, &error)) {
        die("%s: %s", reply->path, error.text);
    }
}

bool truth_is_masks(const char *path, const char *size) {
    struct stat status;
    const bool masks = stat(path, &status) == 0 && S_ISDIR(status.st_mode);
    if (masks && size != NULL) {
        die_usage("--size: masks have sizes of their own");
    }
    return masks;
}

static void read_masks(const char *folder, size_t processes, bool quiet, struct labels *labels,
                       struct sizes *sizes) {
    const struct image_options options = {.voi = IMAGE_VOI_LUT};
    struct left_out left = {.quiet = quiet};
    struct mask_files masks = {.ids = {.count = 0}};
    struct tracer tracer = {.runs = {.count = 0}};
    struct xray_reply reply;
    struct error error;
    mask_files_find(&masks, folder, &left);
    if ((labels->name = strdup(folder)) == NULL) {
        die("no memory");
    }
    struct xray_decoder *decoder = xray_decoder_start(processes, MASK_SECONDS, &options);
    for (size_t put = 0, taken = 0; taken < masks.files.count; taken++) {
        for (; put < masks.files.count && !xray_decoder_full(decoder); put++) {
            xray_decoder_put_mask(decoder, masks.files.items[put].path);
        }
        if (!xray_decoder_take(decoder, &reply)) {
            break;
        }
        add_mask(&tracer, &reply, masks.ids.items[taken], labels, sizes);
    }
    xray_decoder_stop(decoder);
    if (!labels_sort(labels, &error)) {
        die("%s: %s", folder, error.text);
    }
    runs_free(&tracer.runs);
    free(tracer.text.bytes);
    mask_files_free(&masks);
}

void truth_read(const char *path, bool masks, size_t processes, bool quiet, struct labels *labels,
                struct sizes *sizes) {
    struct error error;
    if (masks) {
        read_masks(path, processes, quiet, labels, sizes);
    } else if (!labels_read(labels, path, true, &error)) {
        die("%s", error.text);
    }
}

// What a worker does with a path, and how its answer is read.
#include "program/xray_files/xray_decoder.h"

#include "core/file.h"
#include "image/codec/jpeg_file.h"
#include "program/die.h"
#include "program/workers/workers.h"
#include "program/xray_files/mask_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct xray_decoder {
    struct workers *workers;
    struct image_options options;
};

// A worker's result: this, then the pixels, then those of the mask.
struct decoded {
    uint64_t height, width;
    uint64_t masked; // 1: there is a mask
};

// A job's text: what is wanted, the path, and where both are wanted a NUL and the mask's path.
enum wanted { IMAGE = 'i', MASK = 'm', BOTH = 'b' };

// The image, or the mask, in a file. *known: of a format that is read here, or not even read.
static bool read_pixels(const struct xray_decoder *decoder, enum wanted wanted, const char *path,
                        struct image *image, struct image_note *note, bool *known,
                        struct error *error) {
    uint8_t *bytes = NULL;
    size_t length = 0;
    *known = true;
    if (!file_read(path, XRAY_MAX_FILE, &bytes, &length, error)) {
        return false;
    }
    *known = image_known(bytes, length);
    struct image_options options = decoder->options;
    options.from_zero = wanted == MASK;
    bool good = image_decode(bytes, length, &options, image, note, error);
    if (good && wanted == MASK &&
        !mask_files_binarise(image, jpeg_file_sniff(bytes, length), error)) {
        image_free(image);
        good = false;
    }
    free(bytes);
    return good;
}

// The mask of an image, which must be of its size.
static bool read_mask(const struct xray_decoder *decoder, const char *path,
                      const struct image *image, struct image *mask, struct image_note *note,
                      struct error *error) {
    struct image_note own = {""};
    bool known = false;
    if (!read_pixels(decoder, MASK, path, mask, &own, &known, error)) {
        return fail_within(error, "its mask %s", path);
    }
    if (own.text[0] != 0) {
        image_note_add(note, "its mask: %s", own.text);
    }
    if (mask->height != image->height || mask->width != image->width) {
        (void)fail(error, "is %zu x %zu, and its mask %s is %zu x %zu", image->height, image->width,
                   path, mask->height, mask->width);
        image_free(mask);
        return false;
    }
    return true;
}

static bool write_result(struct worker_job *work, const struct image *image,
                         const struct image *mask) {
    const size_t pixels = image->height * image->width;
    const struct decoded decoded = {image->height, image->width, mask->pixels != NULL};
    unsigned char *result = worker_job_result(work, sizeof decoded + pixels * (1 + decoded.masked));
    if (result == NULL) {
        return false;
    }
    memcpy(result, &decoded, sizeof decoded);
    memcpy(result + sizeof decoded, image->pixels, pixels);
    if (mask->pixels != NULL) {
        memcpy(result + sizeof decoded + pixels, mask->pixels, pixels);
    }
    return true;
}

// Runs in a worker: paths in, pixels out; no bytes at all for a file that is no image.
static bool decode_file(void *context, struct worker_job *work) {
    const struct xray_decoder *decoder = context;
    const enum wanted wanted = (enum wanted)work->job[0];
    const char *path = work->job + 1;
    struct image image = {NULL, 0, 0};
    struct image mask = {NULL, 0, 0};
    struct image_note note = {""};
    bool known = true;
    if (!read_pixels(decoder, wanted, path, &image, &note, &known, &work->message)) {
        return !known;
    }
    const bool good = (wanted != BOTH || read_mask(decoder, path + strlen(path) + 1, &image, &mask,
                                                   &note, &work->message)) &&
                      write_result(work, &image, &mask);
    if (good) {
        (void)fail(&work->message, "%s", note.text);
    }
    image_free(&image);
    image_free(&mask);
    return good;
}

struct xray_decoder *xray_decoder_start(size_t processes, double seconds,
                                        const struct image_options *options) {
    const struct workers_limits limits = {
        .what = "decoder", .seconds = seconds, .memory = XRAY_WORKER_MEMORY};
    struct xray_decoder *decoder = calloc(1, sizeof *decoder);
    if (decoder == NULL) {
        die("no memory");
    }
    decoder->options = *options;
    decoder->workers = workers_start(processes, limits, decode_file, decoder);
    return decoder;
}

bool xray_decoder_full(const struct xray_decoder *decoder) {
    return workers_full(decoder->workers);
}

static void put(struct xray_decoder *decoder, enum wanted wanted, const char *path,
                const char *mask) {
    char *job = NULL;
    const int length = wanted == BOTH ? asprintf(&job, "%c%s%c%s", wanted, path, 0, mask)
                                      : asprintf(&job, "%c%s", wanted, path);
    if (length < 0) {
        die("no memory");
    }
    workers_put(decoder->workers, job, (size_t)length);
    free(job);
}

void xray_decoder_put(struct xray_decoder *decoder, const char *path) {
    put(decoder, IMAGE, path, NULL);
}

void xray_decoder_put_mask(struct xray_decoder *decoder, const char *path) {
    put(decoder, MASK, path, NULL);
}

void xray_decoder_put_both(struct xray_decoder *decoder, const char *path, const char *mask) {
    put(decoder, BOTH, path, mask);
}

bool xray_decoder_wait(struct xray_decoder *decoder, int descriptor) {
    return workers_wait(decoder->workers, descriptor);
}

bool xray_decoder_take(struct xray_decoder *decoder, struct xray_reply *reply) {
    struct workers_reply answer;
    struct decoded decoded;
    if (!workers_take(decoder->workers, &answer)) {
        return false;
    }
    *reply = (struct xray_reply){.decoded = answer.succeeded && answer.length > 0,
                                 .known = !answer.succeeded || answer.length > 0,
                                 .path = answer.job + 1,
                                 .message = answer.message};
    if (reply->decoded) {
        memcpy(&decoded, answer.result, sizeof decoded);
        uint8_t *pixels = (uint8_t *)answer.result + sizeof decoded;
        reply->image = (struct image){pixels, decoded.height, decoded.width};
        if (decoded.masked == 1) {
            reply->mask = reply->image;
            reply->mask.pixels += decoded.height * decoded.width;
        }
    }
    return true;
}

void xray_decoder_stop(struct xray_decoder *decoder) {
    workers_stop(decoder->workers);
    free(decoder);
}

// What a worker does with a path, and how its answer is read.
#include "data/xray_decoder.h"

#include "core/file.h"
#include "core/workers.h"
#include "data/mask_files.h"
#include "image/jpeg_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct xray_decoder {
    struct workers *workers;
    struct image_options options;
};

// A worker's result: this, then the pixels.
struct decoded {
    uint64_t height, width;
};

// A job's text: what is wanted, then the path.
#define AS_IMAGE 'i'
#define AS_MASK 'm'

// The image, or the mask, that a file's bytes hold.
static bool decode_bytes(const struct xray_decoder *decoder, char wanted, const uint8_t *bytes,
                         size_t length, struct image *image, struct image_note *note,
                         struct error *error) {
    if (!image_decode(bytes, length, &decoder->options, image, note, error)) {
        return false;
    }
    if (wanted == AS_MASK && !mask_from_levels(image, jpeg_file_sniff(bytes, length), error)) {
        image_free(image);
        return false;
    }
    return true;
}

// Runs in a worker: a path in, pixels out; no bytes at all for a file that is no image.
static bool decode_file(void *context, struct work *work) {
    uint8_t *bytes = NULL;
    size_t length = 0;
    struct image image;
    struct image_note note = {""};
    if (!file_read(work->job + 1, XRAY_MAX_FILE, &bytes, &length, &work->says)) {
        return false;
    }
    const bool known = image_known(bytes, length);
    const bool good =
        decode_bytes(context, work->job[0], bytes, length, &image, &note, &work->says);
    free(bytes);
    if (!good) {
        return !known;
    }
    const size_t pixels = image.height * image.width;
    const struct decoded decoded = {image.height, image.width};
    unsigned char *result = work_result(work, sizeof decoded + pixels);
    if (result != NULL) {
        memcpy(result, &decoded, sizeof decoded);
        memcpy(result + sizeof decoded, image.pixels, pixels);
        (void)fail(&work->says, "%s", note.text);
    }
    image_free(&image);
    return result != NULL;
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

static void put(struct xray_decoder *decoder, char wanted, const char *path) {
    char *job = NULL;
    const int length = asprintf(&job, "%c%s", wanted, path);
    if (length < 0) {
        die("no memory");
    }
    workers_put(decoder->workers, job, (size_t)length);
    free(job);
}

void xray_decoder_put(struct xray_decoder *decoder, const char *path) {
    put(decoder, AS_IMAGE, path);
}

void xray_decoder_put_mask(struct xray_decoder *decoder, const char *path) {
    put(decoder, AS_MASK, path);
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
                                 .says = answer.says};
    if (reply->decoded) {
        memcpy(&decoded, answer.result, sizeof decoded);
        reply->image = (struct image){(uint8_t *)answer.result + sizeof decoded, decoded.height,
                                      decoded.width};
    }
    return true;
}

void xray_decoder_stop(struct xray_decoder *decoder) {
    workers_stop(decoder->workers);
    free(decoder);
}

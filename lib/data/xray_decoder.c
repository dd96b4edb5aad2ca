// What a worker does with a path, and how its answer is read.
#include "data/xray_decoder.h"

#include "core/file.h"
#include "core/workers.h"

#include <stdlib.h>
#include <string.h>

#define MAX_FILE ((size_t)1 << 30)
#define WORKER_MEMORY ((size_t)3 << 30)

struct xray_decoder {
    struct workers *workers;
    struct image_options options;
};

// A worker's result: this, then the pixels.
struct decoded {
    uint64_t height, width;
};

// Runs in a worker: a path in, pixels out; no bytes at all for a file that is no image.
static bool decode_file(void *context, struct work *work) {
    const struct xray_decoder *decoder = context;
    uint8_t *bytes = NULL;
    size_t length = 0;
    struct image image;
    struct image_note note = {""};
    if (!file_read(work->job, MAX_FILE, &bytes, &length, &work->says)) {
        return false;
    }
    const bool known = image_known(bytes, length);
    const bool good = image_decode(bytes, length, &decoder->options, &image, &note, &work->says);
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
        .what = "decoder", .seconds = seconds, .memory = WORKER_MEMORY};
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

void xray_decoder_put(struct xray_decoder *decoder, const char *path) {
    workers_put(decoder->workers, path, strlen(path));
}

bool xray_decoder_take(struct xray_decoder *decoder, struct xray_reply *reply) {
    struct workers_reply answer;
    struct decoded decoded;
    if (!workers_take(decoder->workers, &answer)) {
        return false;
    }
    *reply = (struct xray_reply){.decoded = answer.succeeded && answer.length > 0,
                                 .known = !answer.succeeded || answer.length > 0,
                                 .path = answer.job,
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

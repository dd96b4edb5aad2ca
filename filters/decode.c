// decode: X-ray files (DICOM, PNG) to samples, by worker processes, in the order of the files.
#include "core/cli.h"
#include "core/file.h"
#include "core/progress.h"
#include "core/workers.h"
#include "data/files.h"
#include "data/labels.h"
#include "image/format.h"
#include "stream/writer.h"

#include <stdlib.h>
#include <string.h>

#define MAX_FILE ((size_t)1 << 30)
#define WORKER_MEMORY ((size_t)3 << 30)

struct options {
    const char *labels, *ids, *on_error, *voi;
    bool null_separated;
    double seconds;
    struct common_options common;
};

// A worker's result: this, then the pixels.
struct decoded {
    uint64_t height, width;
};

// Runs in a worker, `context` is the image_options: a path in, pixels out; no bytes at all for a
// file that is no image.
static bool decode_file(void *context, struct work *work) {
    uint8_t *bytes = NULL;
    size_t length = 0;
    struct image image;
    struct image_note note = {""};
    if (!file_read(work->job, MAX_FILE, &bytes, &length, &work->says)) {
        return false;
    }
    const bool known = image_known(bytes, length);
    const bool good = image_decode(bytes, length, context, &image, &note, &work->says);
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

struct decoder {
    const struct options *options;
    struct xray_files files;
    struct labels labels;
    struct stream_writer *writer;
    struct ids seen; // of the samples written
    size_t unlabelled;
};

static void write_sample(struct decoder *decoder, const char *id,
                         const struct workers_reply *reply) {
    struct decoded decoded;
    struct field fields[2];
    struct value *runs = NULL;
    size_t count = 1;
    memcpy(&decoded, reply->result, sizeof decoded);
    const struct tensor image = tensor_plane(DTYPE_U1, decoded.height, decoded.width,
                                             (const unsigned char *)reply->result + sizeof decoded);
    fields[0] = (struct field){text_of("image"), value_tensor(&image)};
    const size_t place =
        decoder->options->labels != NULL ? ids_find(&decoder->labels.ids, text_of(id)) : IDS_ABSENT;
    decoder->unlabelled += place == IDS_ABSENT;
    if (place != IDS_ABSENT) {
        size_t rows = 0;
        const struct label_row *row = labels_rows(&decoder->labels, place, &rows);
        runs = calloc(rows + 1, sizeof *runs);
        if (runs == NULL) {
            die("%s: no memory for its labels", id);
        }
        for (size_t i = 0; i < rows; i++) {
            runs[i] = value_text(row[i].runs);
        }
        fields[count++] = (struct field){text_of("rle"), value_list(runs, rows)};
    }
    const struct record record = {text_of(id), count, fields};
    stream_write(decoder->writer, &record);
    free(runs);
}

// A file that gives no sample: ends the program, or is told of and left out.
static void leave_out(const struct decoder *decoder, const struct xray_file *file,
                      const char *reason, bool harmless) {
    if (strcmp(decoder->options->on_error, "fail") == 0 && !harmless) {
        die("%s: %s", file->path, reason);
    }
    if (!decoder->options->common.quiet) {
        warn("%s: left out: %s", file->path, reason);
    }
}

static void take_reply(struct decoder *decoder, const struct xray_file *file,
                       const struct workers_reply *reply) {
    struct error error;
    size_t place = 0;
    bool added = false;
    if (!reply->succeeded || reply->length == 0) {
        leave_out(decoder, file, reply->says, reply->succeeded && file->found);
        return;
    }
    if (!ids_add(&decoder->seen, text_of(file->id), &place, &added, &error)) {
        die("%s: %s", file->path, error.text);
    }
    if (!added) {
        leave_out(decoder, file, "a file before it has the same id", false);
        return;
    }
    if (reply->says[0] != 0 && !decoder->options->common.quiet) {
        warn("%s: %s", file->path, reply->says);
    }
    write_sample(decoder, file->id, reply);
}

static void decode_all(struct decoder *decoder) {
    const struct options *options = decoder->options;
    struct image_options image = {.voi = strcmp(options->voi, "window") == 0 ? IMAGE_VOI_WINDOW
                                                                             : IMAGE_VOI_LUT};
    const struct workers_limits limits = {
        .what = "decoder", .seconds = options->seconds, .memory = WORKER_MEMORY};
    const struct xray_files *files = &decoder->files;
    struct progress progress = progress_start("images", files->count, options->common.quiet);
    struct workers *workers =
        workers_start((size_t)options->common.threads, limits, decode_file, &image);
    struct workers_reply reply;
    for (size_t put = 0, taken = 0; taken < files->count; taken++) {
        for (; put < files->count && !workers_full(workers); put++) {
            workers_put(workers, files->at[put].path, strlen(files->at[put].path));
        }
        if (!workers_take(workers, &reply)) {
            break;
        }
        take_reply(decoder, &files->at[taken], &reply);
        progress_step(&progress);
    }
    workers_stop(workers);
    progress_end(&progress);
}

static void find_files(struct decoder *decoder, const struct operands *operands) {
    const struct options *options = decoder->options;
    struct error error;
    bool good = true;
    for (int i = 0; good && i < operands->count; i++) {
        const bool list = strcmp(operands->at[i], "-") == 0;
        good = list ? files_add_list(&decoder->files, options->null_separated ? 0 : '\n', &error)
                    : files_add(&decoder->files, operands->at[i], &error);
    }
    if (operands->count == 0) {
        good = files_add_list(&decoder->files, options->null_separated ? 0 : '\n', &error);
    }
    if (good && options->ids != NULL) {
        struct labels wanted = {0};
        good = labels_read(&wanted, options->ids, false, &error) &&
               files_select(&decoder->files, &wanted.ids, &error);
        labels_free(&wanted);
    }
    if (good && options->labels != NULL) {
        good = labels_read(&decoder->labels, options->labels, true, &error);
    }
    if (!good) {
        die("%s", error.text);
    }
}

static const char description[] =
    "Reads DICOM and PNG files, recognised by what is in them, and writes a stream of samples in "
    "the order of the files: id, image (8-bit gray), and with --labels rle, the list of run "
    "lengths of the image's rows. A sample's id is the file's name without its extension; nothing "
    "else of a DICOM header leaves the file.\n\n"
    "A folder stands for all files below it; those that are neither DICOM nor PNG are left out. "
    "Without a FILE, and for '-', the names are read from stdin, one a line.\n\n"
    "Files are decoded in processes of their own: one that crashes the decoder, or keeps it "
    "longer than --timeout, is an error like any other. 8-bit pixels come out as they are; deeper "
    "ones through the file's window, or else their own range; of many frames the first.";

int main(int argc, char **argv) {
    struct options options = {
        .on_error = "fail", .voi = "lut", .seconds = 60, .common = common_defaults()};
    const struct option_row rows[] = {
        {"labels", 'l', OPTION_FILE, &options.labels, "CSV",
         "add the run lengths of ImageId,EncodedPixels rows", 0, 0, OPTION_RECORDED},
        {"ids", 'i', OPTION_FILE, &options.ids, "CSV",
         "only the images that CSV (ImageId,...) names, in its order", 0, 0, OPTION_RECORDED},
        {"on-error", 'e', OPTION_CHOICE, &options.on_error, "fail|skip",
         "end at a file that cannot be decoded, or go on without it (default: fail)", 0, 0,
         OPTION_SILENT},
        {"voi", 0, OPTION_CHOICE, &options.voi, "lut|window",
         "which wins where a DICOM file has a VOI LUT and a window (default: lut)", 0, 0,
         OPTION_RECORDED},
        {"timeout", 0, OPTION_NUMBER, &options.seconds, "SECONDS",
         "give a file up after so long (default: 60)", 0.01, 1e6, OPTION_SILENT},
        {"null", '0', OPTION_FLAG, &options.null_separated, NULL,
         "names on stdin end with a NUL (find -print0)", 0, 0, OPTION_SILENT},
    };
    const struct program program = {
        .name = "decode",
        .summary = "X-ray files to samples",
        .usage = "[OPTION]... [FILE|FOLDER|-]...",
        .description = description,
        .examples = "decode --labels train-rle.csv train/ | shard shards\n"
                    "find . -name '*.dcm' -print0 | decode -0 --on-error skip | inspect",
        .options = rows,
        .option_count = COUNT_OF(rows),
        .common = &options.common,
        .common_options = COMMON_OUTPUT | COMMON_QUIET | COMMON_THREADS,
        .operands_most = -1,
    };
    const struct operands operands = cli_parse(&program, argc, argv);
    struct decoder decoder = {.options = &options};
    find_files(&decoder, &operands);
    struct history history = {0};
    history_add(&history, text_of(operands.history));
    struct output *output = output_open(options.common.output, OUTPUT_BYTES);
    decoder.writer = stream_create(output, KIND_SAMPLES, &history);
    decode_all(&decoder);
    stream_finish(decoder.writer);
    output_close(output);
    if (options.labels != NULL && decoder.unlabelled > 0 && !options.common.quiet) {
        warn("%s: has no rows for %zu of the images", options.labels, decoder.unlabelled);
    }
    labels_free(&decoder.labels);
    ids_free(&decoder.seen);
    files_free(&decoder.files);
    return 0;
}

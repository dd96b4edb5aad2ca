// decode: X-ray files (DICOM, PNG, JPEG) to samples, by worker processes, in the order of the
// files.
#include "core/cli.h"
#include "core/progress.h"
#include "data/files.h"
#include "data/labels.h"
#include "data/xray_decoder.h"
#include "stream/writer.h"

#include <stdlib.h>
#include <string.h>

struct options {
    const char *labels, *ids, *on_error, *voi;
    bool null_separated;
    double seconds;
    struct common_options common;
};

struct decoder {
    const struct options *options;
    struct xray_files files;
    struct labels labels;
    struct stream_writer *writer;
    struct ids seen; // of the samples written
    size_t unlabelled;
};

static void write_sample(struct decoder *decoder, const char *id, const struct image *pixels) {
    struct field fields[2];
    struct value *runs = NULL;
    size_t count = 1;
    const struct tensor image =
        tensor_plane(DTYPE_U1, pixels->height, pixels->width, pixels->pixels);
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
                       const struct xray_reply *reply) {
    struct error error;
    size_t place = 0;
    bool added = false;
    if (!reply->decoded) {
        leave_out(decoder, file, reply->says, !reply->known && file->found);
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
    write_sample(decoder, file->id, &reply->image);
}

static void decode_all(struct decoder *decoder) {
    const struct options *options = decoder->options;
    const struct image_options image = {
        .voi = strcmp(options->voi, "window") == 0 ? IMAGE_VOI_WINDOW : IMAGE_VOI_LUT};
    const struct xray_files *files = &decoder->files;
    struct progress progress = progress_start("images", files->count, options->common.quiet);
    struct xray_decoder *workers =
        xray_decoder_start((size_t)options->common.threads, options->seconds, &image);
    struct xray_reply reply;
    for (size_t put = 0, taken = 0; taken < files->count; taken++) {
        for (; put < files->count && !xray_decoder_full(workers); put++) {
            xray_decoder_put(workers, files->at[put].path);
        }
        if (!xray_decoder_take(workers, &reply)) {
            break;
        }
        take_reply(decoder, &files->at[taken], &reply);
        progress_step(&progress);
    }
    xray_decoder_stop(workers);
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
    "Reads DICOM, PNG and JPEG files, recognised by what is in them, and writes a stream of "
    "samples in the order of the files: id, image (8-bit gray), and with --labels rle, the list "
    "of run lengths of the image's rows. A sample's id is the file's name without its extension; "
    "nothing "
    "else of a DICOM header leaves the file.\n\n"
    "A folder stands for all files below it; those that are none of these are left out. "
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

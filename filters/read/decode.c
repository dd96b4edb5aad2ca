// decode: X-ray files (DICOM, PNG, JPEG) to samples, by worker processes, in the order of the
// files.
#include "challenge/lesions.h"
#include "program/cli/cli.h"
#include "program/die.h"
#include "program/progress.h"
#include "program/streams/streams.h"
#include "program/xray_files/join.h"
#include "program/xray_files/mask_files.h"
#include "program/xray_files/names.h"
#include "program/xray_files/xray_decoder.h"

#include <string.h>
#include <unistd.h>

struct options {
    const char *labels, *masks, *size, *unlabelled, *left_out, *ids, *on_error, *voi;
    bool null_separated, follow;
    double seconds;
    struct common_options common;
};

struct decoder {
    const struct options *options;
    struct xray_files files;
    bool whole; // folders or lists: all that there is, as opposed to files named one by one
    struct labels labels;
    struct mask_files masks;
    struct lesions lesions;
    struct left_out left;
    struct stream_writer *writer;
    struct ids seen; // of the samples written; not kept with --follow
};

static bool has_mask(const struct decoder *decoder, const struct xray_file *file) {
    return decoder->options->masks != NULL && file->row != IDS_ABSENT;
}

static void write_sample(struct decoder *decoder, const struct xray_file *file,
                         const struct image *pixels, const struct image *mask) {
    struct error error;
    struct value rle = value_list(NULL, 0);
    const bool labelled = file->row != IDS_ABSENT;
    const struct tensor image =
        tensor_plane(DTYPE_U1, pixels->height, pixels->width, pixels->pixels);
    if (labelled &&
        !(has_mask(decoder, file) ? lesions_of_mask(&decoder->lesions, mask, &rle, &error)
                                  : lesions_of_row(&decoder->lesions, &decoder->labels, file->row,
                                                   pixels->height, pixels->width, &rle, &error))) {
        die("%s", error.text);
    }
    const struct field fields[] = {{text_of("image"), value_tensor(&image)}, {text_of("rle"), rle}};
    const struct record record = {text_of(file->id), labelled ? 2 : 1, fields};
    stream_write(decoder->writer, &record);
}

static bool is_new(struct decoder *decoder, const struct xray_file *file) {
    struct error error;
    size_t index = 0;
    bool added = false;
    if (!ids_add(&decoder->seen, text_of(file->id), &index, &added, &error)) {
        die("%s: %s", file->path, error.text);
    }
    return added;
}

static void take_reply(struct decoder *decoder, const struct xray_file *file,
                       const struct xray_reply *reply) {
    if (!reply->decoded) {
        left_out_file(&decoder->left, file, reply->message);
        return;
    }
    if (!decoder->options->follow && !is_new(decoder, file)) {
        left_out_file(&decoder->left, file, "a file before it has the same id");
        return;
    }
    if (reply->message[0] != 0 && !decoder->options->common.quiet) {
        warn("%s: %s", file->path, reply->message);
    }
    write_sample(decoder, file, &reply->image, &reply->mask);
}

static void put_file(const struct decoder *decoder, struct xray_decoder *workers,
                     const struct xray_file *file) {
    if (has_mask(decoder, file)) {
        xray_decoder_put_both(workers, file->path, decoder->masks.files.items[file->row].path);
    } else {
        xray_decoder_put(workers, file->path);
    }
}

static struct xray_decoder *start_workers(const struct options *options) {
    const struct image_options image = {
        .voi = strcmp(options->voi, "window") == 0 ? IMAGE_VOI_WINDOW : IMAGE_VOI_LUT};
    return xray_decoder_start((size_t)options->common.threads, options->seconds, &image);
}

static void decode_all(struct decoder *decoder) {
    const struct options *options = decoder->options;
    const struct xray_files *files = &decoder->files;
    struct progress progress = progress_start("images", files->count, options->common.quiet);
    struct xray_decoder *workers = start_workers(options);
    struct xray_reply reply;
    for (size_t put = 0, taken = 0; taken < files->count; taken++) {
        for (; put < files->count && !xray_decoder_full(workers); put++) {
            put_file(decoder, workers, &files->items[put]);
        }
        if (!xray_decoder_take(workers, &reply)) {
            break;
        }
        take_reply(decoder, &files->items[taken], &reply);
        progress_step(&progress);
    }
    xray_decoder_stop(workers);
    progress_end(&progress);
    if (files->count > 0 && decoder->seen.count == 0) {
        die("not one of %zu images could be read", files->count);
    }
}

// ---- files as they come

// `reply`: what became of the file; NULL: it is put to work.
static void take_name(struct decoder *decoder, struct xray_decoder *workers, const char *path,
                      const struct xray_reply *reply) {
    struct xray_file file;
    struct error error;
    if (!xray_file_make(&file, path, &error)) {
        die("%s: %s", path, error.text);
    }
    if (reply != NULL) {
        take_reply(decoder, &file, reply);
    } else if (!left_out_nameless(&decoder->left, &file)) {
        put_file(decoder, workers, &file);
    }
    xray_file_free(&file);
}

// Decodes files while their names come, until no more will.
static void follow(struct decoder *decoder) {
    const struct options *options = decoder->options;
    struct names names = {.separator = options->null_separated ? 0 : '\n'};
    struct xray_decoder *workers = start_workers(options);
    struct xray_reply reply;
    struct error error;
    for (bool wanted = true; wanted;) {
        const char *name = NULL;
        while (!xray_decoder_full(workers) && (name = names_next(&names)) != NULL) {
            take_name(decoder, workers, name, NULL);
        }
        const bool reads = !names.ended && !xray_decoder_full(workers);
        if (xray_decoder_wait(workers, reads ? STDIN_FILENO : -1)) {
            (void)xray_decoder_take(workers, &reply);
            take_name(decoder, workers, reply.path, &reply);
        } else if (!reads) {
            wanted = false;
        } else if (!names_read(&names, &error)) {
            die("%s", error.text);
        }
    }
    xray_decoder_stop(workers);
    names_free(&names);
}

// ---- the files

// Adds what an operand stands for ("-": a list).
static void add_operand(struct decoder *decoder, const char *operand) {
    const size_t first = decoder->files.count;
    const char separator = decoder->options->null_separated ? 0 : '\n';
    const bool list = strcmp(operand, "-") == 0;
    struct error error;
    if (!(list ? xray_files_add_list(&decoder->files, separator, &error)
               : xray_files_add(&decoder->files, operand, &error))) {
        die("%s", error.text);
    }
    for (size_t i = first; i < decoder->files.count; i++) {
        decoder->whole = decoder->whole || list || decoder->files.items[i].found;
    }
    left_out_foreign(&decoder->left, &decoder->files, first, operand);
}

// Keeps the files that are wanted, each with the index of its labels.
static void join(struct decoder *decoder) {
    const struct options *options = decoder->options;
    struct error error;
    if (options->labels != NULL && !labels_read(&decoder->labels, options->labels, true, &error)) {
        die("%s", error.text);
    }
    if (options->masks != NULL) {
        mask_files_find(&decoder->masks, options->masks, &decoder->left);
    }
    const struct join join = {
        .name = options->labels != NULL ? decoder->labels.name : options->masks,
        .what = options->labels != NULL ? "row" : "mask",
        .ids = options->labels != NULL ? &decoder->labels.ids : &decoder->masks.ids,
        .files = strcmp(options->unlabelled, "drop") == 0   ? UNLABELLED_DROP
                 : strcmp(options->unlabelled, "only") == 0 ? UNLABELLED_ONLY
                                                            : UNLABELLED_KEEP,
        .whole = decoder->whole && options->ids == NULL};
    if (options->labels != NULL || options->masks != NULL) {
        join_files(&join, &decoder->files, &decoder->left);
    }
}

static void find_files(struct decoder *decoder, const struct operands *operands) {
    const struct options *options = decoder->options;
    struct labels wanted = {0};
    struct error error;
    for (int i = 0; i < operands->count; i++) {
        add_operand(decoder, operands->items[i]);
    }
    if (operands->count == 0) {
        add_operand(decoder, "-");
    }
    if (options->ids != NULL && (!labels_read(&wanted, options->ids, false, &error) ||
                                 !xray_files_select(&decoder->files, &wanted.ids, &error))) {
        die("%s", error.text);
    }
    labels_free(&wanted);
    join(decoder);
}

static void run(const struct options *options, const struct operands *operands) {
    struct decoder decoder = {
        .options = options,
        .left = {.quiet = options->common.quiet, .skip = strcmp(options->on_error, "skip") == 0}};
    struct error error;
    struct history history = {0};
    if (options->size != NULL && !labels_parse_size(options->size, &decoder.lesions.height,
                                                    &decoder.lesions.width, &error)) {
        die_usage("--size %s", error.text);
    }
    history_add(&history, text_of(operands->history));
    if (options->left_out != NULL) {
        left_out_open(&decoder.left, options->left_out);
    }
    if (!options->follow) {
        find_files(&decoder, operands);
    }
    struct output *output = output_open(options->common.output, OUTPUT_BYTES);
    decoder.writer = stream_create(output, KIND_SAMPLES, &history);
    if (options->follow) {
        follow(&decoder);
    } else {
        decode_all(&decoder);
    }
    stream_finish(decoder.writer);
    output_close(output);
    left_out_close(&decoder.left);
    lesions_free(&decoder.lesions);
    labels_free(&decoder.labels);
    mask_files_free(&decoder.masks);
    ids_free(&decoder.seen);
    xray_files_free(&decoder.files);
}

// ---- options

static void check_options(const struct options *options, const struct operands *operands) {
    const bool list =
        operands->count == 0 || (operands->count == 1 && strcmp(operands->items[0], "-") == 0);
    if (options->follow &&
        (!list || options->labels != NULL || options->masks != NULL || options->ids != NULL)) {
        die_usage("--follow: takes names from stdin, and neither FILE nor labels nor --ids");
    }
    if (options->labels != NULL && options->masks != NULL) {
        die_usage("--labels and --masks: one or the other");
    }
    if (options->size != NULL && options->labels == NULL) {
        die_usage("--size: of the images that the run lengths of --labels refer to");
    }
    if (strcmp(options->unlabelled, "keep") != 0 && options->labels == NULL &&
        options->masks == NULL) {
        die_usage("--unlabelled %s: by which labels? Add --labels or --masks", options->unlabelled);
    }
}

static const char description[] =
    "Reads images of the formats"
#define X(name, extensions, sniff, decode, describe) " " #name ","
#include "image/formats.def"
#undef X
    " recognised by what is in them, and writes a stream of samples in the order of the files: id, "
    "image (8-bit gray), and of labelled images rle, a list of run lengths. Nothing of a DICOM "
    "header but pixels leaves the file.\n\n"
    "A folder stands for all files below it. Those that are none of these formats are left out and "
    "counted; a folder without one image is an error. Without a FILE, and for '-', the names are "
    "read from stdin, one a line. With --follow a sample is written as soon as its file is "
    "decoded, however long the next name takes; nothing is remembered, so that an id may come "
    "twice; and a stream without a sample is no error.\n\n"
    "A sample's id is the file's name without its extension, and without any of "
#define X(name, extensions, sniff, decode, describe) extensions " "
#include "image/formats.def"
#undef X
    "before that; ids in a CSV are read without these endings, too. A file that has no row goes by "
    "its name up to one more dot and letter, where that has one: X.nih_01.png is X.\n\n"
    "Labels come from --labels, rows `ImageId,EncodedPixels`, whose run lengths refer to each "
    "image's own size unless --size tells another; or from --masks, images of 0 (background) and "
    "one other grey level (lesion), of their image's size; in JPEG 0 to 63 is background, and 192 "
    "to 255 lesion. Labels that fit no image at all are an error before anything is decoded.\n\n"
    "Files are decoded in processes of their own: one that crashes the decoder, or keeps it "
    "longer than --timeout, is an error like any other. Of many frames the first is taken.\n\n"
    "Grey levels of DICOM files: the Modality LUT or Rescale; then the first VOI LUT, or else the "
    "first window (--voi window: the other way round); without both 8 bits and fewer come out as "
    "they are, and deeper or signed values from the least (0) to the greatest (255) in the image, "
    "Pixel Padding left out; MONOCHROME1 is inverted. PNG: 16-bit gray from the least to the "
    "greatest likewise. JPEG is turned as its EXIF orientation says. Colours give their luma. "
    "What a header says and is not understood is told, or an error.";

int main(int argc, char **argv) {
    struct options options = {.unlabelled = "keep",
                              .on_error = "fail",
                              .voi = "lut",
                              .seconds = 60,
                              .common = cli_common_defaults()};
    const struct option_row rows[] = {
        {"labels", 'l', OPTION_FILE, &options.labels, "CSV",
         "add the run lengths of ImageId,EncodedPixels rows", 0, 0, OPTION_RECORDED},
        {"masks", 'm', OPTION_FILE, &options.masks, "FOLDER",
         "add those of mask images, each with its image's id", 0, 0, OPTION_RECORDED},
        {"size", 's', OPTION_TEXT, &options.size, "HxW",
         "what all run lengths of --labels refer to; they are brought to the image's own size", 0,
         0, OPTION_RECORDED},
        {"unlabelled", 'u', OPTION_CHOICE, &options.unlabelled, "keep|drop|only",
         "images without a row or mask: keep them, leave them out, or take only them (default: "
         "keep)",
         0, 0, OPTION_RECORDED},
        {"left-out", 0, OPTION_FILE, &options.left_out, "FILE",
         "write ImageId,Path,Reason of every file that is left out, and of rows without a file, to "
         "FILE, a CSV",
         0, 0, OPTION_SILENT},
        {"ids", 'i', OPTION_FILE, &options.ids, "CSV",
         "only the images that CSV (ImageId,...) names, in its order", 0, 0, OPTION_RECORDED},
        {"on-error", 'e', OPTION_CHOICE, &options.on_error, "fail|skip",
         "end at a file that cannot be decoded, or go on without it", 0, 0, OPTION_SILENT},
        {"voi", 0, OPTION_CHOICE, &options.voi, "lut|window",
         "which wins where a DICOM file has a VOI LUT and a window", 0, 0, OPTION_RECORDED},
        {"timeout", 0, OPTION_NUMBER, &options.seconds, "SECONDS", "give a file up after so long",
         0.01, 1e6, OPTION_SILENT},
        {"null", '0', OPTION_FLAG, &options.null_separated, NULL,
         "names on stdin end with a NUL (find -print0)", 0, 0, OPTION_SILENT},
        {"follow", 0, OPTION_FLAG, &options.follow, NULL,
         "decode each file as soon as its name comes on stdin, until stdin ends", 0, 0,
         OPTION_SILENT},
    };
    const struct program program = {
        .name = "decode",
        .summary = "X-ray files to samples",
        .purpose = PURPOSE_READ,
        .usage = "[OPTION]... [FILE|FOLDER|-]...",
        .description = description,
        .examples = "decode --labels train-rle.csv train/ | shard shards\n"
                    "decode --masks masks/ --unlabelled drop images/ | shard shards\n"
                    "find . -name '*.dcm' -print0 | decode -0 --on-error skip | inspect\n"
                    "inotifywait -qme close_write --format %w%f inbox/ | decode --follow | inspect",
        .options = rows,
        .option_count = COUNT_OF(rows),
        .common = &options.common,
        .common_options = COMMON_OUTPUT | COMMON_QUIET | COMMON_THREADS,
        .max_operands = -1,
    };
    const struct operands operands = cli_parse(&program, argc, argv);
    check_options(&options, &operands);
    run(&options, &operands);
    return 0;
}

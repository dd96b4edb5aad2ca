// seg: probabilities or masks become DICOM objects of the X-rays that they belong to.
#include "challenge/ensemble.h"
#include "core/text/utf8.h"
#include "dataset/ids/image_id.h"
#include "image/mask.h"
#include "objects/object.h"
#include "objects/uid.h"
#include "program/cli/cli.h"
#include "program/die.h"
#include "program/folder.h"
#include "program/objects/algorithm.h"
#include "program/objects/source_files.h"
#include "program/output.h"
#include "program/progress.h"
#include "program/streams/masks.h"
#include "program/streams/streams.h"
#include "program/xray_files/xray_decoder.h"
#include "stream/statistics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST_ENDING ".capture.dcm"
#define SECONDS 60 // that a source may take to decode

struct options {
    struct option_files sources, weights;
    const char *algorithm, *root, *on_error;
    bool fractional, capture, report, list;
    struct mask_options masks;
    struct common_options common;
};

struct writer {
    const struct options *options;
    const char *folder;
    struct object_maker maker;
    struct algorithm algorithm;
    char rule[ALGORITHM_TEXT_SIZE]; // in words
    struct mask_stream masks;
    struct source_files sources;
    struct xray_decoder *decoder;                // of sources for captures; NULL: none are wanted
    struct object segmentation, capture, report; // of the image at hand, empty where not wanted
    struct output *list;                         // NULL: none
};

// ---- one image

// Probabilities as 0..255, rounded to the nearest; the caller frees them. NULL with *error.
static uint8_t *fractions_of(const struct record *record, struct error *error) {
    const double weight = 1;
    const struct tensor *tensor = NULL;
    if (!record_tensor(record, "probability", 2, &tensor, error)) {
        return NULL;
    }
    const size_t pixels = tensor->shape[0] * tensor->shape[1];
    float *numbers = malloc(pixels * sizeof *numbers + 1);
    uint8_t *fractions = malloc(pixels + 1);
    if (numbers == NULL || fractions == NULL) {
        free(numbers);
        free(fractions);
        (void)fail(error, "no memory for %zu pixels", pixels);
        return NULL;
    }
    ensemble_mean(&tensor, &weight, 1, DTYPE_F4, numbers);
    for (size_t i = 0; i < pixels; i++) {
        fractions[i] = image_level((double)numbers[i]);
    }
    free(numbers);
    return fractions;
}

static bool make_segmentation(struct writer *writer, const struct object_source *source,
                              struct error *error) {
    uint8_t *fractions = NULL;
    if (writer->options->fractional &&
        (fractions = fractions_of(&writer->masks.record, error)) == NULL) {
        return false;
    }
    const bool made = object_segmentation(source, &writer->maker, &writer->masks.mask, fractions,
                                          &writer->segmentation, error);
    free(fractions);
    return made;
}

// The source decoded as decode does it, with the mask's outline where there is a lesion.
static bool make_capture(struct writer *writer, const struct object_source *source, bool positive,
                         struct error *error) {
    struct xray_reply reply;
    struct image *mask = &writer->masks.mask;
    xray_decoder_put(writer->decoder, writer->sources.path);
    if (!xray_decoder_take(writer->decoder, &reply) || !reply.decoded) {
        return fail(error, "%s", reply.message);
    }
    if (!positive) {
        memset(mask->pixels, 0, mask->height * mask->width);
    }
    return object_capture(source, &writer->maker, &reply.image, mask, &writer->capture, error);
}

static bool make_report(struct writer *writer, const struct object_source *source, bool positive,
                        struct error *error) {
    struct tensor_statistics statistics = {0, 0, 0};
    const struct tensor *tensor = NULL;
    struct object_measures measures = {.area = mask_area(&writer->masks.mask),
                                       .positive = positive};
    if (writer->masks.probabilities) {
        if (!record_tensor(&writer->masks.record, "probability", 2, &tensor, error)) {
            return false;
        }
        measures.has_probability = tensor_statistics(tensor, &statistics);
        measures.probability = statistics.max;
    }
    return object_report(source, &writer->maker, &measures,
                         writer->segmentation.bytes != NULL ? &writer->segmentation : NULL,
                         &writer->report, error);
}

// Makes the objects of a source that fits the mask.
static bool make_all(struct writer *writer, const struct object_source *source,
                     struct error *error) {
    const struct options *options = writer->options;
    const struct image *mask = &writer->masks.mask;
    if (mask->height != source->rows || mask->width != source->columns) {
        return fail(error, "has %zu rows and %zu columns, and the mask %zu and %zu", source->rows,
                    source->columns, mask->height, mask->width);
    }
    const bool positive = writer->masks.decision == DECISION_KEEP && mask_area(mask) > 0;
    return (!positive || make_segmentation(writer, source, error)) &&
           (!options->report || make_report(writer, source, positive, error)) &&
           (!options->capture || make_capture(writer, source, positive, error));
}

// Whether objects may have this id for a name: it is one line of --list, too.
static bool names_objects(struct text id) {
    for (size_t i = 0; i < id.length; i++) {
        if ((unsigned char)id.bytes[i] < ' ' || id.bytes[i] == 0x7F) {
            return false;
        }
    }
    return image_id_names_file(id, strlen(LONGEST_ENDING));
}

// Makes the objects of the record read last.
static bool make_objects(struct writer *writer, struct error *error) {
    struct mask_stream *masks = &writer->masks;
    struct object_source source;
    if (!names_objects(masks->record.id)) {
        return fail(error, "'%.*s': this id cannot be a file's name", TEXT_ARG(masks->record.id));
    }
    if (!mask_stream_take(masks, error) ||
        !source_files_read(&writer->sources, masks->record.id, error)) {
        return fail_within(error, "'%.*s'", TEXT_ARG(masks->record.id));
    }
    if (!object_source_open(writer->sources.bytes, writer->sources.length, &source, error)) {
        return fail_within(error, "%s", writer->sources.path);
    }
    const bool made = make_all(writer, &source, error);
    object_source_close(&source);
    return made || fail_within(error, "%s", writer->sources.path);
}

static void write_object(struct writer *writer, const struct object *object, const char *ending) {
    char *path = NULL;
    const struct text id = writer->masks.record.id;
    if (object->bytes == NULL) {
        return;
    }
    if (asprintf(&path, "%s/%.*s%s", writer->folder, (int)id.length, id.bytes, ending) < 0) {
        die("no memory");
    }
    struct output *output = output_open_regular(path, OUTPUT_BYTES);
    output_write(output, object->bytes, object->length);
    output_close(output);
    if (writer->list != NULL) {
        output_printf(writer->list, "written\t%.*s\t%s\n", (int)id.length, id.bytes, path);
    }
    free(path);
}

// A record that gives no objects: ends the program, or is told of and left out.
static void leave_out(struct writer *writer, const struct error *error) {
    if (strcmp(writer->options->on_error, "skip") != 0) {
        stream_die(writer->masks.reader, error);
    }
    warn("%s: left out: %s", stream_place(writer->masks.reader), error->text);
}

static void write_objects(struct writer *writer) {
    struct error error;
    const struct text id = writer->masks.record.id;
    const bool made = make_objects(writer, &error);
    if (made) {
        write_object(writer, &writer->segmentation, ".seg.dcm");
        write_object(writer, &writer->capture, ".capture.dcm");
        write_object(writer, &writer->report, ".report.dcm");
    } else {
        leave_out(writer, &error);
    }
    object_free(&writer->segmentation);
    object_free(&writer->capture);
    object_free(&writer->report);
    if (writer->list != NULL) {
        char shown[2 * RECORD_MAX_NAME];
        utf8_show_text(id.bytes, id.length, shown, sizeof shown);
        output_printf(writer->list, "%s\t%s\n", made ? "done" : "failed", shown);
        output_hand_on(writer->list);
    }
}

// ---- all images

static void describe_maker(struct writer *writer) {
    const struct options *options = writer->options;
    algorithm_describe(&writer->algorithm, &options->weights, options->algorithm);
    if (writer->masks.probabilities) {
        (void)snprintf(writer->rule, sizeof writer->rule, "probability above %g",
                       writer->masks.threshold);
    } else {
        (void)snprintf(writer->rule, sizeof writer->rule, "a mask that was given");
    }
    writer->maker = (struct object_maker){options->root, writer->algorithm.name,
                                          writer->algorithm.version, writer->rule};
}

static void run(const struct options *options, const char *folder, const char *path) {
    struct writer writer = {
        .options = options, .folder = folder, .sources = {.named = &options->sources}};
    mask_stream_open(&writer.masks, path, &options->masks, options->common.max_record);
    if (options->fractional && !writer.masks.probabilities) {
        die("%s: holds masks, and --fractional needs probabilities", path);
    }
    describe_maker(&writer);
    (void)folder_make(folder);
    if (options->capture) {
        writer.decoder = xray_decoder_start(1, SECONDS, &(struct image_options){IMAGE_VOI_LUT});
    }
    writer.list = options->list ? output_open(NULL, OUTPUT_TEXT) : NULL;
    struct progress progress = progress_start("images", 0, options->common.quiet);
    while (mask_stream_next(&writer.masks)) {
        write_objects(&writer);
        progress_step(&progress);
    }
    progress_end(&progress);
    if (writer.decoder != NULL) {
        xray_decoder_stop(writer.decoder);
    }
    mask_stream_close(&writer.masks);
    source_files_free(&writer.sources);
    if (writer.list != NULL) {
        output_close(writer.list);
    }
}

static void check_options(const struct options *options) {
    if (options->sources.count == 0) {
        die_usage("--source FILE|FOLDER: whose images are they?");
    }
    if (!uid_is_valid(options->root) || strlen(options->root) > UID_MAX_ROOT) {
        die_usage("--uid-root %s: no UID of at most %d characters", options->root, UID_MAX_ROOT);
    }
}

static const char description[] =
    "Reads probabilities, or samples with a `mask`, and writes for each image with a lesion "
    "FOLDER/ID.seg.dcm, a DICOM Segmentation of its source's rows and columns: binary, one "
    "segment, "
    "with patient and study of the source, which viewers show over it. What counts as lesion is "
    "said as for rle-encode: by --threshold or --rule, and --decisions.\n\n"
    "With --capture there is a Secondary Capture of every image, for archives that show no "
    "segmentations: the X-ray as decode makes it, the outline where there is a lesion, and below "
    "it "
    "the words `research software, not a finding`. With --report there is a Structured Report (TID "
    "1500) of every image.\n\n"
    "--source names the DICOM files that the images were decoded from, or folders with them; a "
    "record's file is the one that has its id (see decode). A folder is looked at again for an id "
    "that it did not have, so files may come while the stream does. A file without UIDs, or of "
    "another size than its mask, is an error. UIDs are made from the input and dates are the "
    "source's, so that the same input gives the same bytes.\n\n"
    "Each record's objects are written as soon as it is whole, each file whole or not at all. "
    "--list says so on stdout, line by line, with tabs: `written ID PATH` for each file, then "
    "`done "
    "ID`; or `failed ID`, where --on-error skip goes on without it.\n\n"
    "The objects are of research software and say so. Reads stdin when no STREAM is named, or for "
    "'-'.";

int main(int argc, char **argv) {
    struct options options = {.root = UID_USUAL_ROOT,
                              .on_error = "fail",
                              .masks = {.threshold = MASKS_USUAL_THRESHOLD},
                              .common = cli_common_defaults()};
    const struct option_row rows[] = {
        {"source", 's', OPTION_FILES, &options.sources, "FILE|FOLDER",
         "DICOM files that the images were decoded from; may be given several times", 0, 0,
         OPTION_SILENT},
        MASK_ROWS(options.masks),
        {"fractional", 'f', OPTION_FLAG, &options.fractional, NULL,
         "segmentations hold probabilities in 255ths in place of a mask", 0, 0, OPTION_SILENT},
        {"capture", 'c', OPTION_FLAG, &options.capture, NULL,
         "write FOLDER/ID.capture.dcm, too, of every image: a picture with the outline in it", 0, 0,
         OPTION_SILENT},
        {"report", 'r', OPTION_FLAG, &options.report, NULL,
         "write FOLDER/ID.report.dcm, too, of every image: a structured report of its area, "
         "greatest probability and the decision",
         0, 0, OPTION_SILENT},
        {"weights", 'w', OPTION_FILES, &options.weights, "FILE",
         "the weights that predicted: their hash is the algorithm's version in the objects; may be "
         "given several times",
         0, 0, OPTION_SILENT},
        {"algorithm", 0, OPTION_TEXT, &options.algorithm, "NAME",
         "the algorithm's name in the objects (default: Pleura and the weights' network)", 0, 0,
         OPTION_SILENT},
        {"uid-root", 0, OPTION_TEXT, &options.root, "UID", "what all new UIDs begin with", 0, 0,
         OPTION_SILENT},
        {"on-error", 'e', OPTION_CHOICE, &options.on_error, "fail|skip",
         "end at a record that gives no objects, or go on without it", 0, 0, OPTION_SILENT},
        {"list", 'l', OPTION_FLAG, &options.list, NULL, "say on stdout what is written", 0, 0,
         OPTION_SILENT},
    };
    const struct program program = {
        .name = "seg",
        .summary = "turn probabilities or masks into DICOM segmentations, pictures and reports",
        .purpose = PURPOSE_DECIDE,
        .usage = "[OPTION]... --source FILE|FOLDER FOLDER [STREAM]",
        .description = description,
        .examples = "decode xrays/ | predict-fold -m best.mpk | seg --source xrays/ -w best.mpk "
                    "objects\n"
                    "seg --source xrays/ --decisions decisions.mpk objects mean.mpk",
        .options = rows,
        .option_count = COUNT_OF(rows),
        .common = &options.common,
        .common_options = COMMON_QUIET | COMMON_MAX_RECORD,
        .min_operands = 1,
        .max_operands = 2,
    };
    const struct operands operands = cli_parse(&program, argc, argv);
    check_options(&options);
    run(&options, operands.items[0], operands.count > 1 ? operands.items[1] : "-");
    free(options.sources.paths);
    free(options.weights.paths);
    return 0;
}

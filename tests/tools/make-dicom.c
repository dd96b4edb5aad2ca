// make-dicom: a folder of DICOM files of every sort that decode reads, a few pixels each. The
// streams of codecs that GDCM reads are headers only.
#include "../unit/image/dicom_build.h"
#include "program/cli/cli.h"
#include "program/die.h"
#include "program/output.h"

#include <zlib.h>

#define UNDEFINED 0xFFFFFFFF
#define DEFLATED "1.2.840.10008.1.2.1.99"
#define DEFLATED_FRAMES "1.2.840.10008.1.2.8.1"
#define IMPLICIT "1.2.840.10008.1.2"
#define BIG_ENDIAN_SYNTAX "1.2.840.10008.1.2.2"

static void save(const struct file *file, const char *folder, const char *name) {
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s.dcm", folder, name);
    struct output *output = output_open(path, OUTPUT_BYTES);
    output_write(output, file->bytes, file->length);
    output_close(output);
}

// ---- sequences

static void put_item(struct file *file, const struct file *elements) {
    put_tag(file, DICOM_TAG(0xFFFE, 0xE000));
    put_number(file, UNDEFINED, 4);
    memcpy(file->bytes + file->length, elements->bytes, elements->length);
    file->length += elements->length;
    put_tag(file, DICOM_TAG(0xFFFE, 0xE00D));
    put_number(file, 0, 4);
}

static void put_sequence(struct file *file, uint32_t tag, const struct file *elements) {
    put(file, tag, "SQ", NULL, UNDEFINED);
    put_item(file, elements);
    put_tag(file, DICOM_TAG(0xFFFE, 0xE0DD));
    put_number(file, 0, 4);
}

static struct file like(const struct file *file) {
    return (struct file){.implicit_vr = file->implicit_vr, .big_endian = file->big_endian};
}

// ---- what decides on gray values

enum look { PLAIN, WINDOW, EXACT, SIGMOID, LUTS, GROUPS, PALETTE, LOOKS };

static void put_window(struct file *file, const char *function) {
    put_text(file, DICOM_TAG(0x28, 0x1050), "DS", "20\\99 ");
    put_text(file, DICOM_TAG(0x28, 0x1051), "DS", "40");
    put_text(file, DICOM_TAG(0x28, 0x1056), "CS", function);
}

static void put_rescale(struct file *file) {
    put_text(file, DICOM_TAG(0x28, 0x1052), "DS", "-100");
    put_text(file, DICOM_TAG(0x28, 0x1053), "DS", "0.5 ");
}

static void put_words(struct file *file, uint32_t tag, const char *vr, const uint32_t *words,
                      size_t count) {
    struct file value = like(file);
    for (size_t i = 0; i < count; i++) {
        put_number(&value, words[i], 2);
    }
    put(file, tag, vr, value.bytes, (uint32_t)value.length);
}

static void put_lut(struct file *file, uint32_t descriptor, uint32_t data) {
    put_words(file, descriptor, "US", (const uint32_t[]){4, 1, 16}, 3);
    put_words(file, data, "OW", (const uint32_t[]){0, 3000, 20000, 65535}, 4);
}

static void put_look(struct file *file, enum look look) {
    struct file inner = like(file);
    struct file outer = like(file);
    switch (look) {
    case WINDOW:
        put_rescale(file);
        put_window(file, "LINEAR");
        break;
    case EXACT: put_window(file, "LINEAR_EXACT"); break;
    case SIGMOID: put_window(file, "SIGMOID "); break;
    case LUTS:
        put_lut(&inner, DICOM_TAG(0x28, 0x3002), DICOM_TAG(0x28, 0x3006));
        put_sequence(file, DICOM_TAG(0x28, 0x3000), &inner);
        put_sequence(file, DICOM_TAG(0x28, 0x3010), &inner);
        break;
    case GROUPS:
        put_window(&inner, "LINEAR");
        put_sequence(&outer, DICOM_TAG(0x28, 0x9132), &inner);
        put_sequence(file, DICOM_TAG(0x5200, 0x9229), &outer);
        break;
    case PALETTE:
        for (unsigned i = 0; i < 3; i++) {
            put_lut(file, DICOM_TAG(0x28, 0x1101) + i, DICOM_TAG(0x28, 0x1201) + i);
        }
        break;
    default: break;
    }
}

// ---- pixels

// PackBits of a segment for each byte of a pixel.
static size_t pack(char *frame, const struct form *form) {
    static const char segment[] = "\x80\xFE\x07\x02\1\2\3\xFE";
    struct file header = {.length = 0};
    const uint32_t segments = form->samples * ((form->allocated + 7) / 8);
    put_number(&header, segments, 4);
    for (uint32_t i = 0; i < segments; i++) {
        put_number(&header, (uint32_t)(64 + i * sizeof segment), 4);
        memcpy(frame + 64 + i * sizeof segment, segment, sizeof segment);
    }
    memset(frame, 0, 64);
    memcpy(frame, header.bytes, header.length);
    return 64 + segments * sizeof segment;
}

static size_t deflate_raw(void *out, size_t size, const void *bytes, size_t length) {
    z_stream stream = {.next_in = (z_const Bytef *)bytes, .avail_in = (uInt)length};
    stream.next_out = out;
    stream.avail_out = (uInt)size;
    if (deflateInit2(&stream, 0, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK ||
        deflate(&stream, Z_FINISH) != Z_STREAM_END) {
        die("zlib");
    }
    (void)deflateEnd(&stream);
    return stream.total_out;
}

static void put_samples(struct file *file, const char *syntax, const struct form *form) {
    static const char samples[64] = "\0\1\2\3\4\5\6\7\x08\x19\x2A\x3B\x4C\x5D\x6E\x7F\x80\xFE\xFF";
    char frame[256];
    const size_t length = form->rows * form->columns * form->samples * form->allocated / 8;
    if (strcmp(syntax, "1.2.840.10008.1.2.5") == 0) {
        put_fragments(file, frame, pack(frame, form), 1);
    } else if (strcmp(syntax, DEFLATED_FRAMES) == 0) {
        put_fragments(file, frame, deflate_raw(frame, sizeof frame, samples, length), 1);
    } else {
        put_pixels(file, form->allocated == 16 ? "OW" : "OB", samples, (length + 1) / 2 * 2);
    }
}

// ---- files

static const struct form FORMS[] = {
    {"MONOCHROME1 ", 2, 3, 1, 8, 8, 7, 0},    {"MONOCHROME2 ", 3, 2, 1, 16, 12, 11, 0},
    {"MONOCHROME2 ", 2, 3, 1, 16, 16, 15, 1}, {"MONOCHROME2 ", 4, 8, 1, 1, 1, 0, 0},
    {"PALETTE COLOR ", 2, 3, 1, 8, 8, 7, 0},  {"RGB ", 2, 3, 3, 8, 8, 7, 0},
    {"YBR_FULL", 1, 3, 3, 16, 16, 15, 0},     {"YBR_FULL_422", 2, 2, 3, 8, 8, 7, 0},
};

static void make(const char *folder, const char *syntax, size_t form, enum look look) {
    struct file file;
    char name[128];
    start(&file, syntax);
    put_form(&file, &FORMS[form]);
    put_u16(&file, DICOM_TAG(0x28, 6), look == WINDOW);
    put_text(&file, DICOM_TAG(0x28, 8), "IS", look == SIGMOID ? "2 " : "1 ");
    put_look(&file, look);
    put_samples(&file, syntax, &FORMS[form]);
    (void)snprintf(name, sizeof name, "%s-%zu-%d", syntax, form, (int)look);
    save(&file, folder, name);
}

static void make_deflated(const char *folder) {
    struct file file;
    struct file plain = {.length = 0};
    put_form(&plain, &FORMS[1]);
    put_look(&plain, WINDOW);
    put_samples(&plain, DEFLATED, &FORMS[1]);
    start(&file, DEFLATED);
    file.length += deflate_raw(file.bytes + file.length, sizeof file.bytes - file.length,
                               plain.bytes, plain.length);
    save(&file, folder, DEFLATED);
}

static void make_streams(const char *folder) {
    static const struct {
        const char *syntax, *stream;
        size_t length;
    } cases[] = {
        {"1.2.840.10008.1.2.4.57", PIXELS("\xFF\xD8\xFF\xC3\0\x0B\x0C\0\2\0\3\1\1\x11\0\xFF\xD9")},
        {"1.2.840.10008.1.2.4.51", PIXELS("\xFF\xD8\xFF\xC1\0\x0B\x0C\0\2\0\3\1\1\x11\0\xFF\xD9")},
        {"1.2.840.10008.1.2.4.80", PIXELS("\xFF\xD8\xFF\xF7\0\x0B\x08\0\2\0\3\1\1\x11\0\xFF\xD9")},
        {"1.2.840.10008.1.2.4.90",
         PIXELS("\xFF\x4F\xFF\x51\0\x29\0\0\0\0\0\3\0\0\0\2\0\0\0\0\0\0\0\0\0\0"
                "\0\3\0\0\0\2\0\0\0\0\0\0\0\0\0\1\x8B\1\1\xFF\xD9")},
    };
    struct form form = FORMS[2];
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct file file;
        form.is_signed = i == 3;
        start(&file, cases[i].syntax);
        put_form(&file, &form);
        put_look(&file, i == 2 ? WINDOW : PLAIN);
        put_fragments(&file, cases[i].stream, cases[i].length, i % 2 + 1);
        save(&file, folder, cases[i].syntax);
    }
}

static void make_jpeg(const char *folder, int quality) {
    static uint8_t gray[] = {1, 20, 30, 200, 5, 6};
    const struct image image = {gray, 2, 3};
    uint8_t *bytes = NULL;
    struct file file = {.length = 0};
    struct error error;
    if (!dicom_write_gray(&image, "id", quality, &bytes, &file.length, &error)) {
        die("%s", error.text);
    }
    memcpy(file.bytes, bytes, file.length);
    save(&file, folder, quality > 0 ? "jpeg" : "written");
    free(bytes);
}

int main(int argc, char **argv) {
    static const char *const syntaxes[] = {EXPLICIT, IMPLICIT, BIG_ENDIAN_SYNTAX,
                                           "1.2.840.10008.1.2.5", DEFLATED_FRAMES};
    const struct program program = {
        .name = "make-dicom",
        .summary = "DICOM files of every sort",
        .usage = "FOLDER",
        .description = "For tests.",
        .min_operands = 1,
        .max_operands = 1,
    };
    const struct operands operands = cli_parse(&program, argc, argv);
    for (size_t i = 0; i < COUNT_OF(syntaxes); i++) {
        for (size_t form = 0; form < COUNT_OF(FORMS); form++) {
            const bool palette = FORMS[form].photometric[0] == 'P';
            make(operands.items[0], syntaxes[i], form, palette ? PALETTE : PLAIN);
        }
        for (enum look look = WINDOW; look < PALETTE; look++) {
            make(operands.items[0], syntaxes[i], 1 + look % 2, look);
        }
    }
    make_deflated(operands.items[0]);
    make_streams(operands.items[0]);
    make_jpeg(operands.items[0], 0);
    make_jpeg(operands.items[0], 90);
    return 0;
}

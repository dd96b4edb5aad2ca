// PNG by libpng's classic interface, from and to memory. libpng reports errors by longjmp: every
// function that it may jump out of keeps its state behind pointers, so that nothing is lost.
#include "image/codec/png_codec.h"

#include "core/array.h"
#include "image/codec/exif.h"

#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    IHDR = 12,   // where the first chunk has its name,
    COLOUR = 25, // and the kind of colours
    // Deflate makes at most 258 bytes of 2 bits: a file too short for its image is refused before
    // the image is allocated.
    MAX_DEFLATE_RATIO = 1032,
    DARK = 4095, // of 65,535: nearly black, as values of 12 bits are in 16
};

// The largest ancillary data that libpng may hold; they are skipped, so this is a second lock.
static const size_t MAX_CHUNK = (size_t)8 << 20;

struct png_source {
    const uint8_t *bytes;
    size_t left;
};

struct png_sink {
    uint8_t *bytes;
    size_t length, size;
};

// libpng says what is wrong with a header in a warning, and then only that something is.
struct complaint {
    struct error *error;
    struct error warning;
};

static void on_error(png_structp png, png_const_charp message) {
    const struct complaint *complaint = png_get_error_ptr(png);
    const char *warning = complaint->warning.text;
    (void)fail(complaint->error, "%s%s%s%s", message, *warning ? " (" : "", warning,
               *warning ? ")" : "");
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message) {
    struct complaint *complaint = png_get_error_ptr(png);
    (void)fail(&complaint->warning, "%.100s", message);
}

static void read_bytes(png_structp png, png_bytep out, size_t count) {
    struct png_source *source = png_get_io_ptr(png);
    if (count > source->left) {
        png_error(png, "the file is cut short");
    }
    memcpy(out, source->bytes, count);
    source->bytes += count;
    source->left -= count;
}

bool png_sniff(const uint8_t *bytes, size_t length) {
    return length >= 4 && (memcmp(bytes + 1, "PNG", 3) == 0 ||
                           (length >= IHDR + 4 && memcmp(bytes + IHDR, "IHDR", 4) == 0));
}

// Transformations to one channel of 8 bits, or of 16 where the file has 16.
static void ask_for_gray(png_structp png, png_infop info) {
    const int colour = png_get_color_type(png, info);
    if (colour == PNG_COLOR_TYPE_PALETTE) {
        png_set_palette_to_rgb(png);
    }
    png_set_expand_gray_1_2_4_to_8(png);
    png_set_strip_alpha(png);
    if ((colour & PNG_COLOR_MASK_COLOR) != 0) {
        png_set_rgb_to_gray_fixed(png, PNG_ERROR_ACTION_NONE, PNG_RGB_TO_GRAY_DEFAULT,
                                  PNG_RGB_TO_GRAY_DEFAULT);
    }
    (void)png_set_interlace_handling(png);
    png_read_update_info(png, info);
}

// Reads all that comes before the pixels. Whoever calls this has called setjmp.
static bool read_chunks(png_structp png, png_infop info, const struct png_source *source,
                        struct error *error) {
    png_set_user_limits(png, IMAGE_MAX_SIDE, IMAGE_MAX_SIDE);
    png_set_chunk_malloc_max(png, MAX_CHUNK);
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_AS_DEFAULT, (png_const_bytep) "eXIf", 1);
    const size_t whole = source->left;
    png_read_info(png, info);
    const size_t height = png_get_image_height(png, info);
    const size_t width = png_get_image_width(png, info);
    if (height * png_get_rowbytes(png, info) / MAX_DEFLATE_RATIO > whole) {
        return fail(error, "the file is cut short: %zu bytes cannot hold %zu x %zu pixels", whole,
                    height, width);
    }
    return image_check_size(height, width, error);
}

// 16-bit values, big endian, to 8 bits: gray from its least value (or 0) to its greatest, colours'
// luma from 0 to 65,535.
static void map_deep(const uint8_t *values, bool colour, bool from_zero, struct image *out,
                     struct image_note *note) {
    const size_t pixels = out->height * out->width;
    unsigned least = 65535, greatest = 0;
    uint8_t table[65536] = {0};
    for (size_t i = 0; i < pixels; i++) {
        const unsigned value = (unsigned)(values[2 * i] << 8 | values[2 * i + 1]);
        least = value < least ? value : least;
        greatest = value > greatest ? value : greatest;
    }
    if (colour && greatest <= DARK) {
        image_note_add(note, "its colours of 16 bits go up to %u of 65535 only", greatest);
    }
    least = colour || from_zero ? 0 : least;
    const double width = colour ? 65535 : greatest > least ? greatest - least : 1;
    for (unsigned value = least; value <= greatest; value++) {
        table[value] = image_level((value - least) / width);
    }
    for (size_t i = 0; i < pixels; i++) {
        out->pixels[i] = table[values[2 * i] << 8 | values[2 * i + 1]];
    }
}

// Tells of an orientation, which PNG's readers are not bound to heed.
static void check_orientation(png_structp png, png_infop info, struct image_note *note) {
    png_bytep exif = NULL;
    png_uint_32 length = 0;
    unsigned orientation = 1;
    struct error error;
    if (png_get_eXIf_1(png, info, &length, &exif) == 0) {
        return;
    }
    if (!exif_orientation(exif, length, &orientation, note, &error)) {
        image_note_add(note, "%s: left out", error.text);
    } else if (orientation != 1) {
        image_note_add(note, "its EXIF orientation is %u: left out", orientation);
    }
}

// What a jump out of libpng must leave behind.
struct rows {
    png_bytep *items;
    uint8_t *deep; // pixels of 16 bits
};

static bool read_image(png_structp png, png_infop info, const struct png_source *source,
                       bool from_zero, struct image *out, struct rows *rows,
                       struct image_note *note, struct error *error) {
    if (setjmp(png_jmpbuf(png)) != 0 || !read_chunks(png, info, source, error)) {
        return false;
    }
    const size_t height = png_get_image_height(png, info);
    const size_t width = png_get_image_width(png, info);
    const bool colour = (png_get_color_type(png, info) & PNG_COLOR_MASK_COLOR) != 0;
    const size_t bytes = png_get_bit_depth(png, info) == 16 ? 2 : 1;
    ask_for_gray(png, info);
    if (png_get_rowbytes(png, info) != width * bytes) {
        return fail(error, "libpng does not turn it into gray");
    }
    if (!image_alloc(out, height, width, error)) {
        return false;
    }
    rows->items = malloc(height * sizeof *rows->items);
    rows->deep = bytes > 1 ? malloc(height * width * bytes) : NULL;
    if (rows->items == NULL || (bytes > 1 && rows->deep == NULL)) {
        return fail(error, "no memory for %zu rows", height);
    }
    for (size_t y = 0; y < height; y++) {
        rows->items[y] = (bytes > 1 ? rows->deep : out->pixels) + y * width * bytes;
    }
    png_read_image(png, rows->items);
    png_read_end(png, info);
    check_orientation(png, info, note);
    if (bytes > 1) {
        map_deep(rows->deep, colour, from_zero, out, note);
    }
    return true;
}

// A reader of a file in memory, or NULL with the complaint's error, without memory.
static png_structp start_reading(struct complaint *complaint, struct png_source *source,
                                 png_infop *info) {
    png_structp png =
        png_create_read_struct(PNG_LIBPNG_VER_STRING, complaint, on_error, on_warning);
    *info = png == NULL ? NULL : png_create_info_struct(png);
    if (*info == NULL) {
        png_destroy_read_struct(&png, NULL, NULL);
        (void)fail(complaint->error, "no memory for libpng");
        return NULL;
    }
    png_set_read_fn(png, source, read_bytes);
    return png;
}

// The user's part of a row's transformation: the greatest of its indices, a byte each.
static void find_greatest(png_structp png, png_row_infop row, png_bytep indices) {
    int *greatest = png_get_user_transform_ptr(png);
    for (size_t x = 0; x < row->width; x++) {
        *greatest = indices[x] > *greatest ? indices[x] : *greatest;
    }
}

// Of an image by a palette with fewer colours than its indices could name: do all pixels have one
// of them? libpng makes the others black, without a word.
static bool read_indices(png_structp png, png_infop info, const struct png_source *source,
                         int *greatest, struct error *error) {
    if (setjmp(png_jmpbuf(png)) != 0 || !read_chunks(png, info, source, error)) {
        return false;
    }
    png_colorp colours = NULL;
    int count = 0;
    if (png_get_PLTE(png, info, &colours, &count) == 0 ||
        count == 1 << png_get_bit_depth(png, info)) {
        return true;
    }
    png_set_packing(png); // which is unpacking here
    png_set_read_user_transform_fn(png, find_greatest);
    png_set_user_transform_info(png, greatest, 0, 0);
    const int passes = png_set_interlace_handling(png);
    png_read_update_info(png, info);
    for (size_t i = 0; i < (size_t)passes * png_get_image_height(png, info); i++) {
        png_read_row(png, NULL, NULL);
    }
    return *greatest < count ||
           fail(error, "has pixels of colour %d of its palette, which ends at %d", *greatest,
                count - 1);
}

static bool check_indices(const uint8_t *bytes, size_t length, struct error *error) {
    struct complaint complaint = {.error = error};
    struct png_source source = {bytes, length};
    png_infop info = NULL;
    png_structp png = start_reading(&complaint, &source, &info);
    if (png == NULL) {
        return false;
    }
    int greatest = 0;
    const bool good = read_indices(png, info, &source, &greatest, error);
    png_destroy_read_struct(&png, &info, NULL);
    return good;
}

bool png_decode(const uint8_t *bytes, size_t length, const struct image_options *options,
                struct image *out, struct image_note *note, struct error *error) {
    *out = (struct image){NULL, 0, 0};
    note->text[0] = '\0';
    if (length > COLOUR && bytes[COLOUR] == PNG_COLOR_TYPE_PALETTE &&
        !check_indices(bytes, length, error)) {
        return false;
    }
    struct complaint complaint = {.error = error};
    struct png_source source = {bytes, length};
    struct rows rows = {NULL, NULL};
    png_infop info = NULL;
    png_structp png = start_reading(&complaint, &source, &info);
    if (png == NULL) {
        return false;
    }
    const bool read = read_image(png, info, &source, options->from_zero, out, &rows, note, error);
    png_destroy_read_struct(&png, &info, NULL);
    free(rows.items);
    free(rows.deep);
    if (!read) {
        image_free(out);
    }
    return read;
}

static const char *colour_name(int colour) {
    switch (colour) {
    case PNG_COLOR_TYPE_GRAY: return "gray";
    case PNG_COLOR_TYPE_GRAY_ALPHA: return "gray and alpha";
    case PNG_COLOR_TYPE_PALETTE: return "palette";
    case PNG_COLOR_TYPE_RGB: return "RGB";
    default: return "RGB and alpha";
    }
}

static bool read_header(png_structp png, png_infop info, const struct png_source *source,
                        struct image_header *header, struct error *error) {
    if (setjmp(png_jmpbuf(png)) != 0) {
        return false;
    }
    const bool read = read_chunks(png, info, source, error);
    header->height = png_get_image_height(png, info);
    header->width = png_get_image_width(png, info);
    header->samples = png_get_channels(png, info);
    header->bits_stored = header->bits_allocated = png_get_bit_depth(png, info);
    (void)snprintf(header->photometric, sizeof header->photometric, "%s",
                   colour_name(png_get_color_type(png, info)));
    return read;
}

bool png_describe(const uint8_t *bytes, size_t length, struct image_header *header,
                  struct error *error) {
    struct complaint complaint = {.error = error};
    struct png_source source = {bytes, length};
    png_infop info = NULL;
    png_structp png = start_reading(&complaint, &source, &info);
    if (png == NULL) {
        return false;
    }
    const bool read = read_header(png, info, &source, header, error);
    png_destroy_read_struct(&png, &info, NULL);
    return read;
}

static void write_bytes(png_structp png, png_bytep bytes, size_t count) {
    struct png_sink *sink = png_get_io_ptr(png);
    uint8_t *grown = array_grow(sink->bytes, &sink->size, sink->length + count, 1);
    if (grown == NULL) {
        png_error(png, "no memory for the file");
    }
    sink->bytes = grown;
    memcpy(sink->bytes + sink->length, bytes, count);
    sink->length += count;
}

static void flush_nothing(png_structp png) {
    (void)png;
}

static bool write_image(png_structp png, png_infop info, size_t height, size_t width, int channels,
                        const uint8_t *pixels, int level) {
    if (setjmp(png_jmpbuf(png)) != 0) {
        return false;
    }
    png_set_user_limits(png, IMAGE_MAX_SIDE, IMAGE_MAX_SIDE);
    png_set_IHDR(png, info, (png_uint_32)width, (png_uint_32)height, 8,
                 channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_set_compression_level(png, level);
    // One filter is enough for the fast levels; trying all five takes longer than zlib there.
    png_set_filter(png, PNG_FILTER_TYPE_BASE, level < 3 ? PNG_FILTER_UP : PNG_ALL_FILTERS);
    png_write_info(png, info);
    for (size_t y = 0; y < height; y++) {
        png_write_row(png, pixels + y * width * (size_t)channels);
    }
    png_write_end(png, NULL);
    return true;
}

static bool encode(size_t height, size_t width, int channels, const uint8_t *pixels, int level,
                   uint8_t **bytes, size_t *length, struct error *error) {
    *bytes = NULL;
    *length = 0;
    if (height == 0 || width == 0 || height > IMAGE_MAX_SIDE || width > IMAGE_MAX_SIDE ||
        height * width > IMAGE_MAX_PIXELS) {
        return fail(error, "a PNG cannot have %zu x %zu pixels", height, width);
    }
    struct complaint complaint = {.error = error};
    png_structp png =
        png_create_write_struct(PNG_LIBPNG_VER_STRING, &complaint, on_error, on_warning);
    png_infop info = png == NULL ? NULL : png_create_info_struct(png);
    if (info == NULL) {
        png_destroy_write_struct(&png, NULL);
        return fail(error, "no memory for libpng");
    }
    struct png_sink sink = {NULL, 0, 0};
    png_set_write_fn(png, &sink, write_bytes, flush_nothing);
    const bool written = write_image(png, info, height, width, channels, pixels, level);
    png_destroy_write_struct(&png, &info);
    if (!written) {
        free(sink.bytes);
        return false;
    }
    *bytes = sink.bytes;
    *length = sink.length;
    return true;
}

bool png_encode_gray(const struct image *image, int level, uint8_t **bytes, size_t *length,
                     struct error *error) {
    return encode(image->height, image->width, 1, image->pixels, level, bytes, length, error);
}

bool png_encode_rgb(size_t height, size_t width, const uint8_t *rgb, int level, uint8_t **bytes,
                    size_t *length, struct error *error) {
    return encode(height, width, 3, rgb, level, bytes, length, error);
}

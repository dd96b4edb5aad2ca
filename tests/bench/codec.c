// codec: decodes JPEG and PNG files from memory by the bare libraries, one call after the other
// into one buffer. What decode cannot be faster than. A JPEG is looked for inside a DICOM file,
// too.
#include "core/file.h"
#include "program/die.h"

#include <png.h>
#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>

enum { MAX_BYTES = 1 << 28 };

struct pixels {
    uint8_t *bytes;
    size_t size;
};

static void make_space(struct pixels *pixels, size_t size) {
    if (size > pixels->size) {
        free(pixels->bytes);
        pixels->bytes = malloc(size);
        pixels->size = size;
    }
    if (pixels->bytes == NULL) {
        die("no memory for %zu pixels", size);
    }
}

static void decode_jpeg(tjhandle turbo, const uint8_t *bytes, size_t length, struct pixels *out,
                        const char *path) {
    static const uint8_t start[] = {0xFF, 0xD8, 0xFF};
    const uint8_t *jpeg = memmem(bytes, length, start, sizeof start);
    const size_t left = jpeg != NULL ? length - (size_t)(jpeg - bytes) : 0;
    int width = 0;
    int height = 0;
    int sampling = 0;
    int colours = 0;
    if (left == 0 || tjDecompressHeader3(turbo, jpeg, left, &width, &height, &sampling, &colours)) {
        die("%s: neither PNG nor JPEG", path);
    }
    make_space(out, (size_t)width * (size_t)height);
    if (tjDecompress2(turbo, jpeg, left, out->bytes, width, 0, height, TJPF_GRAY,
                      TJFLAG_ACCURATEDCT) != 0) {
        die("%s: %s", path, tjGetErrorStr2(turbo));
    }
}

struct source {
    const uint8_t *bytes;
    size_t left;
};

static void read_bytes(png_structp png, png_bytep out, size_t count) {
    struct source *source = png_get_io_ptr(png);
    if (count > source->left) {
        png_error(png, "cut short");
    }
    memcpy(out, source->bytes, count);
    source->bytes += count;
    source->left -= count;
}

// libpng ends the program on an error by itself: there is nothing to jump back to.
static void decode_png(const uint8_t *bytes, size_t length, struct pixels *out) {
    struct source source = {bytes, length};
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png != NULL ? png_create_info_struct(png) : NULL;
    if (info == NULL) {
        die("no memory for libpng");
    }
    png_set_read_fn(png, &source, read_bytes);
    png_read_info(png, info);
    const size_t height = png_get_image_height(png, info);
    const size_t stride = png_get_rowbytes(png, info);
    make_space(out, height * stride);
    for (size_t y = 0; y < height; y++) {
        png_read_row(png, out->bytes + y * stride, NULL);
    }
    png_read_end(png, NULL);
    png_destroy_read_struct(&png, &info, NULL);
}

int main(int argc, char **argv) {
    struct pixels pixels = {NULL, 0};
    tjhandle turbo = tjInitDecompress();
    for (int i = 1; i < argc; i++) {
        struct error error;
        uint8_t *bytes = NULL;
        size_t length = 0;
        if (!file_read(argv[i], MAX_BYTES, &bytes, &length, &error)) {
            die("%s: %s", argv[i], error.text);
        }
        if (length >= 8 && png_sig_cmp(bytes, 0, 8) == 0) {
            decode_png(bytes, length, &pixels);
        } else {
            decode_jpeg(turbo, bytes, length, &pixels, argv[i]);
        }
        free(bytes);
    }
    (void)tjDestroy(turbo);
    free(pixels.bytes);
    return 0;
}

// Colour images as PNG files.
#include "program/png_output/png_output.h"

#include "core/array.h"
#include "dataset/ids/image_id.h"
#include "image/codec/png_codec.h"
#include "program/die.h"
#include "program/folder.h"
#include "program/output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// One image waits in memory for the end of the streams, many wait in a hidden folder: what is
// drawn from a stream that turns out to be damaged gets no name.
struct png_output {
    const char *directory; // NULL: one image, to `output`
    bool created;          // the directory was not there before
    bool finished;         // nothing to tidy up at exit any more
    char *hidden;          // DIRECTORY/.overlay-XXXXXX
    struct ids ids;
    struct output *output;
    uint8_t *bytes;
    size_t length;
    size_t columns; // 0: no sheet
    struct rgb_image *cells;
    size_t cell_count, cell_capacity;
};

static char *path_in(const char *directory, struct text id) {
    char *path = NULL;
    if (asprintf(&path, "%s/%.*s.png", directory, (int)id.length, id.bytes) < 0) {
        die("no memory");
    }
    return path;
}

// Runs at exit: after an error, what this run wrote goes.
static void tidy_up(int status, void *argument) {
    struct png_output *png = argument;
    if (status == 0 || png->finished) {
        return;
    }
    for (size_t i = 0; i < png->ids.count; i++) {
        char *path = path_in(png->hidden, png->ids.items[i]);
        (void)unlink(path);
        free(path);
    }
    (void)rmdir(png->hidden);
    if (png->created) {
        (void)rmdir(png->directory);
    }
}

struct png_output *png_output_open(const char *output, const char *directory, size_t columns) {
    struct png_output *png = calloc(1, sizeof *png);
    if (png == NULL) {
        die("no memory");
    }
    png->directory = directory;
    png->columns = columns;
    if (directory == NULL) {
        png->output = output_open(output, OUTPUT_BYTES);
        return png;
    }
    png->created = folder_make(directory);
    if (asprintf(&png->hidden, "%s/.overlay-XXXXXX", directory) < 0 ||
        mkdtemp(png->hidden) == NULL || on_exit(tidy_up, png) != 0) {
        die("%s: %s", directory, strerror(errno));
    }
    return png;
}

// The id will be a file's name in a folder that it must not lead out of.
static void add_id(struct png_output *png, struct text id) {
    struct error error;
    size_t index = 0;
    bool added = false;
    if (!image_id_names_file(id, strlen(".png"))) {
        die("'%.*s': this id cannot be a file's name", TEXT_ARG(id));
    }
    if (!ids_add(&png->ids, id, &index, &added, &error)) {
        die("%s", error.text);
    }
    if (!added) {
        die("'%.*s' a second time: its picture would take the first one's place", TEXT_ARG(id));
    }
}

static void encode(struct png_output *png, const struct rgb_image *image, const char *name) {
    struct error error;
    if (!png_encode_rgb(image->height, image->width, image->rgb, 6, &png->bytes, &png->length,
                        &error)) {
        die("%s: %s", name, error.text);
    }
}

static void write_file(struct png_output *png, const struct rgb_image *image, struct text id) {
    add_id(png, id);
    char *path = path_in(png->hidden, id);
    encode(png, image, path);
    struct output *output = output_open(path, OUTPUT_BYTES);
    output_write(output, png->bytes, png->length);
    output_close(output);
    free(png->bytes);
    png->bytes = NULL;
    free(path);
}

void png_output_add(struct png_output *png, struct rgb_image *image, struct text id) {
    if (png->columns > 0) {
        png->cells =
            array_grow(png->cells, &png->cell_capacity, png->cell_count + 1, sizeof *png->cells);
        if (png->cells == NULL) {
            die("no memory for %zu images", png->cell_count + 1);
        }
        png->cells[png->cell_count++] = *image;
        return;
    }
    if (png->directory != NULL) {
        write_file(png, image, id);
    } else if (png->bytes == NULL) {
        encode(png, image, output_name(png->output));
    } else {
        die("more than one sample: name a folder for the pictures with --directory, or take a "
            "--sheet");
    }
    rgb_image_free(image);
}

// ---- a sheet

#define GAP 4 // pixels between cells

// All cells have the size of the largest; an image stands in its upper left corner.
static void make_sheet(struct png_output *png) {
    struct error error;
    size_t height = 0;
    size_t width = 0;
    for (size_t i = 0; i < png->cell_count; i++) {
        height = png->cells[i].height > height ? png->cells[i].height : height;
        width = png->cells[i].width > width ? png->cells[i].width : width;
    }
    const size_t columns = png->cell_count < png->columns ? png->cell_count : png->columns;
    const size_t rows = (png->cell_count + columns - 1) / columns;
    struct rgb_image sheet;
    if (!rgb_image_alloc(&sheet, rows * (height + GAP) - GAP, columns * (width + GAP) - GAP,
                         &error)) {
        die("%s", error.text);
    }
    for (size_t i = 0; i < png->cell_count; i++) {
        rgb_image_place(&sheet, &png->cells[i], i / columns * (height + GAP),
                        i % columns * (width + GAP));
        rgb_image_free(&png->cells[i]);
    }
    encode(png, &sheet, output_name(png->output));
    rgb_image_free(&sheet);
}

// ---- the end

static void name_images(const struct png_output *png) {
    for (size_t i = 0; i < png->ids.count; i++) {
        char *from = path_in(png->hidden, png->ids.items[i]);
        char *to = path_in(png->directory, png->ids.items[i]);
        if (rename(from, to) != 0) {
            die("%s: %s", to, strerror(errno));
        }
        free(from);
        free(to);
    }
    if (rmdir(png->hidden) != 0) {
        die("%s: %s", png->hidden, strerror(errno));
    }
}

// All is well: the images get their names.
void png_output_close(struct png_output *png) {
    if (png->directory != NULL) {
        name_images(png);
    } else {
        if (png->cell_count > 0) {
            make_sheet(png);
        }
        output_write(png->output, png->bytes, png->length);
        output_close(png->output);
        free(png->bytes);
    }
    png->finished = true;
    ids_free(&png->ids);
    free(png->hidden);
    free(png->cells);
    if (png->directory == NULL) {
        free(png); // else the exit handler keeps it
    }
}

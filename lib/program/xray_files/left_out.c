// Sorting out what a folder holds besides images.
#include "program/xray_files/left_out.h"

#include "challenge/csv/csv.h"
#include "challenge/labels.h"
#include "core/text/utf8.h"
#include "image/format.h"
#include "program/die.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEAD 4096 // bytes that tell a format
#define KINDS 4   // reasons for which a file is no image; image_decode has two

void left_out_open(struct left_out *left, const char *path) {
    const struct text header[] = {text_of(COLUMN_ID), text_of("Path"), text_of("Reason")};
    left->list = output_open(path, OUTPUT_TEXT);
    csv_write(output_sink(left->list), header, 3);
}

void left_out_add(struct left_out *left, struct text id, const char *path, const char *reason) {
    char shown[3][2 * RECORD_MAX_NAME];
    if (left->list == NULL) {
        return;
    }
    utf8_show_text(id.bytes, id.length, shown[0], sizeof shown[0]);
    utf8_show_text(path, strlen(path), shown[1], sizeof shown[1]);
    utf8_show_text(reason, strlen(reason), shown[2], sizeof shown[2]);
    const struct text row[] = {text_of(shown[0]), text_of(shown[1]), text_of(shown[2])};
    csv_write(output_sink(left->list), row, 3);
}

void left_out_file(struct left_out *left, const struct xray_file *file, const char *reason) {
    if (!left->skip) {
        die("%s: %s", file->path, reason);
    }
    if (!left->quiet) {
        warn("%s: left out: %s", file->path, reason);
    }
    left_out_add(left, text_of(file->id), file->path, reason);
}

void left_out_close(struct left_out *left) {
    if (left->list != NULL) {
        output_close(left->list);
    }
}

// ---- what is no image

struct kind {
    struct error reason;
    char *example; // a path
    size_t count;
};

bool xray_file_known_format(const char *path, struct error *reason) {
    uint8_t head[HEAD];
    size_t length = 0;
    struct image image;
    struct image_note note;
    const int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t got = descriptor >= 0 ? 1 : -1;
    while (got > 0 && length < sizeof head) {
        got = read(descriptor, head + length, sizeof head - length);
        length += got > 0 ? (size_t)got : 0;
    }
    if (descriptor >= 0) {
        (void)close(descriptor);
    }
    if (got < 0 || image_known(head, length)) {
        return true;
    }
    if (image_decode(head, length, NULL, &image, &note, reason)) {
        image_free(&image);
        return true;
    }
    return false;
}

static void count_kind(struct kind *kinds, const char *path, const struct error *reason) {
    size_t i = 0;
    while (i + 1 < KINDS && kinds[i].count > 0 && strcmp(kinds[i].reason.text, reason->text) != 0) {
        i++;
    }
    if (kinds[i].count++ == 0) {
        kinds[i].reason = *reason;
        if ((kinds[i].example = strdup(path)) == NULL) {
            die("no memory");
        }
    }
}

static void say_kinds(const struct kind *kinds, const char *folder) {
    for (size_t i = 0; i < KINDS && kinds[i].count > 0; i++) {
        if (kinds[i].count == 1) {
            warn("%s: left out: %s", kinds[i].example, kinds[i].reason.text);
        } else {
            warn("%s: %zu files left out, such as %s: %s", folder, kinds[i].count, kinds[i].example,
                 kinds[i].reason.text);
        }
    }
}

bool left_out_nameless(struct left_out *left, const struct xray_file *file) {
    if (utf8_valid(file->id, strlen(file->id))) {
        return false;
    }
    left_out_file(left, file, "the name is not UTF-8 and cannot be an id");
    return true;
}

static bool is_wanted(struct left_out *left, const struct xray_file *file, struct kind *kinds) {
    struct error reason;
    if (file->found && !xray_file_known_format(file->path, &reason)) {
        left_out_add(left, text_of(file->id), file->path, reason.text);
        count_kind(kinds, file->path, &reason);
        return false;
    }
    return !left_out_nameless(left, file);
}

void left_out_foreign(struct left_out *left, struct xray_files *files, size_t first,
                      const char *folder) {
    struct kind kinds[KINDS] = {{.count = 0}};
    size_t kept = first;
    for (size_t i = first; i < files->count; i++) {
        if (is_wanted(left, &files->items[i], kinds)) {
            files->items[kept++] = files->items[i];
        } else {
            xray_file_free(&files->items[i]);
        }
    }
    if (kept == first && kinds[0].count > 0) {
        die("%s: not one image among its %zu files, such as %s: %s", folder, files->count - first,
            kinds[0].example, kinds[0].reason.text);
    }
    files->count = kept;
    if (!left->quiet) {
        say_kinds(kinds, folder);
    }
    for (size_t i = 0; i < KINDS; i++) {
        free(kinds[i].example);
    }
}

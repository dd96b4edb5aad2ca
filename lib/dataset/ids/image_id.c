// Extensions that do not count.
#include "dataset/ids/image_id.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define LONGEST_EXTENSION 5

// The id up to its last dot, where a letter and at most `most` - 1 more characters are behind it;
// else the id.
static struct text without_extension(struct text id, size_t most) {
    const char *dot = id.length > 0 ? memrchr(id.at, '.', id.length) : NULL;
    const size_t before = dot != NULL ? (size_t)(dot - id.at) : 0;
    const size_t behind = id.length - before - 1;
    const bool extension =
        dot != NULL && before > 0 && behind > 0 && behind <= most && isalpha((unsigned char)dot[1]);
    return extension ? (struct text){id.at, before} : id;
}

struct text image_id_strip(struct text id) {
    static const char *const extensions[] = {".dcm", ".dicom", ".png", ".jpg", ".jpeg"};
    for (size_t i = 0; i < sizeof extensions / sizeof *extensions;) {
        const size_t length = strlen(extensions[i]);
        const bool ends = id.length > length &&
                          strncasecmp(id.at + id.length - length, extensions[i], length) == 0;
        id.length -= ends ? length : 0;
        i = ends ? 0 : i + 1;
    }
    return id;
}

struct text image_id_of_path(const char *path) {
    const char *slash = strrchr(path, '/');
    return image_id_strip(
        without_extension(text_of(slash != NULL ? slash + 1 : path), LONGEST_EXTENSION));
}

size_t image_id_find(const struct ids *ids, struct text id) {
    const size_t place = ids_find(ids, id);
    const struct text shorter = without_extension(id, id.length);
    return place != IDS_ABSENT || shorter.length == id.length ? place : ids_find(ids, shorter);
}

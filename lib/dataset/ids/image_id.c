// Extensions that do not count.
#include "dataset/ids/image_id.h"

#include "core/text/ascii.h"
#include "image/format.h"

#include <string.h>
#include <strings.h>

#define MAX_EXTENSION 5
#define MAX_NAME 255 // bytes of a file's name in Linux

// The id up to its last dot, where a letter and at most `most` - 1 more characters are behind it;
// else the id.
static struct text without_extension(struct text id, size_t most) {
    const char *dot = id.length > 0 ? memrchr(id.bytes, '.', id.length) : NULL;
    const size_t before = dot != NULL ? (size_t)(dot - id.bytes) : 0;
    const size_t behind = id.length - before - 1;
    const bool extension =
        dot != NULL && before > 0 && behind > 0 && behind <= most && ascii_is_letter(dot[1]);
    return extension ? (struct text){id.bytes, before} : id;
}

// The length of an image file's extension at the end of an id; 0: there is none.
static size_t extension_length(struct text id) {
    for (const char *extension = image_extensions; *extension != '\0';
         extension += strcspn(extension, " ") + 1) {
        const size_t length = strcspn(extension, " ");
        if (id.length > length &&
            strncasecmp(id.bytes + id.length - length, extension, length) == 0) {
            return length;
        }
    }
    return 0;
}

struct text image_id_strip(struct text id) {
    for (size_t length = extension_length(id); length > 0; length = extension_length(id)) {
        id.length -= length;
    }
    return id;
}

struct text image_id_of_path(const char *path) {
    const char *slash = strrchr(path, '/');
    return image_id_strip(
        without_extension(text_of(slash != NULL ? slash + 1 : path), MAX_EXTENSION));
}

struct text image_id_shorter(struct text id) {
    return without_extension(id, id.length);
}

size_t image_id_find(const struct ids *ids, struct text id) {
    const size_t index = ids_find(ids, id);
    const struct text shorter = image_id_shorter(id);
    return index != IDS_ABSENT || shorter.length == id.length ? index : ids_find(ids, shorter);
}

bool image_id_names_file(struct text id, size_t ending) {
    return id.length > 0 && id.length + ending <= MAX_NAME && id.bytes[0] != '.' &&
           memchr(id.bytes, '/', id.length) == NULL && memchr(id.bytes, 0, id.length) == NULL;
}

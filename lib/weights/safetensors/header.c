// A JSON object's outermost level (RFC 8259).
#include "weights/safetensors/header.h"

#include <string.h>

static bool fail_json(const struct safetensors_header *header, struct error *error) {
    return fail(error, "its header is no JSON object of tensors, at its byte %zu", header->offset);
}

static char here(const struct safetensors_header *header) {
    return header->offset < header->length ? header->bytes[header->offset] : 0;
}

static void skip_space(struct safetensors_header *header) {
    while (here(header) != 0 && strchr(" \t\r\n", here(header)) != NULL) {
        header->offset++;
    }
}

static bool took(struct safetensors_header *header, char wanted) {
    skip_space(header);
    const bool there = here(header) == wanted;
    header->offset += there;
    return there;
}

// A text from its quote on, up to behind the other one; what is between them.
static bool skip_text(struct safetensors_header *header, struct text *inner) {
    const size_t start = ++header->offset;
    while (here(header) != '"') {
        header->offset += here(header) == '\\' ? 2 : 1;
        if (header->offset >= header->length) {
            header->offset = header->length;
            return false;
        }
    }
    *inner = (struct text){header->bytes + start, header->offset - start};
    header->offset++;
    return true;
}

// A value: up to where the brackets in it are closed, or the comma or bracket behind a simple one.
static bool skip_value(struct safetensors_header *header, struct text *value) {
    size_t depth = 0;
    struct text inner;
    skip_space(header);
    const size_t start = header->offset;
    while (header->offset < header->length) {
        const char byte = here(header);
        if (byte == '"') {
            if (!skip_text(header, &inner)) {
                return false;
            }
            continue;
        }
        if (depth == 0 && (byte == ',' || byte == '}' || byte == ']')) {
            break;
        }
        depth += byte == '{' || byte == '[';
        depth -= byte == '}' || byte == ']';
        header->offset++;
    }
    *value = (struct text){header->bytes + start, header->offset - start};
    return depth == 0 && value->length > 0;
}

// ---- names

static int hex_digit(char digit) {
    const char *const digits = "0123456789abcdef0123456789ABCDEF";
    const char *found = digit != 0 ? strchr(digits, digit) : NULL;
    return found != NULL ? (int)(found - digits) % 16 : -1;
}

// The number of \uXXXX at the backslash, or -1.
static int32_t unicode_at(struct text text, size_t offset) {
    int32_t code = 0;
    if (text.length - offset < 6 || text.bytes[offset] != '\\' || text.bytes[offset + 1] != 'u') {
        return -1;
    }
    for (size_t i = 2; i < 6; i++) {
        const int digit = hex_digit(text.bytes[offset + i]);
        if (digit < 0) {
            return -1;
        }
        code = code * 16 + digit;
    }
    return code;
}

static size_t put_utf8(char *to, uint32_t code) {
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    const size_t length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = length; i > 1; i--) {
        to[i - 1] = (char)(0x80 | (code & 0x3F));
        code >>= 6;
    }
    to[0] = (char)((0xF00u >> length & 0xF0u) | code);
    return length;
}

// The escape at text.at[*from], decoded to *to; both move on.
static bool decode_escape(struct text text, size_t *from, char **to) {
    static const char letters[] = "\"\\/bfnrt";
    static const char meant[] = "\"\\/\b\f\n\r\t";
    int32_t code = unicode_at(text, *from);
    if (code < 0) {
        const char letter = *from + 1 < text.length ? text.bytes[*from + 1] : 0;
        const char *found = letter != 0 ? strchr(letters, letter) : NULL;
        if (found == NULL) {
            return false;
        }
        *(*to)++ = meant[found - letters];
        *from += 2;
        return true;
    }
    *from += 6;
    if (code >= 0xD800 && code < 0xDC00) { // the first half of a pair
        const int32_t second = unicode_at(text, *from);
        if (second < 0xDC00 || second > 0xDFFF) {
            return false;
        }
        code = 0x10000 + ((code - 0xD800) << 10) + (second - 0xDC00);
        *from += 6;
    } else if (code >= 0xDC00 && code < 0xE000) {
        return false;
    }
    *to += put_utf8(*to, (uint32_t)code);
    return true;
}

// A text as it is meant: never longer than it is written.
static bool decode(struct safetensors_header *header, struct text written, struct text *meant,
                   struct error *error) {
    *meant = written;
    for (size_t i = 0; i < written.length; i++) {
        if ((unsigned char)written.bytes[i] < ' ') {
            return fail_json(header, error);
        }
    }
    if (memchr(written.bytes, '\\', written.length) == NULL) {
        return true;
    }
    char *start = arena_take(header->arena, written.length, error);
    char *to = start;
    for (size_t from = 0; start != NULL && from < written.length;) {
        if (written.bytes[from] != '\\') {
            *to++ = written.bytes[from++];
        } else if (!decode_escape(written, &from, &to)) {
            return fail_json(header, error);
        }
    }
    *meant = (struct text){start, (size_t)(to - start)};
    return start != NULL;
}

bool safetensors_next(struct safetensors_header *header, struct safetensors_member *member,
                      struct error *error) {
    struct text name;
    const bool first = header->offset == 0;
    *member = (struct safetensors_member){{NULL, 0}, {NULL, 0}};
    if (first && !took(header, '{')) {
        return fail_json(header, error);
    }
    if (took(header, '}')) {
        skip_space(header);
        return header->offset == header->length || fail_json(header, error);
    }
    if (!first && !took(header, ',')) {
        return fail_json(header, error);
    }
    skip_space(header);
    if (here(header) != '"' || !skip_text(header, &name) || !took(header, ':') ||
        !skip_value(header, &member->value)) {
        return fail_json(header, error);
    }
    return decode(header, name, &member->name, error);
}

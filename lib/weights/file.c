// Telling files of weights apart.
#include "weights/file.h"

#include "core/file.h"
#include "stream/digest.h"
#include "weights/checkpoint.h"
#include "weights/onnx/onnx.h"
#include "weights/prefix.h"
#include "weights/pth/pth.h"
#include "weights/safetensors/safetensors.h"
#include "weights/source.h"

#include <stdio.h>
#include <string.h>

// Bytes that a file may take. Bytes that become floats take four times their own, and what is read
// to find them comes on top.
#define MIN_MEMORY ((uint64_t)60 << 20)

#define MAX_DESCRIBED ((size_t)1 << 33) // bytes of a file that is mapped to be described

enum format {
    FORMAT_UNKNOWN,
    FORMAT_STREAM,
    FORMAT_ZIP,
    FORMAT_OLD,
    FORMAT_SAFETENSORS,
    FORMAT_ONNX
};

static enum format format_of(const struct weight_source *source) {
    const unsigned char *bytes = source->head;
    const size_t length = source->head_length;
    // A tensor stream starts with a map of three, as no other of these files does.
    if (length > 0 && bytes[0] == 0x83) {
        return FORMAT_STREAM;
    }
    // Nothing marks a .safetensors file but the start of its header.
    return pth_is_zip(bytes, length)       ? FORMAT_ZIP
           : pth_is_old(bytes, length)     ? FORMAT_OLD
           : length > 9 && bytes[8] == '{' ? FORMAT_SAFETENSORS
           : onnx_is(bytes, length)        ? FORMAT_ONNX
                                           : FORMAT_UNKNOWN;
}

// What a file is that holds no weights that can be read here.
static bool fail_unknown(const struct weight_source *source, struct error *error) {
    static const struct {
        size_t offset, length;
        const char *mark, *what;
    } kinds[] = {
        {0, 8, "\x89HDF\r\n\x1A\n", "an HDF5 file"},
        {0, 2, "\x1F\x8B", "compressed by gzip: unpack it first"},
        {0, 4, "\x28\xB5\x2F\xFD", "compressed by zstd: unpack it first"},
        {0, 6,
         "\xFD"
         "7zXZ",
         "compressed by xz: unpack it first"},
        {0, 6, "\x93NUMPY", "an array of NumPy's"},
        {0, 4, "GGUF", "a GGUF file"},
        {257, 5, "ustar", "a tar archive, as PyTorch before 0.1.10 wrote them"},
        {0, 23, "version https://git-lfs",
         "a pointer of Git LFS: the weights themselves are elsewhere"},
        {0, 1, "<", "a page of HTML or XML, not weights"},
        {0, 2, "\x80\x02", "a pickle that torch.save did not write"},
        {0, 2, "\x80\x03", "a pickle that torch.save did not write"},
        {0, 2, "\x80\x04", "a pickle that torch.save did not write"},
        {0, 2, "\x80\x05", "a pickle that torch.save did not write"},
    };
    if (source->head_length == 0) {
        return fail(error, "is empty");
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (source->head_length >= kinds[i].offset + kinds[i].length &&
            memcmp(source->head + kinds[i].offset, kinds[i].mark, kinds[i].length) == 0) {
            return fail(error, "is %s", kinds[i].what);
        }
    }
    return fail(error, "holds no weights that are known here: a checkpoint, .safetensors, .pth or "
                       "a model of ONNX");
}

static bool read_foreign(const struct weight_source *source, enum format format,
                         struct weight_table *table, struct error *error) {
    switch (format) {
    case FORMAT_ZIP: return pth_read_zip(source, table, error);
    case FORMAT_OLD: return pth_read_old(source, table, error);
    case FORMAT_SAFETENSORS: return safetensors_read(source, table, error);
    case FORMAT_ONNX: return onnx_read(source, table, error);
    default: return fail_unknown(source, error);
    }
}

static void set_memory_limit(struct weight_table *table, uint64_t length) {
    const uint64_t most = length < SIZE_MAX / 8 ? 4 * length + length / 64 : SIZE_MAX / 2;
    table->bytes_left = most > MIN_MEMORY ? most : MIN_MEMORY;
}

// What has been read becomes a table that can be searched.
static bool finish(struct weight_table *table, struct error *error) {
    if (table->count == 0) {
        const bool noted = table->note_count > 0;
        return fail(error, "holds no tensors%s%.300s", noted ? "; " : "",
                    noted ? table->notes[table->note_count - 1] : "");
    }
    weight_table_strip_prefix(table);
    weight_table_strip_level(table);
    return weight_table_close(table, error);
}

bool weights_read_bytes(const unsigned char *bytes, size_t length, struct weight_table *table,
                        struct error *error) {
    const struct weight_source source = weight_source_of_bytes(bytes, length);
    set_memory_limit(table, length);
    return read_foreign(&source, format_of(&source), table, error) && finish(table, error);
}

static bool read_source(struct weight_source *source, enum format format,
                        struct weight_table *table, struct error *error) {
    if (format == FORMAT_UNKNOWN) {
        return fail_unknown(source, error);
    }
    if (table->state_dict != NULL && format != FORMAT_ZIP && format != FORMAT_OLD) {
        return fail(error, "is no .pth, in which a state_dict could be chosen");
    }
    if (format == FORMAT_STREAM && source->pipe) {
        return fail(error, "a checkpoint is read from a file, not from a pipe");
    }
    if (format != FORMAT_STREAM && !weight_source_complete(source, error)) {
        return false;
    }
    set_memory_limit(table, source->length);
    return format == FORMAT_STREAM || read_foreign(source, format, table, error);
}

bool weights_read_networks(const char *path, struct weight_table *tables, size_t limit,
                           size_t *count, struct error *error) {
    struct weight_source source;
    enum format format = FORMAT_UNKNOWN;
    bool read = weight_source_open(&source, path, error);
    *count = 1;
    if (read) {
        format = format_of(&source);
        read = read_source(&source, format, tables, error);
    }
    weight_source_close(&source);
    if (read && format == FORMAT_STREAM && !checkpoint_read(path, tables, limit, count, error)) {
        return false; // with the file, record and byte in its words
    }
    for (size_t i = 0; read && i < *count; i++) {
        read = finish(&tables[i], error);
    }
    return read || fail_within(error, "%s", path);
}

static bool describe_foreign(const char *path, struct weights_description *description,
                             struct error *error) {
    struct weight_table table = {.count = 0};
    struct file_view view;
    if (!file_view_open(path, MAX_DESCRIBED, &view, error)) {
        return false;
    }
    description->digest = digest_of(view.bytes, view.length);
    const bool read = weights_read_bytes(view.bytes, view.length, &table, error);
    if (read && table.network != NULL) {
        (void)snprintf(description->network, sizeof description->network, "%s", table.network);
    }
    weight_table_free(&table);
    file_view_close(&view);
    return read;
}

bool weights_describe(const char *path, struct weights_description *description,
                      struct error *error) {
    struct weight_source source;
    const bool opened = weight_source_open(&source, path, error) &&
                        (!source.pipe || fail(error, "is read from a file, not from a pipe"));
    const enum format format = format_of(&source);
    weight_source_close(&source);
    if (opened && format == FORMAT_STREAM) {
        return checkpoint_describe(path, description, error);
    }
    return (opened && describe_foreign(path, description, error)) || fail_within(error, "%s", path);
}

bool weights_read_file(const char *path, struct weight_table *table, struct error *error) {
    size_t count = 0;
    return weights_read_networks(path, table, 1, &count, error);
}

// Buffered output to stdout or to a file that appears under its name only when it is whole.
#include "core/output.h"

#include "core/error.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define BUFFER_SIZE ((size_t)128 << 10)
#define PIPE_SIZE (1 << 20)

struct output {
    int descriptor;
    const char *path; // as given, or "stdout"
    char *target;     // what the finished file is renamed to; NULL: written directly
    char *temporary;  // its name until then; empty while it has none
    bool kept;        // the exit handler knows this struct, so it is not freed
    size_t used;
    char buffer[BUFFER_SIZE];
};

static void fail_output(const struct output *output) {
    die("%s: %s", output->path, strerror(errno));
}

const char *output_name(const struct output *output) {
    return output->path;
}

static void open_stdout(struct output *output, enum output_content content) {
    output->path = "stdout";
    output->descriptor = STDOUT_FILENO;
    if (content == OUTPUT_BYTES && isatty(STDOUT_FILENO)) {
        die_usage("stdout is a terminal: name a file with -o, or pipe into another program");
    }
    // A wider pipe costs fewer switches between the two programs; without it all works as well.
    (void)fcntl(STDOUT_FILENO, F_SETPIPE_SZ, PIPE_SIZE);
}

// Runs at exit where the file had to have a temporary name: after an error that name goes.
static void remove_temporary(int status, void *argument) {
    const struct output *output = argument;
    if (status != 0 && output->temporary[0] != 0) {
        (void)unlink(output->temporary);
    }
}

static char *concatenate(const char *a, const char *b) {
    char *text = NULL;
    if (asprintf(&text, "%s%s", a, b) < 0) {
        die("no memory");
    }
    return text;
}

static char *temporary_name(const struct output *output) {
    char suffix[40];
    (void)snprintf(suffix, sizeof suffix, ".%ld.part", (long)getpid());
    return concatenate(output->target, suffix);
}

// A link is followed to the file it names, so that the link itself stays.
static char *resolve_target(const char *path) {
    char *real = realpath(path, NULL);
    return real != NULL ? real : concatenate(path, "");
}

static void open_beside(struct output *output) {
    char *copy = concatenate(output->target, "");
    const char *folder = dirname(copy);
    char *temporary = temporary_name(output);
    output->descriptor = open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
    if (output->descriptor >= 0) {
        output->temporary = concatenate("", "");
    } else if (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL) {
        output->temporary = concatenate(temporary, "");
        output->descriptor = open(temporary, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
        output->kept = on_exit(remove_temporary, output) == 0;
    }
    if (output->descriptor < 0) {
        fail_output(output);
    }
    free(temporary);
    free(copy);
}

static void open_file(struct output *output, const char *path) {
    struct stat status;
    output->path = path;
    if (stat(path, &status) == 0 && S_ISDIR(status.st_mode)) {
        die("%s: is a directory", path);
    }
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode)) {
        output->descriptor = open(path, O_WRONLY | O_CLOEXEC);
        if (output->descriptor < 0) {
            fail_output(output);
        }
        return;
    }
    output->target = resolve_target(path);
    open_beside(output);
}

struct output *output_open(const char *path, enum output_content content) {
    struct output *output = calloc(1, sizeof *output);
    if (output == NULL) {
        die("no memory");
    }
    if (path == NULL || strcmp(path, "-") == 0) {
        open_stdout(output, content);
    } else {
        open_file(output, path);
    }
    return output;
}

static void write_all(struct output *output, struct iovec *parts, int count) {
    while (count > 0) {
        const ssize_t written = writev(output->descriptor, parts, count);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            fail_output(output);
        }
        size_t left = (size_t)written;
        while (count > 0 && left >= parts->iov_len) {
            left -= parts->iov_len;
            parts++;
            count--;
        }
        if (count > 0) {
            parts->iov_base = (char *)parts->iov_base + left;
            parts->iov_len -= left;
        }
    }
}

void output_write(struct output *output, const void *bytes, size_t length) {
    if (length == 0) {
        return;
    }
    if (length <= BUFFER_SIZE - output->used) {
        memcpy(output->buffer + output->used, bytes, length);
        output->used += length;
        return;
    }
    struct iovec parts[2] = {{output->buffer, output->used}, {(void *)(uintptr_t)bytes, length}};
    write_all(output, parts, 2);
    output->used = 0;
}

void output_flush(struct output *output) {
    struct iovec part = {output->buffer, output->used};
    if (output->used > 0) {
        write_all(output, &part, 1);
    }
    output->used = 0;
}

void output_printf(struct output *output, const char *format, ...) {
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    const int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length < 0) {
        die("no memory");
    }
    output_write(output, text, (size_t)length);
    free(text);
}

// Gives an unnamed file a name beside its target; rename(2) then replaces an older file at once.
static void name_file(struct output *output) {
    const bool unnamed = output->temporary[0] == 0;
    if (unnamed) {
        char source[64];
        (void)snprintf(source, sizeof source, "/proc/self/fd/%d", output->descriptor);
        free(output->temporary);
        output->temporary = temporary_name(output);
        if (linkat(AT_FDCWD, source, AT_FDCWD, output->temporary, AT_SYMLINK_FOLLOW) != 0) {
            fail_output(output);
        }
    }
    if (rename(output->temporary, output->target) != 0) {
        const int reason = errno;
        (void)unlink(output->temporary);
        errno = reason;
        fail_output(output);
    }
    output->temporary[0] = 0;
}

void output_close(struct output *output) {
    output_flush(output);
    if (output->target != NULL) {
        if (fsync(output->descriptor) != 0) {
            fail_output(output);
        }
        name_file(output);
    }
    if (close(output->descriptor) != 0 && errno != EINTR) {
        fail_output(output);
    }
    free(output->target);
    if (!output->kept) {
        free(output->temporary);
        free(output);
    }
}

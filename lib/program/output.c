// Buffered output to stdout or to a file that appears under its name only when it is whole.
#include "program/output.h"

#include "core/error.h"
#include "program/die.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define BUFFER_SIZE ((size_t)128 << 10)
#define PIPE_SIZE (1 << 20)

struct output {
    int descriptor;
    const char *path; // as given, or "stdout"
    bool terminal;    // text for a person, who sees it at once
    char *target;     // what the finished file will be called; NULL: written directly
    char *temporary;  // its name until then; NULL while it has none
    pid_t owner;      // the process that made the temporary name
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

// ---- opening

// For what is written as it comes: stdout, devices, named pipes.
static void open_directly(struct output *output, int descriptor, enum output_content content) {
    output->descriptor = descriptor;
    output->terminal = isatty(descriptor);
    if (content == OUTPUT_BYTES && output->terminal) {
        die_usage("%s is a terminal: name a file with -o, or pipe into another program",
                  output->path);
    }
    // A wider pipe costs fewer switches between the two programs; without it all works as well.
    (void)fcntl(descriptor, F_SETPIPE_SZ, PIPE_SIZE);
}

// Runs at exit where the file had to have a temporary name: after an error that name goes. A
// process forked from this one must not take it away.
static void remove_temporary(int status, void *argument) {
    const struct output *output = argument;
    if (status != 0 && output->temporary != NULL && output->owner == getpid()) {
        (void)unlink(output->temporary);
    }
}

// A name beside `target` that no other process has, whatever its number or its machine. The end of
// a long one is left out.
static char *temporary_name(const char *target) {
    uint64_t random = 0;
    char *name = NULL;
    const char *slash = strrchr(target, '/');
    const size_t folder = slash != NULL ? (size_t)(slash + 1 - target) : 0;
    if (getrandom(&random, sizeof random, 0) != sizeof random ||
        asprintf(&name, "%.*s%.200s.%016" PRIx64 ".part", (int)folder, target, target + folder,
                 random) < 0) {
        die("%s: no temporary name", target);
    }
    return name;
}

static int open_unnamed(const struct output *output) {
    char *copy = strdup(output->target);
    if (copy == NULL) {
        die("no memory");
    }
    // Without /proc the file could not get its name in the end.
    const bool nameable = access("/proc/self/fd", X_OK) == 0;
    const int descriptor =
        nameable ? open(dirname(copy), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666) : -1;
    errno = nameable ? errno : EOPNOTSUPP;
    free(copy);
    return descriptor;
}

static void open_beside(struct output *output) {
    output->descriptor = open_unnamed(output);
    if (output->descriptor < 0 &&
        (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL || errno == ENOSYS)) {
        output->temporary = temporary_name(output->target);
        output->descriptor = open(output->temporary, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
        output->owner = getpid();
        output->kept = output->descriptor >= 0 && on_exit(remove_temporary, output) == 0;
    }
    if (output->descriptor < 0) {
        fail_output(output);
    }
}

static void open_file(struct output *output, enum output_content content) {
    struct stat status;
    const char *path = output->path;
    const size_t length = strlen(path);
    const bool exists = stat(path, &status) == 0;
    // Later than here it would be too late to learn that the name is of no use. (A link to nothing
    // exists for lstat only.)
    if (!exists && (errno != ENOENT || lstat(path, &status) == 0)) {
        fail_output(output);
    }
    if ((exists && S_ISDIR(status.st_mode)) || length == 0 || path[length - 1] == '/') {
        die("%s: is a directory or no name of a file", path);
    }
    if (exists && !S_ISREG(status.st_mode)) {
        const int descriptor = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        if (descriptor < 0) {
            fail_output(output);
        }
        open_directly(output, descriptor, content);
        return;
    }
    // A link is followed to the file it names, so that the link itself stays.
    output->target = exists ? realpath(path, NULL) : strdup(path);
    if (output->target == NULL) {
        fail_output(output);
    }
    open_beside(output);
    if (exists) { // what others might not read before, they may not read now
        (void)fchmod(output->descriptor, status.st_mode & 0777);
    }
}

struct output *output_open(const char *path, enum output_content content) {
    struct output *output = calloc(1, sizeof *output);
    if (output == NULL) {
        die("no memory");
    }
    if (path == NULL || strcmp(path, "-") == 0) {
        output->path = "stdout";
        open_directly(output, STDOUT_FILENO, content);
    } else {
        output->path = path;
        open_file(output, content);
    }
    return output;
}

struct output *output_open_regular(const char *path, enum output_content content) {
    struct stat status;
    if (lstat(path, &status) == 0 && !S_ISREG(status.st_mode)) {
        die("%s: not a regular file", path);
    }
    return output_open(path, content);
}

// ---- writing

static void write_all(struct output *output, struct iovec *pieces, int count) {
    while (count > 0) {
        const ssize_t written = writev(output->descriptor, pieces, count);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            fail_output(output);
        }
        size_t left = (size_t)written;
        while (count > 0 && left >= pieces->iov_len) {
            left -= pieces->iov_len;
            pieces++;
            count--;
        }
        if (count > 0) {
            pieces->iov_base = (char *)pieces->iov_base + left;
            pieces->iov_len -= left;
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
    } else {
        struct iovec pieces[2] = {{output->buffer, output->used},
                                  {(void *)(uintptr_t)bytes, length}};
        write_all(output, pieces, 2);
        output->used = 0;
    }
    if (output->terminal) {
        output_flush(output);
    }
}

static void write_to(void *to, const void *bytes, size_t length) {
    output_write(to, bytes, length);
}

void output_hand_on(struct output *output) {
    if (output->target == NULL) {
        output_flush(output);
    }
}

static void hand_on(void *to) {
    output_hand_on(to);
}

struct sink output_sink(struct output *output) {
    return (struct sink){write_to, hand_on, output, output->path};
}

void output_flush(struct output *output) {
    struct iovec piece = {output->buffer, output->used};
    if (output->used > 0) {
        write_all(output, &piece, 1);
    }
    output->used = 0;
}

void output_text(struct output *output, const char *text) {
    output_write(output, text, strlen(text));
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

// ---- closing

// Links the file to `name`: false when there is a file of that name.
static bool link_to(const struct output *output, const char *name) {
    char source[64];
    (void)snprintf(source, sizeof source, "/proc/self/fd/%d", output->descriptor);
    if (linkat(AT_FDCWD, source, AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0) {
        return true;
    }
    if (errno != EEXIST) {
        fail_output(output);
    }
    return false;
}

// Gives the file its name. An older file of that name is replaced at once, by rename(2).
static void name_file(struct output *output) {
    if (output->temporary == NULL) {
        if (link_to(output, output->target)) {
            return;
        }
        output->temporary = temporary_name(output->target);
        if (!link_to(output, output->temporary)) {
            fail_output(output);
        }
    }
    if (rename(output->temporary, output->target) != 0) {
        const int reason = errno;
        (void)unlink(output->temporary);
        errno = reason;
        fail_output(output);
    }
    free(output->temporary);
    output->temporary = NULL;
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
        free(output);
    }
}

bool output_link(const char *file, const char *path) {
    char *temporary = temporary_name(path);
    const bool linked = link(file, temporary) == 0;
    if (linked && rename(temporary, path) != 0) {
        const int reason = errno;
        (void)unlink(temporary);
        die("%s: %s", path, strerror(reason));
    }
    if (linked) {
        // Where `path` was this very file, rename(2) has done nothing.
        (void)unlink(temporary);
    } else if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS && errno != EMLINK) {
        die("%s: %s", path, strerror(errno));
    }
    free(temporary);
    return linked;
}

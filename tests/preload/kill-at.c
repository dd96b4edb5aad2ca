// kill-at.so: preloaded, ends a program with SIGKILL right before the n-th call by which it changes
// what a disk holds, so that a test can try every place at which a run may be cut.
//
//   PLEURA_KILL_AT=N        the N-th call, from 1, does not happen; 0 or unset: all do
//   PLEURA_KILL_LOG=FILE    calls are counted in FILE, a line of 128 bytes each (program, call,
//   path),
//                           by all processes that have it in their environment; unset: each process
//                           counts its own
//   PLEURA_KILL_GROUP=1     the whole process group is ended (run the test's command by setsid)
//
// Counted are rename, link, symlink, unlink, rmdir, mkdir, open for a new or emptied file, truncate
// and the syncs, in all their forms; files in /dev and /proc are not. Each call is made of the
// kernel directly, so that no order of libraries matters. What libc calls within itself (mkstemp,
// tmpfile) and what calls the kernel on its own is not seen, nor is write.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LINE 128

// The number of this call: its line's place in the log, or its own process' count.
static long number_of(const char *call, const char *path) {
    static atomic_long calls;
    const char *log = getenv("PLEURA_KILL_LOG");
    char line[LINE + 1];
    if (log == NULL) {
        return atomic_fetch_add(&calls, 1) + 1;
    }
    const int length = snprintf(line, sizeof line, "%.30s %s %.80s", program_invocation_short_name,
                                call, path != NULL ? path : "");
    memset(line + length, ' ', (size_t)(LINE - length));
    for (int i = 0; i < length; i++) {
        line[i] = (char)(line[i] == '\n' ? ' ' : line[i]);
    }
    line[LINE - 1] = '\n';
    const int file =
        (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    const bool written = file >= 0 && write(file, line, LINE) == LINE;
    const long end = written ? (long)lseek(file, 0, SEEK_CUR) : 0; // behind the line just written
    if (file >= 0) {
        (void)close(file);
    }
    if (!written) {
        static const char message[] = "kill-at.so: PLEURA_KILL_LOG cannot be written\n";
        (void)!write(STDERR_FILENO, message, sizeof message - 1);
        _exit(99);
    }
    return end / LINE;
}

static void count(const char *call, const char *path) {
    const int reason = errno;
    const char *wanted = getenv("PLEURA_KILL_AT");
    if (path != NULL && (strncmp(path, "/dev/", 5) == 0 || strncmp(path, "/proc/", 6) == 0)) {
        return;
    }
    if (number_of(call, path) == (wanted != NULL ? strtol(wanted, NULL, 10) : 0)) {
        (void)kill(getenv("PLEURA_KILL_GROUP") != NULL ? 0 : getpid(), SIGKILL);
    }
    errno = reason;
}

// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): libc has its own names

// ---- names

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
    count("rename", to);
    return (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
}

int renameat(int from_folder, const char *from, int to_folder, const char *to) {
    return renameat2(from_folder, from, to_folder, to, 0);
}

int rename(const char *from, const char *to) {
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags) {
    count("link", to);
    return (int)syscall(SYS_linkat, from_folder, from, to_folder, to, flags);
}

int link(const char *from, const char *to) {
    return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int symlinkat(const char *text, int folder, const char *path) {
    count("symlink", path);
    return (int)syscall(SYS_symlinkat, text, folder, path);
}

int symlink(const char *text, const char *path) {
    return symlinkat(text, AT_FDCWD, path);
}

int unlinkat(int folder, const char *path, int flags) {
    count((flags & AT_REMOVEDIR) != 0 ? "rmdir" : "unlink", path);
    return (int)syscall(SYS_unlinkat, folder, path, flags);
}

int unlink(const char *path) {
    return unlinkat(AT_FDCWD, path, 0);
}

int rmdir(const char *path) {
    return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

int remove(const char *path) {
    const int status = unlinkat(AT_FDCWD, path, 0);
    return status != 0 && errno == EISDIR ? unlinkat(AT_FDCWD, path, AT_REMOVEDIR) : status;
}

int mkdirat(int folder, const char *path, mode_t mode) {
    count("mkdir", path);
    return (int)syscall(SYS_mkdirat, folder, path, mode);
}

int mkdir(const char *path, mode_t mode) {
    return mkdirat(AT_FDCWD, path, mode);
}

// ---- files

static int open_counted(int folder, const char *path, int flags, mode_t mode) {
    if ((flags & (O_CREAT | O_TRUNC)) != 0) {
        count("open", path);
    }
    return (int)syscall(SYS_openat, folder, path, flags, mode);
}

static bool has_mode(int flags) {
    return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
}

#define OPEN(flags)                                                                                \
    mode_t mode = 0;                                                                               \
    if (has_mode(flags)) {                                                                         \
        va_list arguments;                                                                         \
        va_start(arguments, flags);                                                                \
        mode = va_arg(arguments, mode_t);                                                          \
        va_end(arguments);                                                                         \
    }

int open(const char *path, int flags, ...) {
    OPEN(flags)
    return open_counted(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    OPEN(flags)
    return open_counted(AT_FDCWD, path, flags, mode);
}

int openat(int folder, const char *path, int flags, ...) {
    OPEN(flags)
    return open_counted(folder, path, flags, mode);
}

int openat64(int folder, const char *path, int flags, ...) {
    OPEN(flags)
    return open_counted(folder, path, flags, mode);
}

int creat(const char *path, mode_t mode) {
    return open_counted(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

int creat64(const char *path, mode_t mode) {
    return creat(path, mode);
}

// The mode of stdio, as flags of open.
static int flags_of(const char *mode) {
    const int access = strchr(mode, '+') != NULL ? O_RDWR : mode[0] == 'r' ? O_RDONLY : O_WRONLY;
    const int kind = mode[0] == 'w' ? O_CREAT | O_TRUNC : mode[0] == 'a' ? O_CREAT | O_APPEND : 0;
    return access | kind | (strchr(mode, 'x') != NULL ? O_EXCL : 0) |
           (strchr(mode, 'e') != NULL ? O_CLOEXEC : 0);
}

FILE *fopen(const char *path, const char *mode) {
    const int descriptor = open_counted(AT_FDCWD, path, flags_of(mode), 0666);
    FILE *file = descriptor >= 0 ? fdopen(descriptor, mode) : NULL;
    if (file == NULL && descriptor >= 0) {
        (void)close(descriptor);
    }
    return file;
}

FILE *fopen64(const char *path, const char *mode) {
    return fopen(path, mode);
}

int truncate(const char *path, off_t length) {
    count("truncate", path);
    return (int)syscall(SYS_truncate, path, length);
}

int ftruncate(int descriptor, off_t length) {
    count("truncate", NULL);
    return (int)syscall(SYS_ftruncate, descriptor, length);
}

// ---- to the disk

int fsync(int descriptor) {
    count("sync", NULL);
    return (int)syscall(SYS_fsync, descriptor);
}

int fdatasync(int descriptor) {
    count("sync", NULL);
    return (int)syscall(SYS_fdatasync, descriptor);
}

int syncfs(int descriptor) {
    count("sync", NULL);
    return (int)syscall(SYS_syncfs, descriptor);
}

void sync(void) {
    count("sync", NULL);
    (void)syscall(SYS_sync);
}

// NOLINTEND(readability-inconsistent-declaration-parameter-name)

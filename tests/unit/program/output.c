// output: a file is whole or absent, whatever ends the program and whatever the file system can do.
#include "../child.h"
#include "program/die.h"

#include "core/numbers/random.h"
#include "program/output.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>

// open(2) of the whole program: can be made to know no nameless files, as some file systems do.
static bool nameless_files = true;

int open_instead(const char *path, int flags, ...) __asm__("open");
int open_instead(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    const int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, int) : 0;
    va_end(arguments);
    if (!nameless_files && (flags & O_TMPFILE) == O_TMPFILE) {
        errno = EOPNOTSUPP;
        return -1;
    }
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

// link(2) as well: with no second names for a file, or with some other error.
static int link_error = 0;

int link_instead(const char *from, const char *to) __asm__("link");
int link_instead(const char *from, const char *to) {
    errno = link_error;
    return link_error != 0 ? -1 : (int)syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
}

// ---- a folder for each test

static int enter_folder(void **state) {
    char folder[] = "/tmp/pleura-output-XXXXXX";
    nameless_files = true;
    link_error = 0;
    *state = mkdtemp(folder) != NULL ? strdup(folder) : NULL;
    return *state != NULL && chdir(folder) == 0 ? 0 : -1;
}

static int leave_folder(void **state) {
    char command[100];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", (char *)*state);
    free(*state);
    return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

// Names of what is here, each with a blank behind it, in order.
static const char *listing(char *text, size_t size) {
    struct dirent **entries = NULL;
    const int count = scandir(".", &entries, NULL, alphasort);
    size_t used = 0;
    text[0] = 0;
    for (int i = 0; i < count; i++) {
        if (entries[i]->d_name[0] != '.') {
            used += (size_t)snprintf(text + used, size - used, "%s ", entries[i]->d_name);
        }
        free(entries[i]);
    }
    free(entries);
    return text;
}

#define assert_listing(names)                                                                      \
    do {                                                                                           \
        char found[1000];                                                                          \
        assert_string_equal(listing(found, sizeof found), names);                                  \
    } while (0)

static void put_file(const char *path, const char *text, mode_t mode) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void assert_file(const char *path, const char *text) {
    char content[100] = "";
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    (void)fread(content, 1, sizeof content - 1, file);
    assert_int_equal(fclose(file), 0);
    assert_string_equal(content, text);
}

static mode_t mode_of(const char *path) {
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    return status.st_mode & 0777;
}

// ---- files

static void a_file_appears_when_it_is_whole(void **state) {
    (void)state;
    (void)umask(027);
    struct output *output = output_open("new", OUTPUT_BYTES);
    assert_string_equal(output_name(output), "new");
    output_write(output, "ab", 2);
    output_flush(output);
    assert_listing("");
    output_printf(output, "%d", 12);
    output_close(output);
    assert_listing("new ");
    assert_file("new", "ab12");
    assert_int_equal(mode_of("new"), 0640);
    (void)umask(022);
}

static void an_older_file_stays_until_then(void **state) {
    (void)state;
    put_file("file", "old", 0600);
    struct output *output = output_open("file", OUTPUT_BYTES);
    output_write(output, "new", 3);
    output_flush(output);
    assert_file("file", "old");
    output_close(output);
    assert_file("file", "new");
    assert_int_equal(mode_of("file"), 0600);
    assert_listing("file ");
}

static void without_nameless_files_it_is_the_same(void **state) {
    char text[1000];
    nameless_files = false;
    struct output *output = output_open("new", OUTPUT_BYTES);
    output_write(output, "ab", 2);
    output_flush(output);
    const char *names = listing(text, sizeof text);
    assert_int_equal(strncmp(names, "new.", 4), 0);
    assert_non_null(strstr(names, ".part "));
    output_close(output);
    assert_listing("new ");
    assert_file("new", "ab");
    assert_int_equal(unlink("new"), 0);
    an_older_file_stays_until_then(state);
}

static void a_link_stays_a_link(void **state) {
    (void)state;
    struct stat status;
    assert_int_equal(mkdir("folder", 0777), 0);
    put_file("folder/file", "old", 0644);
    assert_int_equal(symlink("folder/file", "link"), 0);
    struct output *output = output_open("link", OUTPUT_BYTES);
    output_write(output, "new", 3);
    output_close(output);
    assert_int_equal(lstat("link", &status), 0);
    assert_true(S_ISLNK(status.st_mode));
    assert_file("folder/file", "new");
}

static void a_file_has_a_second_name_at_once(void **state) {
    (void)state;
    struct stat first;
    struct stat second;
    put_file("file", "text", 0644);
    put_file("old", "old", 0644);
    assert_true(output_link("file", "new"));
    assert_true(output_link("file", "old"));
    assert_true(output_link("file", "old")); // which it is already
    assert_listing("file new old ");
    assert_int_equal(stat("file", &first), 0);
    assert_int_equal(stat("old", &second), 0);
    assert_true(first.st_ino == second.st_ino && first.st_nlink == 3);
    link_error = EPERM; // what file systems without second names say
    put_file("other", "other", 0644);
    assert_false(output_link("other", "old"));
    assert_file("old", "text");
    assert_listing("file new old other ");
}

static void link_to_a_folder(void *folder) {
    (void)output_link("file", folder);
}

static void a_second_name_that_cannot_be_ends_the_program(void **state) {
    (void)state;
    put_file("file", "text", 0644);
    assert_int_equal(mkdir("folder", 0777), 0);
    const struct child child = run_child(link_to_a_folder, "folder");
    assert_int_equal(child.status, 1);
    assert_non_null(strstr(child.err, "folder: Is a directory"));
    link_error = ENOSPC;
    assert_int_equal(run_child(link_to_a_folder, "new").status, 1);
    assert_listing("file folder ");
}

static void the_longest_name_will_do(void **state) {
    (void)state;
    char name[256];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = 0;
    for (int i = 0; i < 4; i++) { // new and replaced, with and without nameless files
        nameless_files = i < 2;
        struct output *output = output_open(name, OUTPUT_BYTES);
        output_printf(output, "%d", i);
        output_close(output);
    }
    assert_file(name, "3");
}

// Pieces of any size come out as they went in.
static void pieces_join(void **state) {
    (void)state;
    struct random random = random_seed(1, 2, 3);
    unsigned char *bytes = malloc(3 << 20);
    unsigned char *back = malloc(3 << 20);
    size_t length = 0;
    assert_non_null(bytes);
    assert_non_null(back);
    struct output *output = output_open("file", OUTPUT_BYTES);
    while (length < (2 << 20)) {
        const size_t size = (size_t)random_below(&random, 2)
                                ? (size_t)random_below(&random, 300)
                                : (size_t)random_below(&random, 300000);
        for (size_t i = 0; i < size; i++) {
            bytes[length + i] = (unsigned char)((length + i) % 251);
        }
        output_write(output, bytes + length, size);
        length += size;
    }
    output_close(output);
    FILE *file = fopen("file", "r");
    assert_int_equal(fread(back, 1, 3 << 20, file), length);
    assert_memory_equal(back, bytes, length);
    (void)fclose(file);
    free(bytes);
    free(back);
}

// ---- what ends the program

static void open_and_write(void *path) {
    struct output *output = output_open(path, OUTPUT_BYTES);
    output_write(output, "ab", 2);
    output_close(output);
}

static void assert_fails(const char *path, const char *expected) {
    const struct child child = run_child(open_and_write, (void *)(uintptr_t)path);
    assert_int_equal(child.status, 1);
    assert_non_null(strstr(child.err, expected));
    assert_ptr_equal(strchr(child.err, '\n'), child.err + strlen(child.err) - 1);
}

static void useless_names_are_refused_at_once(void **state) {
    (void)state;
    char name[300];
    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = 0;
    assert_int_equal(mkdir("folder", 0777), 0);
    assert_int_equal(symlink("nothing", "link"), 0);
    put_file("file", "", 0644);
    assert_fails("folder", "folder: is a directory");
    assert_fails("folder/", "folder/: is a directory");
    assert_fails("other/", "other/: is a directory or no name");
    assert_fails("", ": is a directory or no name");
    assert_fails("other/file", "other/file: No such file or directory");
    assert_fails("file/x", "file/x: Not a directory");
    assert_fails("link", "link: No such file or directory");
    assert_fails(name, "File name too long");
    assert_listing("file folder link ");
}

static void a_full_device_ends_the_program(void **state) {
    (void)state;
    assert_fails("/dev/full", "/dev/full: No space left on device");
}

static void write_and_die(void *path) {
    struct output *output = output_open(path, OUTPUT_BYTES);
    output_write(output, "ab", 2);
    output_flush(output);
    die("enough");
}

static void fork_and_die(void *path) {
    struct output *output = output_open(path, OUTPUT_BYTES);
    const pid_t pid = fork();
    if (pid == 0) {
        exit(1);
    }
    (void)waitpid(pid, NULL, 0);
    output_write(output, "ab", 2);
    output_close(output);
}

static void write_and_be_killed(void *path) {
    struct output *output = output_open(path, OUTPUT_BYTES);
    output_write(output, "ab", 2);
    output_flush(output);
    (void)kill(getpid(), SIGKILL);
}

static void nothing_is_left_behind(void **state) {
    (void)state;
    put_file("file", "old", 0644);
    for (int i = 0; i < 2; i++) {
        nameless_files = i == 0;
        assert_int_equal(run_child(write_and_die, "new").status, 1);
        assert_int_equal(run_child(write_and_die, "file").status, 1);
        assert_listing("file ");
        assert_file("file", "old");
    }
    nameless_files = true;
    assert_int_equal(run_child(write_and_be_killed, "new").status, -SIGKILL);
    assert_int_equal(run_child(write_and_be_killed, "file").status, -SIGKILL);
    assert_listing("file ");
    assert_file("file", "old");
    // A process forked from this one that fails does not take the file away.
    nameless_files = false;
    assert_int_equal(run_child(fork_and_die, "file").status, 0);
    assert_listing("file ");
    assert_file("file", "ab");
}

static void write_to_terminal(void *content) {
    const int terminal = posix_openpt(O_RDWR | O_NOCTTY);
    if (terminal < 0 || grantpt(terminal) != 0 || unlockpt(terminal) != 0) {
        _exit(77);
    }
    const int screen = open(ptsname(terminal), O_RDWR | O_NOCTTY);
    (void)dup2(screen, STDOUT_FILENO);
    struct output *output = output_open(NULL, *(enum output_content *)content);
    output_write(output, "a", 1);
    char shown = 0;
    if (read(terminal, &shown, 1) != 1 || shown != 'a') { // without a flush or a close
        _exit(3);
    }
    output_close(output);
}

static void bytes_are_not_for_a_terminal(void **state) {
    (void)state;
    enum output_content content = OUTPUT_BYTES;
    struct child child = run_child(write_to_terminal, &content);
    if (child.status == 77) {
        skip();
    }
    assert_int_equal(child.status, 2);
    assert_non_null(strstr(child.err, "stdout is a terminal"));
    content = OUTPUT_TEXT;
    child = run_child(write_to_terminal, &content);
    assert_int_equal(child.status, 0);
}

#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, enter_folder, leave_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(a_file_appears_when_it_is_whole),
        IN_A_FOLDER(an_older_file_stays_until_then),
        IN_A_FOLDER(without_nameless_files_it_is_the_same),
        IN_A_FOLDER(a_link_stays_a_link),
        IN_A_FOLDER(a_file_has_a_second_name_at_once),
        IN_A_FOLDER(a_second_name_that_cannot_be_ends_the_program),
        IN_A_FOLDER(the_longest_name_will_do),
        IN_A_FOLDER(pieces_join),
        IN_A_FOLDER(useless_names_are_refused_at_once),
        IN_A_FOLDER(a_full_device_ends_the_program),
        IN_A_FOLDER(nothing_is_left_behind),
        IN_A_FOLDER(bytes_are_not_for_a_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

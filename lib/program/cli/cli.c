// Parsing of the command line from a program's table of options.
#include "program/cli/cli.h"

#include "core/array.h"
#include "core/version.h"
#include "program/die.h"

#include "core/error.h"
#include "core/text/utf8.h"
#include "program/cli/cli_help.h"
#include "program/cli/cli_json.h"
#include "program/cli/cli_options.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define MIN_STACK ((size_t)1 << 20) // bytes; training crashes below 512 KiB
#define FIRST_LONG 1000             // getopt's number of the first long option, above every letter

struct common_options cli_common_defaults(void) {
    cpu_set_t set;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        processors = CPU_COUNT(&set);
    }
    processors = processors < 1 ? 1 : processors > MAX_THREADS ? MAX_THREADS : processors;
    return (struct common_options){
        .threads = processors, .max_record = (size_t)1 << 30, .max_pixels = (size_t)1 << 24};
}

static void check_range(const struct option_row *row, double value, const char *text) {
    if (row->minimum < row->maximum && !(value >= row->minimum && value <= row->maximum)) {
        die_usage("--%s %s: must be from %.15g to %.15g", row->name, text, row->minimum,
                  row->maximum);
    }
}

static void set_number(const struct option_row *row, const char *text) {
    char *end = NULL;
    const double number = strtod(text, &end);
    double scale = 1;
    if (row->type == OPTION_BYTES && end != text && *end != 0) {
        const char *units = "KMG";
        const char *unit = strchr(units, *end);
        if (unit != NULL) {
            scale = exp2(10.0 * (double)(unit - units + 1));
            end++;
        }
    }
    const bool fits = row->type == OPTION_NUMBER || (number >= 0 && number * scale <= 0x1p62);
    if (end == text || *end != 0 || !isfinite(number) || !fits) {
        die_usage("--%s '%s': not a %s", row->name, text,
                  row->type == OPTION_BYTES ? "size such as 500, 64K or 1G" : "number");
    }
    check_range(row, number * scale, text);
    if (row->type == OPTION_NUMBER) {
        *(double *)row->target = number;
    } else {
        *(size_t *)row->target = (size_t)(number * scale);
    }
}

static void set_integer(const struct option_row *row, const char *text) {
    char *end = NULL;
    errno = 0;
    const intmax_t integer = strtoimax(text, &end, 10);
    if (end == text || *end != 0 || errno != 0) {
        die_usage("--%s '%s': not a whole number", row->name, text);
    }
    check_range(row, (double)integer, text);
    *(int64_t *)row->target = integer;
}

static void set_choice(const struct option_row *row, const char *text) {
    const size_t length = strlen(text);
    for (const char *word = row->argument; word != NULL && length > 0;) {
        const char *end = strchrnul(word, '|');
        if ((size_t)(end - word) == length && memcmp(word, text, length) == 0) {
            *(const char **)row->target = text;
            return;
        }
        word = *end ? end + 1 : NULL;
    }
    die_usage("--%s '%s': must be one of %s", row->name, text, row->argument);
}

static void add_file(struct option_files *files, const char *path) {
    const char **paths =
        array_grow(files->paths, &files->capacity, files->count + 1, sizeof *paths);
    if (paths == NULL) {
        die("no memory");
    }
    files->paths = paths;
    files->paths[files->count++] = path;
}

static void set_value(const struct program *program, const struct option_defaults *defaults,
                      const struct option_row *row, const char *text) {
    if (row->target == NULL) {
        if (strcmp(row->name, "version") == 0) {
            (void)printf("%s (Pleura) %s\n", program->name, PLEURA_VERSION);
        } else if (strcmp(row->name, "summary") == 0) {
            (void)printf("%s\t%s\n", purpose_title(program->purpose), program->summary);
        } else if (strcmp(row->name, "options") == 0) {
            cli_print_options(program, defaults);
        } else {
            cli_print_help(program, defaults, strcmp(row->name, "man") == 0);
        }
        if (fflush(stdout) != 0 || ferror(stdout)) {
            die("stdout: %s", strerror(errno));
        }
        exit(0);
    }
    switch (row->type) {
    case OPTION_FLAG: *(bool *)row->target = true; break;
    case OPTION_FILE:
    case OPTION_TEXT: *(const char **)row->target = text; break;
    case OPTION_FILES: add_file(row->target, text); break;
    case OPTION_CHOICE: set_choice(row, text); break;
    case OPTION_INTEGER: set_integer(row, text); break;
    case OPTION_NUMBER:
    case OPTION_BYTES: set_number(row, text); break;
    }
}

// A stream's texts are UTF-8, and a line of its history is one line; arguments are any bytes.
static void make_line(char *text) {
    for (size_t i = 0, length = strlen(text); i < length;) {
        const size_t bytes = utf8_character(text + i, length - i);
        if (bytes == 0 || (unsigned char)text[i] < ' ' || text[i] == 0x7F) {
            text[i++] = '?';
        } else {
            i += bytes;
        }
    }
}

// "NAME VERSION" and every recorded option whose value is not the default.
static void write_history(const struct program *program, const struct option_row *rows,
                          size_t count, const struct option_defaults *defaults,
                          struct operands *operands) {
    char *out = operands->history;
    const size_t size = sizeof operands->history;
    int used = snprintf(out, size, "%s %s", program->name, PLEURA_VERSION);
    for (size_t i = 0; i < count && used >= 0 && (size_t)used < size; i++) {
        char now[VALUE_TEXT_SIZE];
        cli_value_text(&rows[i], now);
        if (rows[i].trace == OPTION_SILENT || strcmp(now, defaults->texts[i]) == 0) {
            continue;
        }
        const bool bare = rows[i].type == OPTION_FLAG || rows[i].type == OPTION_FILE ||
                          rows[i].type == OPTION_FILES;
        used += snprintf(out + used, size - (size_t)used, " --%s%s%s", rows[i].name,
                         bare ? "" : " ", bare ? "" : now);
    }
    make_line(out);
}

// A file opened later must not get the number of a closed stdin, stdout or stderr, and messages
// with it. What stands in for them fails where it is used.
static void reserve_standard_files(void) {
    for (int descriptor = 0; descriptor <= STDERR_FILENO; descriptor++) {
        if (fcntl(descriptor, F_GETFD) < 0) {
            (void)open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY);
        }
    }
}

// A write beyond `ulimit -f` fails, and is then reported like any other that does, instead of
// ending the program; a stack that is too small would end it without a word.
static void check_limits(void) {
    struct rlimit stack;
    (void)signal(SIGXFSZ, SIG_IGN);
    if (getrlimit(RLIMIT_STACK, &stack) == 0 && stack.rlim_cur < MIN_STACK) {
        die("the stack is limited to %ju KiB, and %zu KiB are needed (see ulimit -s)",
            (uintmax_t)stack.rlim_cur >> 10, MIN_STACK >> 10);
    }
}

// `found` is getopt's answer to an argument that no row of the table fits.
__attribute__((noreturn)) static void die_of_option(int found, char **argv) {
    const char *why =
        found == ':' ? "a value is missing" : "no such option, or a value it does not take";
    if (optopt > 0 && optopt < FIRST_LONG) {
        die_usage("-%c: %s", optopt, why);
    }
    die_usage("%s: %s", argv[optind - 1], why);
}

static void refuse_stdin_twice(const struct operands *operands) {
    int count = 0;
    for (int i = 0; i < operands->count; i++) {
        count += strcmp(operands->items[i], "-") == 0;
    }
    if (count > 1) {
        die_usage("'-' twice: stdin can be read once only");
    }
}

// Not a part of cli_parse: what it needs of the stack must not be taken before that is measured.
__attribute__((noinline)) static struct operands parse(const struct program *program, int argc,
                                                       char **argv) {
    struct option_row rows[MAX_OPTIONS];
    struct option long_options[MAX_OPTIONS + 1] = {{0}};
    struct option_defaults defaults = {{{0}}};
    char letters[2 * MAX_OPTIONS + 2] = ":";
    const size_t count = cli_all_options(program, rows);
    for (size_t i = 0; i < count; i++) {
        const bool bare = rows[i].type == OPTION_FLAG;
        cli_value_text(&rows[i], defaults.texts[i]);
        long_options[i] = (struct option){rows[i].name, bare ? no_argument : required_argument,
                                          NULL, FIRST_LONG + (int)i};
        if (rows[i].letter != 0) {
            const size_t used = strlen(letters);
            (void)snprintf(letters + used, sizeof letters - used, "%c%s", rows[i].letter,
                           bare ? "" : ":");
        }
    }
    for (int found; (found = getopt_long(argc, argv, letters, long_options, NULL)) != -1;) {
        size_t i = found >= FIRST_LONG ? (size_t)(found - FIRST_LONG) : 0;
        while (found < FIRST_LONG && i < count && rows[i].letter != found) {
            i++;
        }
        if (found == ':' || found == '?' || i == count) {
            die_of_option(found, argv);
        }
        set_value(program, &defaults, &rows[i], optarg);
    }
    struct operands operands = {.count = argc - optind, .items = argv + optind};
    if (operands.count < program->min_operands) {
        die_usage("an operand is missing: %s %s", program->name, program->usage);
    }
    if (program->max_operands >= 0 && operands.count > program->max_operands) {
        die_usage("'%s': one operand too many", operands.items[program->max_operands]);
    }
    refuse_stdin_twice(&operands);
    write_history(program, rows, count, &defaults, &operands);
    return operands;
}

struct operands cli_parse(const struct program *program, int argc, char **argv) {
    (void)signal(SIGPIPE, SIG_DFL);
    reserve_standard_files();
    check_limits();
    return parse(program, argc, argv);
}

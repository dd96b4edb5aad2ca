// The command line: one table of options gives parsing, --help, the manual page, the options as
// JSON and the history line.
#ifndef PLEURA_PROGRAM_CLI_H
#define PLEURA_PROGRAM_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_type {
    OPTION_FLAG,    // bool
    OPTION_TEXT,    // const char *
    OPTION_FILE,    // const char *, a path: history tells that it was given, not which
    OPTION_FILES,   // struct option_files, paths, one each time it is given
    OPTION_CHOICE,  // const char *, one of the words of `argument`, separated by |
    OPTION_INTEGER, // int64_t, decimal
    OPTION_NUMBER,  // double
    OPTION_BYTES,   // size_t, a number with K, M, G (powers of 1024) behind it if wanted
};

struct option_files {
    const char **paths; // for the program to free
    size_t count, capacity;
};

// What an option does to the history line of the stream that comes out.
enum option_trace { OPTION_SILENT, OPTION_RECORDED };

struct option_row {
    const char *name; // long name without dashes
    char letter;      // or 0
    enum option_type type;
    void *target;         // holds the default before, the user's value after
    const char *argument; // how --help calls the value; NULL for a flag
    const char *help;
    double minimum, maximum; // of INTEGER, NUMBER and BYTES, both included; equal: any value
    enum option_trace trace;
};

// Options that most programs share; `program.common_options` says which of them one has.
struct common_options {
    const char *output; // NULL or "-": stdout
    bool quiet;
    int64_t threads;   // as many as the machine has
    size_t max_record; // bytes
    size_t max_pixels; // of a sample's `size`
};

enum {
    COMMON_OUTPUT = 1,
    COMMON_QUIET = 2,
    COMMON_THREADS = 4,
    COMMON_MAX_RECORD = 8,
    COMMON_MAX_PIXELS = 16,
    COMMON_STREAM = COMMON_OUTPUT | COMMON_QUIET | COMMON_MAX_RECORD,
};

enum { MAX_OPTIONS = 128 }; // of a program, shared ones included

// What a program is for: `pleura` lists the programs by it, in this order.
enum purpose {
    PURPOSE_OTHER,
    PURPOSE_READ,
    PURPOSE_TRAIN,
    PURPOSE_PREDICT,
    PURPOSE_DECIDE,
    PURPOSE_SCORE,
    PURPOSE_LOOK,
    PURPOSES
};

// The purpose in words: "train networks".
const char *purpose_title(enum purpose purpose);

struct program {
    const char *name;
    const char *summary; // one line, no full stop
    enum purpose purpose;
    const char *usage;       // what follows the name
    const char *description; // paragraphs separated by empty lines
    const char *examples;    // shell lines
    const struct option_row *options;
    size_t option_count;
    struct common_options *common;
    unsigned common_options;
    int min_operands, max_operands; // max < 0: any number
};

struct operands {
    int count;
    char **items;
    char history[1000]; // "NAME VERSION --option value ...": for the header of the stream that
                        // comes out
};

// The defaults: stdout, one thread a processor, records of at most 1 GiB, 4096 x 4096 pixels.
struct common_options cli_common_defaults(void);

// Reads the command line into the options' targets. Answers --help, --man, --options, --summary and
// --version and ends the program with 0; ends it with 2 and a hint where the command line is wrong,
// and with 1 where the stack is too small (ulimit -s). A closed pipe ends the program quietly from
// here on, and a write beyond the largest permitted file fails (ulimit -f), whatever the parent
// process arranged.
struct operands cli_parse(const struct program *program, int argc, char **argv);

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

#endif

// turns: commands that repeat one piece of work whenever they are told to, timed in turns (A B C A
// B C ...), so that other work on the machine weighs on all alike.
#include "core/clock.h"
#include "core/error.h"
#include "program/cli/cli.h"
#include "program/die.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_ROUNDS = 99, LINE = 256 };

struct options {
    int64_t rounds, limit;
    bool anew;
};

// One that takes turns. It runs in a process group of its own, which is stopped while it is not its
// turn: threads that wait for work by spinning would take it from the others.
struct contender {
    const char *command;
    pid_t process;   // 0: none
    int to, from;    // its stdin, its stdout
    const char *why; // it is out; NULL: it is not
    size_t count;
    double times[MAX_ROUNDS]; // milliseconds
    long peak;                // of memory, KiB
};

static void signal_all(const struct contender *contender, int number) {
    (void)kill(-contender->process, number);
}

// Waits for the process's end.
static void reap(struct contender *contender) {
    struct rusage usage;
    int status = 0;
    (void)close(contender->to);
    (void)close(contender->from);
    if (wait4(contender->process, &status, 0, &usage) == contender->process) {
        contender->peak =
            contender->peak > usage.ru_maxrss ? contender->peak : (long)usage.ru_maxrss;
        contender->why = contender->why == NULL && status != 0 ? "failed" : contender->why;
    }
    contender->process = 0;
}

static void put_out(struct contender *contender, const char *why) {
    contender->why = why;
    signal_all(contender, SIGKILL);
    reap(contender);
}

// Waits for its next line, so many seconds at most. False: it is out.
static bool hear(struct contender *contender, const struct options *options, char line[LINE]) {
    const double end = clock_seconds() + (double)options->limit;
    size_t length = 0;
    while (length == 0 || line[length - 1] != '\n') {
        struct pollfd ready = {.fd = contender->from, .events = POLLIN};
        const double left = end - clock_seconds();
        if (left <= 0 || poll(&ready, 1, (int)(1000 * left) + 1) == 0) {
            put_out(contender, "slow");
            return false;
        }
        if (length + 1 == LINE || read(contender->from, line + length, 1) != 1) {
            put_out(contender, "failed");
            return false;
        }
        length++;
    }
    line[length] = '\0';
    return true;
}

static void start_process(struct contender *contender, const int in[2], const int out[2]) {
    char *const arguments[] = {"bash", "-c", (char *)(uintptr_t)contender->command, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    if (posix_spawn_file_actions_init(&actions) != 0 ||
        posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO) != 0 ||
        posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO) != 0 ||
        posix_spawnattr_init(&attributes) != 0 ||
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP) != 0 ||
        posix_spawnp(&contender->process, arguments[0], &actions, &attributes, arguments,
                     environ) != 0) {
        die("%s: cannot be started", contender->command);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)posix_spawnattr_destroy(&attributes);
}

// Starts the command, and lets it warm up until it says that it is ready.
static bool start(struct contender *contender, const struct options *options) {
    char line[LINE];
    int in[2];
    int out[2];
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) {
        die("pipe: %s", strerror(errno));
    }
    start_process(contender, in, out);
    (void)close(in[0]);
    (void)close(out[1]);
    contender->to = in[1];
    contender->from = out[0];
    if (!hear(contender, options, line)) {
        return false;
    }
    signal_all(contender, SIGSTOP);
    return true;
}

static void end(struct contender *contender) {
    signal_all(contender, SIGCONT);
    (void)close(contender->to);
    contender->to = -1;
    reap(contender);
}

static void take_turn(struct contender *contender, const struct options *options) {
    char line[LINE];
    if (contender->process == 0 && !start(contender, options)) {
        return;
    }
    signal_all(contender, SIGCONT);
    if (write(contender->to, "\n", 1) != 1) {
        put_out(contender, "failed");
        return;
    }
    if (!hear(contender, options, line)) {
        return;
    }
    const double time = strtod(line, NULL);
    if (!(time > 0)) {
        die("%s: prints no milliseconds: %s", contender->command, line);
    }
    contender->times[contender->count++] = time;
    signal_all(contender, SIGSTOP);
    if (options->anew) {
        end(contender);
    }
}

static void print(const struct contender *contender) {
    if (contender->why != NULL) {
        (void)puts(contender->why);
        return;
    }
    (void)printf("%ld", contender->peak);
    for (size_t i = 0; i < contender->count; i++) {
        (void)printf(" %.4f", contender->times[i]);
    }
    (void)putchar('\n');
}

static void take_turns(struct contender *contenders, size_t count, const struct options *options) {
    for (int64_t round = 0; round < options->rounds; round++) {
        for (size_t i = 0; i < count; i++) {
            if (contenders[i].why == NULL) {
                take_turn(&contenders[i], options);
            }
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (contenders[i].process != 0) {
            end(&contenders[i]);
        }
        print(&contenders[i]);
    }
}

int main(int argc, char **argv) {
    struct options options = {.rounds = 5, .limit = 600};
    struct common_options common = cli_common_defaults();
    const struct option_row rows[] = {
        {"rounds", 'n', OPTION_INTEGER, &options.rounds, "N", "turns of each (default: 5)", 1,
         MAX_ROUNDS, OPTION_SILENT},
        {"limit", 0, OPTION_INTEGER, &options.limit, "SECONDS",
         "that a command may take to be ready, and for a turn (default: 600)", 1, 86400,
         OPTION_SILENT},
        {"anew", 0, OPTION_FLAG, &options.anew, NULL,
         "start each command for each turn: only one is in memory", 0, 0, OPTION_SILENT},
    };
    const struct program program = {
        .name = "turns",
        .summary = "time commands in turns",
        .usage = "[OPTION]... COMMAND...",
        .description =
            "A command prints a line when it is ready; then, for each line that it reads, it does "
            "its work once and prints the milliseconds; at the end of its input it ends. Prints "
            "a line for each command: its peak memory in KiB and the milliseconds of each turn, or "
            "why there are none: slow, failed.",
        .options = rows,
        .option_count = COUNT_OF(rows),
        .common = &common,
        .min_operands = 1,
        .max_operands = -1,
    };
    const struct operands operands = cli_parse(&program, argc, argv);
    const size_t count = (size_t)operands.count;
    struct contender *contenders = calloc(count, sizeof *contenders);
    if (contenders == NULL) {
        die("no memory");
    }
    (void)signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < count; i++) {
        contenders[i].command = operands.items[i];
    }
    take_turns(contenders, count, &options);
    free(contenders);
    return 0;
}

// race: runs two commands in turns and says how long each takes and how much faster the first is.
#include "core/error.h"
#include "program/cli/cli.h"
#include "program/die.h"

#include <math.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_ROUNDS = 99 };

struct options {
    int64_t rounds;
    bool cpu, own;
};

static double seconds_of(struct timeval time) {
    return (double)time.tv_sec + 1e-6 * (double)time.tv_usec;
}

// CPU seconds of all processes that have been waited for, and of those that these waited for.
static double cpu_seconds(void) {
    struct rusage usage;
    (void)getrusage(RUSAGE_CHILDREN, &usage);
    return seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
}

static double wall_seconds(void) {
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

// One number from the command's output.
static double run_own(const char *command) {
    double seconds = 0;
    FILE *output = popen(command, "re");
    if (output == NULL || fscanf(output, "%lf", &seconds) != 1) { // NOLINT(cert-err34-c): ours
        die("%s: prints no seconds", command);
    }
    if (pclose(output) != 0) {
        die("%s: failed", command);
    }
    return seconds;
}

static double run(const char *command, const struct options *options) {
    if (options->own) {
        return run_own(command);
    }
    char *const arguments[] = {"bash", "-o", "pipefail", "-c", (char *)(uintptr_t)command, NULL};
    const double wall = wall_seconds();
    const double cpu = cpu_seconds();
    pid_t process = 0;
    int status = 0;
    if (posix_spawnp(&process, arguments[0], NULL, NULL, arguments, environ) != 0 ||
        waitpid(process, &status, 0) != process || status != 0) {
        die("%s: failed", command);
    }
    return options->cpu ? cpu_seconds() - cpu : wall_seconds() - wall;
}

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *numbers, size_t count) {
    qsort(numbers, count, sizeof *numbers, ascending);
    return count % 2 == 1 ? numbers[count / 2] : (numbers[count / 2 - 1] + numbers[count / 2]) / 2;
}

int main(int argc, char **argv) {
    struct options options = {.rounds = 5};
    struct common_options common = cli_common_defaults();
    const struct option_row rows[] = {
        {"rounds", 'n', OPTION_INTEGER, &options.rounds, "N", "runs of each (default: 5)", 1,
         MAX_ROUNDS, OPTION_SILENT},
        {"cpu", 'c', OPTION_FLAG, &options.cpu, NULL,
         "measure CPU seconds, of child processes too, not the clock", 0, 0, OPTION_SILENT},
        {"own", 'o', OPTION_FLAG, &options.own, NULL, "take the seconds that the commands print", 0,
         0, OPTION_SILENT},
    };
    const struct program program = {
        .name = "race",
        .summary = "run commands in turns and compare their times",
        .usage = "[OPTION]... COMMAND [RIVAL]",
        .description = "Prints the medians over the rounds: the command's seconds, the rival's, "
                       "and the rival's by the command's of the same round. After a first round "
                       "that does not count.",
        .options = rows,
        .option_count = COUNT_OF(rows),
        .common = &common,
        .min_operands = 1,
        .max_operands = 2,
    };
    const struct operands operands = cli_parse(&program, argc, argv);
    const char *command = operands.items[0];
    const char *rival = operands.count > 1 ? operands.items[1] : NULL;
    double times[3][MAX_ROUNDS];
    const size_t rounds = (size_t)options.rounds;
    for (size_t i = 0; i <= rounds; i++) {
        const double mine = run(command, &options);
        const double other = rival != NULL ? run(rival, &options) : mine;
        if (i > 0) {
            times[0][i - 1] = mine;
            times[1][i - 1] = other;
            times[2][i - 1] = other / mine;
        }
    }
    for (size_t i = 0; i < 3; i++) {
        (void)printf("%.6f%c", median(times[i], rounds), i < 2 ? ' ' : '\n');
    }
    return 0;
}

// The options of ranks, and what starts them says by the environment.
#include "program/die.h"
#include "program/ranks/own.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

// What starts the ranks tells each of them which it is, and how many there are.
static const struct launcher {
    const char *name, *rank, *count, *local;
} launchers[] = {
    {"mpirun", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK"},
    {"srun", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID"},
};

struct ranks_options ranks_options_usual(void) {
    return (struct ranks_options){.rank = -1};
}

size_t ranks_rows(struct ranks_options *options, struct option_row *rows) {
    const struct option_row of_ranks[RANKS_ROWS] = {
        {.name = "ranks",
         .type = OPTION_INTEGER,
         .target = &options->count,
         .argument = "N",
         .help = "processes that share out the batches of a step of the optimiser, and the "
                 "threads; the bytes are those of one with as many threads as each has; on GPUs "
                 "numbers go by NCCL where all find it (PLEURA_NCCL= forbids it)",
         .minimum = 1,
         .maximum = MAX_RANKS},
        {.name = "meet",
         .type = OPTION_TEXT,
         .target = &options->meet,
         .argument = "HOST:PORT",
         .help = "mpirun, srun or you start the ranks, perhaps on several machines, and rank 0 "
                 "waits for the others at this address of its machine: in a network that can be "
                 "trusted, since nothing is encrypted"},
        {.name = "rank",
         .type = OPTION_INTEGER,
         .target = &options->rank,
         .argument = "K",
         .help = "with --meet: which rank this is, from 0 on (default: what mpirun or srun says)",
         .minimum = 0,
         .maximum = MAX_RANKS - 1},
    };
    memcpy(rows, of_ranks, sizeof of_ranks);
    return RANKS_ROWS;
}

// A number of the environment, or -1.
static int64_t told(const char *name) {
    const char *text = getenv(name);
    char *end = NULL;
    const int64_t number = text != NULL ? strtoll(text, &end, 10) : -1;
    return text != NULL && end != text && *end == '\0' ? number : -1;
}

static void ask_launchers(struct ranks_options *options) {
    for (size_t i = 0; i < sizeof launchers / sizeof *launchers; i++) {
        const int64_t rank = told(launchers[i].rank);
        const int64_t count = told(launchers[i].count);
        const int64_t local = told(launchers[i].local);
        if (rank < 0 || count < 1) {
            continue;
        }
        if (options->count > 0 && options->count != count) {
            die_usage("--ranks %" PRId64 ": %s has started %" PRId64, options->count,
                      launchers[i].name, count);
        }
        options->count = count;
        options->local = local > 0 ? local : 0;
        options->rank = options->rank < 0 ? rank : options->rank;
        return;
    }
}

static void check_meeting(const struct ranks_options *options) {
    if (options->count < 1 || options->rank < 0) {
        die_usage("--meet: neither mpirun nor srun has started this; --ranks N and --rank K say "
                  "how many there are, and which this is");
    }
    if (options->rank >= options->count) {
        die_usage("--rank %" PRId64 ": the last of %" PRId64 " is %" PRId64, options->rank,
                  options->count, options->count - 1);
    }
    if (strrchr(options->meet, ':') == NULL) {
        die_usage("--meet %s: HOST:PORT is wanted", options->meet);
    }
}

void ranks_settle(struct ranks_options *options, int64_t accumulate) {
    if (options->meet != NULL) {
        ask_launchers(options);
        check_meeting(options);
    } else if (options->rank >= 0) {
        die_usage("--rank is of ranks that something else starts, and needs --meet");
    } else if (told("OMPI_COMM_WORLD_SIZE") > 1) {
        die_usage("mpirun has started %" PRId64 " of these: --meet HOST:PORT lets them train one "
                  "fold",
                  told("OMPI_COMM_WORLD_SIZE"));
    }
    options->count = options->count > 0 ? options->count : 1;
    if (options->count > accumulate) {
        die_usage("--ranks %" PRId64 ": more than the %" PRId64
                  " batches that --accumulate says a step has",
                  options->count, accumulate);
    }
    if (options->count > MAX_RANKS) {
        die_usage("--ranks %" PRId64 ": %d at most", options->count, MAX_RANKS);
    }
}

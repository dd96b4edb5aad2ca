// The circle method, between teams of blocks: one team stays, and the others go round it. A thread
// that has two teams brings each block of the one together with all of the other's, so that it
// finds in its cache what it has just read.
#include "ops/position_attention/cpu/pair_schedule.h"

#include "core/numbers/size.h"

#include <omp.h>
#include <stdbool.h>

#define MIN_TEAMS ((size_t)24) // where there are as many blocks: fewer would leave threads waiting
#define MAX_TEAM ((size_t)6)   // blocks; with more a cache gains nothing

// The blocks of a team, but perhaps for the last one's.
static size_t team_size(size_t blocks) {
    const size_t size = size_min(blocks / MIN_TEAMS, MAX_TEAM);
    return size > 0 ? size : 1;
}

// Pair number `index` of a round of an even number of teams, the lower team first.
static void pair_of_round(size_t teams, size_t round, size_t index, size_t *team, size_t *other) {
    const size_t circle = teams - 1;
    const size_t a = index == 0 ? circle : (round + index) % circle;
    const size_t b = (round + circle - index) % circle;
    *team = a < b ? a : b;
    *other = a < b ? b : a;
}

// A team's blocks: from `first` on, before `end`.
struct team {
    size_t first, end;
};

static struct team team_of(const struct position_pair_schedule *schedule, size_t team) {
    const size_t size = team_size(schedule->blocks);
    return (struct team){size_min(team * size, schedule->blocks),
                         size_min((team + 1) * size, schedule->blocks)};
}

// Begins the blocks of a team, and brings them together with each other.
static void run_team(const struct position_pair_schedule *schedule, size_t number, int thread) {
    const struct team team = team_of(schedule, number);
    for (size_t block = team.first; block < team.end; block++) {
        schedule->begin(schedule->context, block, thread);
    }
    for (size_t block = team.first; block < team.end; block++) {
        for (size_t other = block + 1; other < team.end; other++) {
            schedule->pair(schedule->context, block, other, thread);
        }
    }
}

// All of the one with all of the other, which may have no blocks: forth and back.
static void run_teams(const struct position_pair_schedule *schedule, size_t number, size_t other,
                      int thread) {
    const struct team team = team_of(schedule, number);
    const struct team opposite = team_of(schedule, other);
    for (size_t block = team.first; block < team.end; block++) {
        for (size_t i = opposite.first; i < opposite.end; i++) {
            const bool forth = block % 2 == 0;
            schedule->pair(schedule->context, block,
                           forth ? i : opposite.first + opposite.end - 1 - i, thread);
        }
    }
}

void position_pair_schedule_run(const struct position_pair_schedule *schedule) {
    const size_t teams = size_divide_up(schedule->blocks, team_size(schedule->blocks));
    const size_t even = teams + teams % 2; // with an odd number one team pauses each round
#pragma omp parallel num_threads(schedule->threads)
    {
        const int thread = omp_get_thread_num();
#pragma omp for schedule(dynamic)
        for (size_t team = 0; team < teams; team++) {
            run_team(schedule, team, thread);
        }
        for (size_t round = 0; round + 1 < even; round++) {
#pragma omp for schedule(dynamic)
            for (size_t index = 0; index < even / 2; index++) {
                size_t team = 0;
                size_t other = 0;
                pair_of_round(even, round, index, &team, &other);
                run_teams(schedule, team, other, thread);
            }
        }
#pragma omp for schedule(static)
        for (size_t block = 0; block < schedule->blocks; block++) {
            schedule->end(schedule->context, block, thread);
        }
    }
}

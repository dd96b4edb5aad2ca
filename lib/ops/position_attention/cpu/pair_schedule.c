// The circle method, between teams of blocks: one team stays, and the others go round it. A thread
// that has two teams brings each block of the one together with all of the other's, so that it
// finds in its cache what it has just read; where there are more threads than that keeps busy, they
// share out the blocks' pairs.
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

// A team's blocks: from `first` on, before `end`.
struct team {
    size_t first, end;
};

static struct team team_of(const struct position_pair_schedule *schedule, size_t team) {
    const size_t size = team_size(schedule->blocks);
    return (struct team){size_min(team * size, schedule->blocks),
                         size_min((team + 1) * size, schedule->blocks)};
}

// Pair number `index` of a round of an even number of teams, the lower team first; the last team
// may have no blocks.
static void pair_of_round(const struct position_pair_schedule *schedule, size_t teams, size_t round,
                          size_t index, struct team *team, struct team *other) {
    const size_t circle = teams - 1;
    const size_t a = index == 0 ? circle : (round + index) % circle;
    const size_t b = (round + circle - index) % circle;
    *team = team_of(schedule, a < b ? a : b);
    *other = team_of(schedule, a < b ? b : a);
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

// Block `i` of one team and block `j` of another, if they have as many.
static void run_pair(const struct position_pair_schedule *schedule, struct team team,
                     struct team other, size_t i, size_t j, int thread) {
    if (team.first + i < team.end && other.first + j < other.end) {
        schedule->pair(schedule->context, team.first + i, other.first + j, thread);
    }
}

// Two teams meet in turns, in each of which every block has one pair: in turn t, block i of the
// one and block i + t of the other, counted round. A thread that has both teams keeps each block's
// order, but stays with a block of the other team as long as it can: with all whose turns come
// before the count begins again, and at the end with those behind.
static void run_teams(const struct position_pair_schedule *schedule, struct team team,
                      struct team other, int thread) {
    const size_t size = team_size(schedule->blocks);
    for (size_t j = 0; j < size; j++) {
        for (size_t turn = 0; turn <= j; turn++) {
            run_pair(schedule, team, other, j - turn, j, thread);
        }
    }
    for (size_t j = 0; j < size; j++) {
        for (size_t turn = j + 1; turn < size; turn++) {
            run_pair(schedule, team, other, size + j - turn, j, thread);
        }
    }
}

// A round by threads that have pairs of teams.
static void run_round(const struct position_pair_schedule *schedule, size_t teams, size_t round,
                      int thread) {
#pragma omp for schedule(dynamic)
    for (size_t index = 0; index < teams / 2; index++) {
        struct team team;
        struct team other;
        pair_of_round(schedule, teams, round, index, &team, &other);
        run_teams(schedule, team, other, thread);
    }
}

// A round by threads that have pairs of blocks, turn by turn.
static void run_turns(const struct position_pair_schedule *schedule, size_t teams, size_t round,
                      int thread) {
    const size_t size = team_size(schedule->blocks);
    for (size_t turn = 0; turn < size; turn++) {
#pragma omp for schedule(dynamic)
        for (size_t pair = 0; pair < teams / 2 * size; pair++) {
            struct team team;
            struct team other;
            pair_of_round(schedule, teams, round, pair / size, &team, &other);
            run_pair(schedule, team, other, pair % size, (pair % size + turn) % size, thread);
        }
    }
}

// Whether a round has too few pairs of teams to share out: whether a thread has fewer pairs of
// blocks to work on when these are shared out.
static bool takes_turns(const struct position_pair_schedule *schedule, size_t teams) {
    const size_t size = team_size(schedule->blocks);
    const size_t threads = (size_t)schedule->threads;
    return size_divide_up(teams / 2 * size, threads) < size * size_divide_up(teams / 2, threads);
}

void position_pair_schedule_run(const struct position_pair_schedule *schedule) {
    const size_t teams = size_divide_up(schedule->blocks, team_size(schedule->blocks));
    const size_t even = teams + teams % 2; // with an odd number one team pauses each round
    const bool turns = takes_turns(schedule, even);
#pragma omp parallel num_threads(schedule->threads)
    {
        const int thread = omp_get_thread_num();
#pragma omp for schedule(dynamic)
        for (size_t team = 0; team < teams; team++) {
            run_team(schedule, team, thread);
        }
        for (size_t round = 0; round + 1 < even; round++) {
            if (turns) {
                run_turns(schedule, even, round, thread);
            } else {
                run_round(schedule, even, round, thread);
            }
        }
#pragma omp for schedule(static)
        for (size_t block = 0; block < schedule->blocks; block++) {
            schedule->end(schedule->context, block, thread);
        }
    }
}

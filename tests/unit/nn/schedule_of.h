// A graph's schedule with strips as on the CPU.
#ifndef PLEURA_TESTS_UNIT_NN_SCHEDULE_OF_H
#define PLEURA_TESTS_UNIT_NN_SCHEDULE_OF_H

#include "nn/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static struct schedule schedule_of(const struct graph *graph) {
    struct backend backend = {.precision = PRECISION_BF16, .threads = 2};
    struct schedule schedule;
    struct strips strips;
    struct error error = {{0}};
    if (!graph_check(graph, &error) || !strips_find(&strips, graph, &backend, &error) ||
        !schedule_make(&schedule, graph, &strips, PRECISION_BF16, &error)) {
        fail_msg("%s", error.text);
    }
    strips_free(&strips);
    return schedule;
}

#endif

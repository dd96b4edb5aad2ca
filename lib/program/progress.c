// The progress line.
#include "program/progress.h"

#include "core/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

struct progress progress_start(const char *unit, uint64_t total, bool quiet) {
    return (struct progress){.unit = unit,
                             .total = total,
                             .started = clock_seconds(),
                             .visible = !quiet && isatty(STDERR_FILENO)};
}

static void show(struct progress *progress, double now) {
    const double seconds = now - progress->started;
    const double rate = seconds > 0 ? (double)progress->done / seconds : 0;
    progress->shown = now;
    if (progress->total > 0) {
        const uint64_t missing =
            progress->total > progress->done ? progress->total - progress->done : 0;
        const double left = rate > 0 ? (double)missing / rate : 0;
        (void)fprintf(stderr, "\r%" PRIu64 "/%" PRIu64 " %s, %.1f/s, %.0f s left \033[K",
                      progress->done, progress->total, progress->unit, rate, left);
    } else {
        (void)fprintf(stderr, "\r%" PRIu64 " %s, %.1f/s \033[K", progress->done, progress->unit,
                      rate);
    }
}

void progress_step(struct progress *progress) {
    progress->done++;
    if (!progress->visible) {
        return;
    }
    const double now = clock_seconds();
    if (now - progress->shown > 0.1) {
        show(progress, now);
    }
}

void progress_end(struct progress *progress) {
    if (progress->visible && progress->done > 0) {
        show(progress, clock_seconds());
        (void)fputc('\n', stderr);
    }
}

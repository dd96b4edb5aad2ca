// Signals that wait.
#include "program/train/signals.h"

#include <signal.h>
#include <time.h>

static sigset_t of_end(void) {
    sigset_t signals;
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGTERM);
    return signals;
}

void signals_hold(void) {
    const sigset_t signals = of_end();
    (void)sigprocmask(SIG_BLOCK, &signals, NULL);
}

bool signals_came(void) {
    const struct timespec now = {0, 0};
    const sigset_t signals = of_end();
    return sigtimedwait(&signals, NULL, &now) > 0;
}

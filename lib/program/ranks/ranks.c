// Bytes between ranks, and ranks on this machine.
#include "program/ranks/ranks.h"

#include "program/die.h"
#include "program/ranks/own.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

// ---- starting

// A rank that rank 0 has started: it holds nothing of rank 0's but its end of the socket, so that
// whoever writes to rank 0 sees when that ends.
static void become(struct ranks *ranks, size_t own, int socket, pid_t parent) {
    enum { KEPT = STDERR_FILENO + 1 };
    const int nothing = open("/dev/null", O_RDONLY);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent || nothing < 0 ||
        dup2(nothing, STDIN_FILENO) < 0 || (socket != KEPT && dup2(socket, KEPT) < 0) ||
        close_range(KEPT + 1, ~0U, 0) != 0) {
        _exit(1);
    }
    memset(ranks->children, 0, sizeof ranks->children);
    ranks->own = ranks->local = own;
    ranks->started = true;
    ranks->sockets[0] = KEPT;
}

void ranks_spawn(struct ranks *ranks) {
    const pid_t parent = getpid();
    for (size_t i = 1; i < ranks->count; i++) {
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
            die("rank %zu cannot be started: %s", i, strerror(errno));
        }
        const pid_t child = fork();
        if (child < 0) {
            die("rank %zu cannot be started: %s", i, strerror(errno));
        }
        if (child == 0) {
            become(ranks, i, pair[1], parent);
            return;
        }
        (void)close(pair[1]);
        ranks->sockets[i] = pair[0];
        ranks->children[i] = child;
    }
}

struct ranks *ranks_open(const struct ranks_options *options, const char *agreement) {
    struct ranks *ranks = calloc(1, sizeof *ranks);
    if (ranks == NULL) {
        die("no memory");
    }
    ranks->count = (size_t)options->count;
    if (options->meet != NULL) {
        ranks_meet(ranks, options, agreement);
    } else {
        ranks_spawn(ranks);
    }
    return ranks;
}

size_t ranks_count(const struct ranks *ranks) {
    return ranks->count;
}

size_t ranks_own(const struct ranks *ranks) {
    return ranks->own;
}

const char *ranks_device(struct ranks *ranks, const char *device) {
    if (ranks->count == 1 || strcmp(device, "cuda") != 0) {
        return device;
    }
    (void)snprintf(ranks->device, sizeof ranks->device, "cuda:%zu", ranks->local);
    return ranks->device;
}

// ---- bytes

void ranks_lose(struct ranks *ranks, size_t other, int error) {
    static const char kept[] =
        "the last checkpoint is kept, and the same command with --resume goes on from it";
    const pid_t child = ranks->children[other];
    int status = 0;
    if (ranks->started) {
        _exit(1); // rank 0 has said what it ended of, if it could
    }
    if (ranks->own > 0) {
        die("rank %zu: rank 0 has ended before the work was done%s%s", ranks->own,
            error != 0 ? ": " : "", error != 0 ? strerror(error) : "");
    }
    if (child > 0 && waitpid(child, &status, 0) == child && WIFSIGNALED(status)) {
        die("rank %zu was killed by signal %d; %s", other, WTERMSIG(status), kept);
    }
    die("rank %zu has failed%s%s; %s", other, error != 0 ? ": " : "",
        error != 0 ? strerror(error) : "", kept);
}

// False, with errno, where the other one does not take it.
static bool send_all(const struct ranks *ranks, size_t other, const void *bytes, size_t count) {
    for (const char *at = bytes; count > 0;) {
        const ssize_t sent = send(ranks->sockets[other], at, count, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR) {
            return false;
        }
        at += sent > 0 ? sent : 0;
        count -= sent > 0 ? (size_t)sent : 0;
    }
    return true;
}

void ranks_send(struct ranks *ranks, size_t other, const void *bytes, size_t count) {
    if (!send_all(ranks, other, bytes, count)) {
        ranks_lose(ranks, other, errno == EPIPE || errno == ECONNRESET ? 0 : errno);
    }
}

void ranks_send_last(struct ranks *ranks, size_t other, const void *bytes, size_t count) {
    (void)send_all(ranks, other, bytes, count);
}

void ranks_receive(struct ranks *ranks, size_t other, void *bytes, size_t count) {
    for (char *at = bytes; count > 0;) {
        const ssize_t received = recv(ranks->sockets[other], at, count, MSG_WAITALL);
        if (received == 0 || (received < 0 && errno != EINTR)) {
            ranks_lose(ranks, other, received == 0 || errno == ECONNRESET ? 0 : errno);
        }
        at += received > 0 ? received : 0;
        count -= received > 0 ? (size_t)received : 0;
    }
}

void ranks_receive_last(struct ranks *ranks, size_t other, void *bytes, size_t count) {
    while (recv(ranks->sockets[other], bytes, count, MSG_WAITALL) < 0 && errno == EINTR) {
    }
}

size_t ranks_look(const struct ranks *ranks, bool speaking) {
    const struct timespec moment = {.tv_nsec = 50000};
    const short events = (short)(POLLRDHUP | (speaking ? POLLIN : 0));
    const size_t first = ranks->own == 0 ? 1 : 0;
    const size_t end = ranks->own == 0 ? ranks->count : 1;
    struct pollfd looks[MAX_RANKS];
    for (size_t i = first; i < end; i++) {
        looks[i - first] = (struct pollfd){.fd = ranks->sockets[i], .events = events};
    }
    if (ppoll(looks, end - first, &moment, NULL) > 0) {
        for (size_t i = first; i < end; i++) {
            if (looks[i - first].revents != 0) {
                return i;
            }
        }
    }
    return ranks->count;
}

void ranks_close(struct ranks *ranks) {
    for (size_t i = 0; i < ranks->count; i++) {
        if (i != ranks->own && (i == 0 || ranks->own == 0)) {
            (void)close(ranks->sockets[i]);
        }
        if (ranks->children[i] > 0) {
            (void)waitpid(ranks->children[i], NULL, 0);
        }
    }
    free(ranks);
}

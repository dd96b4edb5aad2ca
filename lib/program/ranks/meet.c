// Ranks that something else has started, perhaps on several machines: over TCP.
#include "core/error.h"
#include "program/die.h"
#include "program/ranks/own.h"
#include "stream/digest.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

// What a rank says when it comes: numbers in its machine's order, so that another order is another
// version.
struct greeting {
    uint64_t version;
    uint64_t rank, count;
    uint64_t agreement; // XXH3 of it
};

enum {
    VERSION = 0x706C7202,
    PATIENCE = 10, // seconds in which who comes must have said so
    IDLE = 30,
    BETWEEN = 10,
    NOT_ANSWERED = 6, // seconds of silence until the other machine is asked
                      // whether it is there, between questions; and their number
};

struct place {
    char host[256];
    const char *port;
    struct addrinfo *addresses;
};

static struct place place_of(const char *meet, int flags) {
    struct place place = {.port = strrchr(meet, ':') + 1};
    const struct addrinfo wanted = {.ai_socktype = SOCK_STREAM, .ai_flags = flags};
    const char *host = meet[0] == '[' ? meet + 1 : meet; // [IPv6]:PORT
    const size_t length = (size_t)(place.port - 1 - meet) - (meet[0] == '[' ? 2 : 0);
    if (length >= sizeof place.host || length > strlen(meet)) {
        die("--meet %s: HOST:PORT is wanted", meet);
    }
    memcpy(place.host, host, length);
    const int wrong = getaddrinfo(place.host, place.port, &wanted, &place.addresses);
    if (wrong != 0) {
        die("--meet %s: %s", meet, gai_strerror(wrong));
    }
    return place;
}

// A machine that is gone without a word is noticed within a minute and a half.
static void watch(int socket) {
    const int on = 1;
    const int idle = IDLE;
    const int between = BETWEEN;
    const int questions = NOT_ANSWERED;
    const unsigned milliseconds = 1000 * (IDLE + BETWEEN * NOT_ANSWERED);
    (void)setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    (void)setsockopt(socket, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    (void)setsockopt(socket, IPPROTO_TCP, TCP_KEEPINTVL, &between, sizeof between);
    (void)setsockopt(socket, IPPROTO_TCP, TCP_KEEPCNT, &questions, sizeof questions);
    (void)setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof milliseconds);
}

// ---- rank 0

static int listen_at(const char *meet, int others) {
    const struct place place = place_of(meet, AI_PASSIVE);
    const int on = 1;
    int error = 0;
    int listening = -1;
    for (const struct addrinfo *at = place.addresses; at != NULL && listening < 0;
         at = at->ai_next) {
        listening = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, at->ai_protocol);
        if (listening >= 0 &&
            (setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
             bind(listening, at->ai_addr, at->ai_addrlen) != 0 || listen(listening, others) != 0)) {
            error = errno;
            (void)close(listening);
            listening = -1;
        }
    }
    freeaddrinfo(place.addresses);
    if (listening < 0) {
        die("--meet %s: %s", meet, strerror(error));
    }
    return listening;
}

// Whoever else may connect: what does not greet as a rank is let go.
static bool greeted(int connection, struct greeting *greeting) {
    const struct timeval patience = {.tv_sec = PATIENCE};
    const struct timeval none = {.tv_sec = 0};
    return setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0 &&
           recv(connection, greeting, sizeof *greeting, MSG_WAITALL) == sizeof *greeting &&
           greeting->version == VERSION &&
           setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof none) == 0;
}

static void check_greeting(const struct ranks *ranks, const struct greeting *greeting,
                           uint64_t agreement) {
    const size_t rank = greeting->rank;
    if (greeting->agreement != agreement || greeting->count != ranks->count) {
        die("rank %zu has other options or another kind of processor, or is of another version",
            rank);
    }
    if (rank == 0 || rank >= ranks->count || ranks->sockets[rank] >= 0) {
        die("two processes are rank %zu", rank);
    }
}

static void wait_for_all(struct ranks *ranks, const char *meet, uint64_t agreement) {
    const int listening = listen_at(meet, (int)ranks->count);
    for (size_t come = 1; come < ranks->count;) {
        struct greeting greeting;
        const int connection = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
        if (connection < 0 && errno != ECONNABORTED && errno != EINTR) {
            die("--meet %s: %s", meet, strerror(errno));
        }
        if (connection < 0) {
            continue;
        }
        if (!greeted(connection, &greeting)) {
            (void)close(connection);
            continue;
        }
        check_greeting(ranks, &greeting, agreement);
        watch(connection);
        ranks->sockets[greeting.rank] = connection;
        come++;
    }
    (void)close(listening);
}

// ---- the others

// A connection to any of the addresses, or -1.
static int connect_to(const struct addrinfo *addresses) {
    for (const struct addrinfo *at = addresses; at != NULL; at = at->ai_next) {
        const int connection =
            socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, at->ai_protocol);
        if (connection >= 0 && connect(connection, at->ai_addr, at->ai_addrlen) == 0) {
            return connection;
        }
        if (connection >= 0) {
            (void)close(connection);
        }
    }
    return -1;
}

static int find_rank_0(const struct ranks_options *options) {
    const struct timespec pause = {.tv_nsec = 200000000};
    const struct place place = place_of(options->meet, 0);
    int connection = connect_to(place.addresses);
    if (connection < 0 && !options->quiet) {
        warn("rank %d waits for rank 0 at %s", (int)options->rank, options->meet);
    }
    while (connection < 0) {
        (void)nanosleep(&pause, NULL);
        connection = connect_to(place.addresses);
    }
    freeaddrinfo(place.addresses);
    return connection;
}

void ranks_meet(struct ranks *ranks, const struct ranks_options *options, const char *agreement) {
    const struct greeting greeting = {.version = VERSION,
                                      .rank = (uint64_t)options->rank,
                                      .count = ranks->count,
                                      .agreement = digest_of(agreement, strlen(agreement))};
    memset(ranks->sockets, -1, sizeof ranks->sockets);
    ranks->own = (size_t)options->rank;
    ranks->local = (size_t)options->local;
    if (ranks->own == 0) {
        wait_for_all(ranks, options->meet, greeting.agreement);
    } else {
        ranks->sockets[0] = find_rank_0(options);
        watch(ranks->sockets[0]);
        ranks_send(ranks, 0, &greeting, sizeof greeting);
    }
}

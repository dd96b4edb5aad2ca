// Where bytes go, piece by piece: who makes them does not know what takes them.
#ifndef PLEURA_CORE_SINK_H
#define PLEURA_CORE_SINK_H

#include <stddef.h>

struct sink {
    // Takes all of them; whoever gives the sink deals with what fails there.
    void (*write)(void *to, const void *bytes, size_t length);
    // What came so far is whole in itself, and may be handed on to whoever waits for it. NULL:
    // nobody does.
    void (*hand_on)(void *to);
    void *to;
    const char *name; // for messages
};

static inline void sink_write(const struct sink *sink, const void *bytes, size_t length) {
    sink->write(sink->to, bytes, length);
}

static inline void sink_hand_on(const struct sink *sink) {
    if (sink->hand_on != NULL) {
        sink->hand_on(sink->to);
    }
}

#endif

// Where bytes go, piece by piece: who makes them does not know what takes them.
#ifndef PLEURA_CORE_SINK_H
#define PLEURA_CORE_SINK_H

#include <stddef.h>

struct sink {
    // Takes all of them; whoever gives the sink deals with what fails there.
    void (*write)(void *to, const void *bytes, size_t length);
    void *to;
    const char *name; // for messages
};

static inline void sink_write(const struct sink *sink, const void *bytes, size_t length) {
    sink->write(sink->to, bytes, length);
}

#endif

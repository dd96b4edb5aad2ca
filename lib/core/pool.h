// Threads that work on jobs and hand them back in the order they came.
#ifndef PLEURA_CORE_POOL_H
#define PLEURA_CORE_POOL_H

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>

struct pool;

// `threads` threads call work(context, job). At most `depth` jobs are under way between put and
// take. NULL with *error where threads cannot be had.
CHECKED struct pool *pool_start(size_t threads, size_t depth,
                                void (*work)(void *context, void *job), void *context,
                                struct error *error);

// True when `depth` jobs are under way: take one before the next put.
bool pool_full(struct pool *pool);

// Hands a job to the threads; the pool must not be full.
void pool_put(struct pool *pool, void *job);

// Waits for the oldest job and returns it; NULL when none is under way.
void *pool_take(struct pool *pool);

// Ends the threads and frees the pool; jobs under way must have been taken.
void pool_stop(struct pool *pool);

#endif

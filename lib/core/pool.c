// A ring of jobs: put at the head, worked on in the middle, taken from the tail in order.
#include "core/pool.h"

#include <pthread.h>
#include <stdlib.h>

struct pool_slot {
    void *job;
    bool done;
};

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t work_ready, work_done;
    size_t depth, put, started, taken; // counts since the start; slot = count % depth
    bool stopping;
    void (*work)(void *context, void *job);
    void *context;
    size_t threads;
    pthread_t *thread;
    struct pool_slot *slots;
};

static void *run(void *argument) {
    struct pool *pool = argument;
    (void)pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (pool->started == pool->put && !pool->stopping) {
            (void)pthread_cond_wait(&pool->work_ready, &pool->lock);
        }
        if (pool->started == pool->put) {
            break;
        }
        struct pool_slot *slot = &pool->slots[pool->started++ % pool->depth];
        (void)pthread_mutex_unlock(&pool->lock);
        pool->work(pool->context, slot->job);
        (void)pthread_mutex_lock(&pool->lock);
        slot->done = true;
        (void)pthread_cond_signal(&pool->work_done);
    }
    (void)pthread_mutex_unlock(&pool->lock);
    return NULL;
}

static void free_pool(struct pool *pool) {
    if (pool != NULL) {
        free(pool->thread);
        free(pool->slots);
        free(pool);
    }
}

struct pool *pool_start(size_t threads, size_t depth, void (*work)(void *context, void *job),
                        void *context, struct error *error) {
    struct pool *pool = calloc(1, sizeof *pool);
    if (pool == NULL || (pool->thread = calloc(threads, sizeof *pool->thread)) == NULL ||
        (pool->slots = calloc(depth, sizeof *pool->slots)) == NULL) {
        free_pool(pool);
        (void)fail(error, "no memory for %zu threads", threads);
        return NULL;
    }
    pool->depth = depth;
    pool->work = work;
    pool->context = context;
    (void)pthread_mutex_init(&pool->lock, NULL);
    (void)pthread_cond_init(&pool->work_ready, NULL);
    (void)pthread_cond_init(&pool->work_done, NULL);
    for (; pool->threads < threads; pool->threads++) {
        if (pthread_create(&pool->thread[pool->threads], NULL, run, pool) != 0) {
            pool_stop(pool);
            (void)fail(error, "cannot start %zu threads: ask for fewer with --threads", threads);
            return NULL;
        }
    }
    return pool;
}

bool pool_full(struct pool *pool) {
    return pool->put - pool->taken == pool->depth;
}

void pool_put(struct pool *pool, void *job) {
    (void)pthread_mutex_lock(&pool->lock);
    pool->slots[pool->put++ % pool->depth] = (struct pool_slot){.job = job};
    (void)pthread_cond_signal(&pool->work_ready);
    (void)pthread_mutex_unlock(&pool->lock);
}

void *pool_take(struct pool *pool) {
    if (pool->taken == pool->put) {
        return NULL;
    }
    (void)pthread_mutex_lock(&pool->lock);
    struct pool_slot *slot = &pool->slots[pool->taken % pool->depth];
    while (!slot->done) {
        (void)pthread_cond_wait(&pool->work_done, &pool->lock);
    }
    pool->taken++;
    void *job = slot->job;
    (void)pthread_mutex_unlock(&pool->lock);
    return job;
}

void pool_stop(struct pool *pool) {
    (void)pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    (void)pthread_cond_broadcast(&pool->work_ready);
    (void)pthread_mutex_unlock(&pool->lock);
    for (size_t i = 0; i < pool->threads; i++) {
        (void)pthread_join(pool->thread[i], NULL);
    }
    (void)pthread_mutex_destroy(&pool->lock);
    (void)pthread_cond_destroy(&pool->work_ready);
    (void)pthread_cond_destroy(&pool->work_done);
    free_pool(pool);
}

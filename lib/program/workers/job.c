// Results lie in one shared file, a slot each, mapped when a job first asks for them.
#include "program/workers/job.h"

#include "core/array.h"

#include <sys/mman.h>

struct result_mapping {
    void *address; // NULL: none
    size_t length;
};

// The mapping of the present slot, which may be empty; NULL without memory.
static struct result_mapping *present_mapping(struct worker_results *results) {
    const size_t known = results->capacity;
    struct result_mapping *mappings =
        array_grow(results->mappings, &results->capacity, results->slot + 1, sizeof *mappings);
    if (mappings == NULL) {
        return NULL;
    }
    for (size_t i = known; i < results->capacity; i++) {
        mappings[i] = (struct result_mapping){NULL, 0};
    }
    results->mappings = mappings;
    return &mappings[results->slot];
}

static bool map(const struct worker_results *results, struct result_mapping *mapping,
                size_t length) {
    if (mapping->address != NULL) {
        (void)munmap(mapping->address, mapping->length);
    }
    void *address = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, results->descriptor,
                         (off_t)(results->slot * WORKERS_MAX_RESULT));
    *mapping = address == MAP_FAILED ? (struct result_mapping){NULL, 0}
                                     : (struct result_mapping){address, length};
    return mapping->address != NULL;
}

void *worker_job_result(struct worker_job *job, size_t length) {
    struct worker_results *results = job->results;
    struct result_mapping *mapping = length <= WORKERS_MAX_RESULT ? present_mapping(results) : NULL;
    const size_t needed = length > 0 ? length : 1;
    results->length = 0;
    if (mapping == NULL || (mapping->length < needed && !map(results, mapping, needed))) {
        (void)fail(&job->message, "no memory for a result of %zu bytes", length);
        return NULL;
    }
    results->length = length;
    return mapping->address;
}

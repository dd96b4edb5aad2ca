// The CPU's memory: pages are there once they are touched, and no others.
#include "backend/backend.h"

// cmocka, which calls a macro of its own `fail`, comes behind our headers.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define LARGE_PAGE ((size_t)2 << 20)
#define SMALL_PAGES 512 // of as many bytes

static struct backend *open_backend(void) {
    struct error error;
    struct backend *backend = backend_open("cpu", PRECISION_F32, 1, &error);
    assert_non_null(backend);
    return backend;
}

// Pages of memory from `from` on that are there.
static size_t pages_there(void *from, size_t bytes) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    unsigned char there[SMALL_PAGES];
    size_t count = 0;
    assert_true(bytes / page <= SMALL_PAGES);
    assert_int_equal(mincore(from, bytes, there), 0);
    for (size_t i = 0; i < bytes / page; i++) {
        count += there[i] & 1;
    }
    return count;
}

static void the_end_of_large_memory_takes_small_pages(void **state) {
    struct backend *backend = open_backend();
    const size_t bytes = 2 * LARGE_PAGE + LARGE_PAGE / 2;
    char *memory = backend->calls->alloc(backend, bytes);
    (void)state;
    assert_non_null(memory);
    memory[0] = 1;
    memory[2 * LARGE_PAGE] = 1;
    assert_in_range(pages_there(memory + 2 * LARGE_PAGE, LARGE_PAGE), 1, 64);
    assert_int_equal(memory[bytes - 1], 0);
    backend->calls->release(backend, memory);
    backend->calls->close(backend);
}

static void what_is_discarded_is_not_there(void **state) {
    struct backend *backend = open_backend();
    char *memory = backend->calls->alloc(backend, 3 * LARGE_PAGE);
    (void)state;
    assert_non_null(memory);
    for (size_t i = 0; i < 3 * LARGE_PAGE; i++) {
        memory[i] = 1;
    }
    backend->calls->discard(backend, memory + LARGE_PAGE / 2, 2 * LARGE_PAGE);
    assert_int_equal(pages_there(memory + LARGE_PAGE, LARGE_PAGE), 0);
    assert_int_equal(memory[LARGE_PAGE / 2 - 1], 1);
    memory[LARGE_PAGE] = 1; // comes back alone
    assert_in_range(pages_there(memory + LARGE_PAGE, LARGE_PAGE), 1, 64);
    backend->calls->release(backend, memory);
    backend->calls->close(backend);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_end_of_large_memory_takes_small_pages),
                                       cmocka_unit_test(what_is_discarded_is_not_there)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

// The threads of a launched kernel's blocks.
//
// A kernel without barriers runs thread after thread. One with barriers runs every thread of a
// block on a stack of its own, switched at each barrier; a kernel's first launch runs so, and shows
// which kind it is. Where a later launch comes to a barrier all the same, its block starts anew on
// stacks.
#include "blocks.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <ucontext.h>

// Not a multiple of a page: tops of stacks that lie alike in their pages would share few of the
// cache's sets.
constexpr size_t stack_bytes = (96 << 10) + 5 * 64;

// Where a thread goes on. At each jump of the C library's, AddressSanitizer forgets what it knows
// of the stack, with system calls; the compiler's own jumps leave it alone, as every stack is gone
// on with.
using place = void *[5];
#define JUMPS __attribute__((noinline, no_sanitize("address")))

enum waiting { RUNS, AT_BARRIER, AT_SHUFFLE, ENDED };

// A thread's stacks serve block after block: what makes and clears them takes longer than most
// kernels.
struct block_of_fibers {
    const fake_kernel *kernel;
    ucontext_t context; // a stack's first; not on the stack that is left, where AddressSanitizer
                        // would guard it
    place main, fibers[most_threads];
    bool started[most_threads] = {};
    std::unique_ptr<char[]> stacks{new char[most_threads * stack_bytes]};
    waiting state[most_threads];
    uint32_t handed[most_threads];
    const void *lent[most_threads];
    unsigned count, current;
    bool waited; // some thread did
};

// In index.c. NULL: threads run one after the other.
extern __thread block_of_fibers *fake_fibers FAKE_INDEX;

namespace {

struct late_barrier {};

thread_local std::unique_ptr<block_of_fibers> kept;

// Which of the block's threads, from `first` on, runs next; `count`: none.
unsigned next_of(const block_of_fibers *all, unsigned first) {
    while (first < all->count && all->state[first] != RUNS) {
        first++;
    }
    return first;
}

// Goes on with the next thread that runs, or where run_fibers is.
JUMPS void leave(waiting why) {
    block_of_fibers *all = fake_fibers;
    if (all == nullptr) {
        throw late_barrier();
    }
    const unsigned self = all->current;
    const unsigned next = next_of(all, self + 1);
    all->state[self] = why;
    all->waited = all->waited || why != ENDED;
    if (__builtin_setjmp(all->fibers[self]) == 0) {
        if (next == all->count || !all->started[next]) {
            __builtin_longjmp(all->main, 1);
        }
        all->current = next;
        threadIdx = dim3(next);
        __builtin_longjmp(all->fibers[next], 1);
    }
}

void run(const fake_kernel &kernel) {
    kernel.run(kernel.kernel, kernel.argument);
}

void fiber_main() {
    for (;;) { // a thread of each block
        run(*fake_fibers->kernel);
        leave(ENDED);
    }
}

void start(block_of_fibers *all, unsigned i) {
    getcontext(&all->context);
    all->context.uc_stack.ss_sp = &all->stacks[i * stack_bytes];
    all->context.uc_stack.ss_size = stack_bytes;
    all->context.uc_link = nullptr;
    makecontext(&all->context, fiber_main, 0);
    all->started[i] = true;
    setcontext(&all->context);
}

// Runs a fiber, and those behind it, until they wait or end.
JUMPS void enter(block_of_fibers *all, unsigned i) {
    all->current = i;
    threadIdx = dim3(i);
    if (__builtin_setjmp(all->main) == 0) {
        if (all->started[i]) {
            __builtin_longjmp(all->fibers[i], 1);
        }
        start(all, i);
    }
}

// Whether all threads of [first, end) that have not ended wait for `why`.
bool all_wait(const block_of_fibers *all, unsigned first, unsigned end, waiting why) {
    bool found = false;
    for (unsigned i = first; i < end; i++) {
        if (all->state[i] != ENDED && all->state[i] != why) {
            return false;
        }
        found = found || all->state[i] == why;
    }
    return found;
}

void release(block_of_fibers *all, unsigned first, unsigned end) {
    for (unsigned i = first; i < end; i++) {
        all->state[i] = all->state[i] == ENDED ? ENDED : RUNS;
    }
}

// Returns whether some thread waited.
bool run_fibers(unsigned count, const fake_kernel &kernel) {
    if (kept == nullptr) {
        kept.reset(new block_of_fibers());
    }
    block_of_fibers *all = kept.get();
    all->kernel = &kernel;
    all->waited = false;
    all->count = count;
    std::fill_n(all->state, count, RUNS);
    fake_fibers = all;
    for (bool going = true; going;) {
        going = false;
        for (unsigned i = next_of(all, 0); i < count; i = next_of(all, i)) {
            enter(all, i);
            going = true;
        }
        for (unsigned warp = 0; warp < count; warp += 32) {
            const unsigned end = warp + 32 < count ? warp + 32 : count;
            if (all_wait(all, warp, end, AT_SHUFFLE)) {
                release(all, warp, end);
                going = true;
            }
        }
        if (all_wait(all, 0, count, AT_BARRIER)) {
            release(all, 0, count);
            going = true;
        }
    }
    fake_fibers = nullptr;
    for (unsigned i = 0; i < count; i++) {
        if (all->state[i] != ENDED) {
            fprintf(stderr, "fake CUDA: threads of a block wait for different things\n");
            abort();
        }
    }
    return all->waited;
}

// False: the first thread has come to a barrier, having changed nothing before it.
bool run_one_by_one(unsigned count, const fake_kernel &kernel) {
    for (unsigned i = 0; i < count; i++) {
        threadIdx = dim3(i);
        try {
            run(kernel);
        } catch (const late_barrier &) {
            if (i > 0) {
                fprintf(stderr, "fake CUDA: a barrier that not all threads of a block come to\n");
                abort();
            }
            return false;
        }
    }
    return true;
}

std::mutex kernels_lock;
std::map<const void *, bool> kernels; // seen before; whether they wait

} // namespace

void fake_run_blocks(const fake_kernel &kernel, dim3 blocks, dim3 threads) {
    bool known;
    bool waits;
    {
        const std::lock_guard<std::mutex> lock(kernels_lock);
        known = kernels.count(kernel.kernel) > 0;
        waits = !known || kernels[kernel.kernel];
    }
    bool waited = false;
    const size_t count = (size_t)blocks.x * blocks.y * blocks.z;
#pragma omp parallel for schedule(static) reduction(|| : waited)
    for (size_t i = 0; i < count; i++) {
        gridDim = blocks;
        blockDim = threads;
        blockIdx = dim3((unsigned)(i % blocks.x), (unsigned)(i / blocks.x % blocks.y),
                        (unsigned)(i / blocks.x / blocks.y));
        waited = ((waits || waited || !run_one_by_one(threads.x, kernel)) &&
                  run_fibers(threads.x, kernel)) ||
                 waited;
    }
    const std::lock_guard<std::mutex> lock(kernels_lock);
    kernels[kernel.kernel] = waited || (known && kernels[kernel.kernel]);
}

void __syncthreads() {
    leave(AT_BARRIER);
}

uint32_t fake_shuffle(uint32_t bits, unsigned from) {
    const unsigned self = threadIdx.x;
    block_of_fibers *all = fake_fibers;
    if (all != nullptr) {
        all->handed[self] = bits;
    }
    leave(AT_SHUFFLE);
    const uint32_t got = all->handed[(self & ~31u) + from];
    leave(AT_SHUFFLE); // nobody hands the next before all have taken this
    return got;
}

const void *const *fake_hand(const void *own) {
    block_of_fibers *all = fake_fibers;
    if (all != nullptr) {
        all->lent[threadIdx.x] = own;
    }
    leave(AT_SHUFFLE);
    return all->lent + (threadIdx.x & ~31u);
}

void fake_handed() {
    leave(AT_SHUFFLE);
}

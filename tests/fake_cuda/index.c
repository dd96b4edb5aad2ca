// Which thread of which block runs, and on which stacks (blocks.cc). A shared object of its own, so
// small that its thread-local memory is static, where an access is one instruction: in the
// stand-in's, which holds the kernels' shared memory, each would be a call.
struct index {
    unsigned x, y, z;
};

extern _Thread_local struct index threadIdx, blockIdx, blockDim, gridDim;

_Thread_local struct index threadIdx = {1, 1, 1};
_Thread_local struct index blockIdx = {1, 1, 1};
_Thread_local struct index blockDim = {1, 1, 1};
_Thread_local struct index gridDim = {1, 1, 1};

extern _Thread_local struct block_of_fibers *fake_fibers;
_Thread_local struct block_of_fibers *fake_fibers;

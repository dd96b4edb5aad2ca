// Modules, parts of the programs in files of their own, and libraries of the system, loaded when
// they are asked for. A program starts without the libraries that it may not need, and runs on
// machines that lack them.
#ifndef PLEURA_CORE_MODULE_H
#define PLEURA_CORE_MODULE_H

#include "core/error.h"

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct module {
    const char *file;     // beside the program that runs
    const char *variable; // of the environment, which names another file; NULL: none does
    const char *source;   // where the file comes from, for the message when it is not there
    const char *function; // by which the module is called
};

// The version, and a digest of all headers and tables of lib/ (such as that of the operations, by
// whose indices a module's kernels are found): what a program and its modules must agree on. Each
// has its own copy of the library, so each answers for itself.
const char *module_build(void);

// What a module shows besides its function: its module_build.
typedef const char *module_version(void);
#define MODULE_EXPORTED __attribute__((visibility("default")))
MODULE_EXPORTED module_version pleura_module_version;

// Loads a module, which stays to the end of the program, and puts its function's address into
// `function`, `size` bytes. False with *error for a file that is not there, cannot be loaded, or is
// of another build than the program.
CHECKED bool module_load(const struct module *module, void *function, size_t size,
                         struct error *error);

// Loads a shared library of the system, `file` as the linker would look for it, which stays to the
// end of the program, and puts the addresses of the `count` functions `names` one behind the other
// into `functions`. False with *error for a library that cannot be loaded or lacks one of them.
CHECKED bool module_load_library(const char *file, const char *const *names, size_t count,
                                 void *functions, struct error *error);

#ifdef __cplusplus
}
#endif

#endif

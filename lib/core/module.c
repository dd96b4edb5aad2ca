// Loading modules.
#include "core/module.h"

#include "core/file.h"
#include "core/version.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef MODULE_INTERFACE // the Makefile's digest, where there is one
#define MODULE_INTERFACE ""
#endif

const char *module_build(void) {
    return PLEURA_VERSION " " MODULE_INTERFACE;
}

static bool find_file(const struct module *module, char path[PATH_MAX], struct error *error) {
    const char *given = module->variable != NULL ? getenv(module->variable) : NULL;
    if (given != NULL) {
        return snprintf(path, PATH_MAX, "%s", given) < PATH_MAX ||
               fail(error, "%s: too long a path", module->variable);
    }
    char folder[PATH_MAX];
    if (!file_program_folder(folder, sizeof folder, error)) {
        return false;
    }
    return snprintf(path, PATH_MAX, "%s/%s", folder, module->file) < PATH_MAX ||
           fail(error, "%s: too long a path", folder);
}

// ISO C has no conversion from an object's address to a function's.
static bool find_function(void *file, const char *name, void *function, size_t size) {
    void *address = dlsym(file, name);
    memcpy(function, &address, size);
    return address != NULL;
}

bool module_load_library(const char *file, const char *const *names, size_t count, void *functions,
                         struct error *error) {
    void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        return fail(error, "%s", dlerror());
    }
    for (size_t i = 0; i < count; i++) {
        if (!find_function(library, names[i], (char *)functions + i * sizeof(void *),
                           sizeof(void *))) {
            return fail(error, "%s is of another version: it has no %s", file, names[i]);
        }
    }
    return true;
}

bool module_load(const struct module *module, void *function, size_t size, struct error *error) {
    char path[PATH_MAX];
    module_version *version;
    if (!find_file(module, path, error)) {
        return false;
    }
    if (access(path, R_OK) != 0) {
        return fail(error, "%s is not there: %s", path, module->source);
    }
    void *file = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (file == NULL) {
        return fail(error, "%s", dlerror());
    }
    return (find_function(file, "pleura_module_version", &version, sizeof version) &&
            strcmp(version(), module_build()) == 0 &&
            find_function(file, module->function, function, size)) ||
           fail(error, "%s is not of this program's build: %s", path, module->source);
}

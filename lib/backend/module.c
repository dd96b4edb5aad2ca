// Loading the CUDA backend.
#include "backend/module.h"

#include "core/version.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Where the module is: beside the program that runs.
static bool find_module(char path[PATH_MAX], struct error *error) {
    const char *given = getenv("PLEURA_CUDA");
    if (given != NULL) {
        return snprintf(path, PATH_MAX, "%s", given) < PATH_MAX || fail(error, "too long a path");
    }
    const ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - sizeof MODULE_FILE);
    if (length <= 0) {
        return fail(error, "/proc/self/exe cannot be read");
    }
    path[length] = '\0';
    char *name = strrchr(path, '/') + 1;
    memcpy(name, MODULE_FILE, sizeof MODULE_FILE);
    return true;
}

// ISO C has no conversion from an object's address to a function's.
static bool find_function(void *module, const char *name, void *function, size_t size) {
    void *address = dlsym(module, name);
    memcpy(function, &address, size);
    return address != NULL;
}

struct backend *module_open(const char *device, enum precision precision, struct error *error) {
    char path[PATH_MAX];
    char *end = NULL;
    const long number = device[4] == ':' ? strtol(device + 5, &end, 10) : 0;
    if (end != NULL && (end == device + 5 || *end != '\0' || number < 0 || number > 1023)) {
        (void)fail(error, "--device %s: cuda:N takes a number from 0 on", device);
        return NULL;
    }
    if (!find_module(path, error)) {
        return NULL;
    }
    if (access(path, R_OK) != 0) {
        (void)fail(error,
                   "--device %s: %s is not there: `make` builds it where the CUDA toolkit and "
                   "cuDNN are found",
                   device, path);
        return NULL;
    }
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL); // stays to the end of the program
    if (module == NULL) {
        (void)fail(error, "--device %s: %s", device, dlerror());
        return NULL;
    }
    module_version *version;
    module_opener *opener;
    if (!find_function(module, "pleura_cuda_version", &version, sizeof version) ||
        !find_function(module, "pleura_cuda_open", &opener, sizeof opener) ||
        strcmp(version(), PLEURA_VERSION) != 0) {
        (void)fail(error, "--device %s: %s is not of this program's version", device, path);
        return NULL;
    }
    return opener((int)number, precision, error);
}

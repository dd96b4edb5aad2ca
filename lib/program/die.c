// Ending on an error, in one line.
#include "program/die.h"

#include "core/error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

// A program that dies leaves its memory to the system; the leak checker asks here.
#ifdef __SANITIZE_ADDRESS__
static bool dying;
__attribute__((visibility("default"))) int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void) {
    return dying;
}
#define DYING() (dying = true)
#else
#define DYING() (void)0
#endif

void die(const char *format, ...) {
    DYING();
    va_list arguments;
    va_start(arguments, format);
    warn_of(format, arguments, "");
    va_end(arguments);
    exit(1);
}

void die_usage(const char *format, ...) {
    DYING();
    char hint[300];
    (void)snprintf(hint, sizeof hint, "Try '%s --help'.\n", program_invocation_short_name);
    va_list arguments;
    va_start(arguments, format);
    warn_of(format, arguments, hint);
    va_end(arguments);
    exit(2);
}

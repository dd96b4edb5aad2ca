// Errors as values, and the two ways for a program to end on one.
#include "core/error.h"

#include "core/utf8.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#undef fail
#undef fail_within

bool fail(struct error *error, const char *format, ...) {
    if (error == NULL) {
        return false;
    }
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    return false;
}

bool fail_within(struct error *error, const char *format, ...) {
    if (error == NULL) {
        return false;
    }
    const struct error inner = *error;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    const size_t used = strlen(error->text);
    (void)snprintf(error->text + used, sizeof error->text - used, ": %s", inner.text);
    return false;
}

// One write a message, so that the lines of programs in a pipe do not mix. Ids, names and paths in
// it come from files, so nothing reaches the terminal that could steer it or begin another line.
static void say(const char *format, va_list arguments, const char *more) {
    char line[1400];
    char shown[2800];
    int used = snprintf(line, sizeof line, "%s: ", program_invocation_short_name);
    if (used < 0 || (size_t)used >= sizeof line) {
        used = 0;
    }
    (void)vsnprintf(line + used, sizeof line - (size_t)used, format, arguments);
    utf8_show_text(line, strlen(line), shown, sizeof shown);
    (void)fflush(stdout);
    (void)fprintf(stderr, "%s\n%s", shown, more);
}

void warn(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments, "");
    va_end(arguments);
}

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
    say(format, arguments, "");
    va_end(arguments);
    exit(1);
}

void die_usage(const char *format, ...) {
    DYING();
    char hint[300];
    (void)snprintf(hint, sizeof hint, "Try '%s --help'.\n", program_invocation_short_name);
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments, hint);
    va_end(arguments);
    exit(2);
}

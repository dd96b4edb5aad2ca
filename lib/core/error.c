// Errors as values, and lines on stderr.
#include "core/error.h"

#include "core/text/utf8.h"

#include <errno.h>
#include <stdio.h>
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
void warn_of(const char *format, va_list arguments, const char *more) {
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
    warn_of(format, arguments, "");
    va_end(arguments);
}

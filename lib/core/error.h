// Errors as values: library functions return false and say in words what is wrong; programs end
// with it (program/die.h).
#ifndef PLEURA_CORE_ERROR_H
#define PLEURA_CORE_ERROR_H

#include <stdarg.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

// The compiler insists that the result is read.
#define CHECKED __attribute__((warn_unused_result))

// What went wrong, in words for a user, without a program's or a file's name in front.
struct error {
    char text[512];
};

// Fills *error (which may be NULL) with a formatted text. Always false: `return fail(error, ...)`.
bool fail(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

// Puts a formatted text and ": " before what *error says already. Always false.
bool fail_within(struct error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// For those who prove things about callers: what fail returns is known.
#ifdef __clang_analyzer__
#define fail(...) ((fail)(__VA_ARGS__), false)
#define fail_within(...) ((fail_within)(__VA_ARGS__), false)
#endif

// Says `NAME: text` on stderr, in one line that holds nothing which could steer a terminal
// (utf8_show).
void warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

// The same of a list of arguments; `more` follows behind the line as it is ("" for nothing).
void warn_of(const char *format, va_list arguments, const char *more);

#ifdef __cplusplus
}
#endif

#endif

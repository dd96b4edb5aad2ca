// The two ways for a program to end on an error.
#ifndef PLEURA_PROGRAM_DIE_H
#define PLEURA_PROGRAM_DIE_H

// Says `NAME: text` on stderr, as warn does, and ends the program with status 1.
__attribute__((noreturn)) void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

// The same with status 2 and a hint at --help: the command line was wrong.
__attribute__((noreturn)) void die_usage(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

#endif

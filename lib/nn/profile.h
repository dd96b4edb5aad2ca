// Where a network's time goes: for each operation and pass, calls, time, arithmetic and traffic.
#ifndef PLEURA_NN_PROFILE_H
#define PLEURA_NN_PROFILE_H

#include <stddef.h>
#include <stdio.h>

#define PROFILE_ROWS 64

// One kind of work. FLOP are those of convolutions and products; bytes are what its inputs and
// outputs hold.
struct profile_row {
    const char *what, *pass; // borrowed
    size_t calls;
    double seconds, flop, bytes;
};

struct profile {
    struct profile_row rows[PROFILE_ROWS];
    size_t count;
};

// Adds one call's figures to its row; beyond PROFILE_ROWS kinds it is left out.
void profile_add(struct profile *profile, const struct profile_row *call);

// Prints a table, what takes longest first.
void profile_print(const struct profile *profile, FILE *file);

#endif

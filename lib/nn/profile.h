// Where a network's time goes: for each operation, pass and method, calls, time, arithmetic and
// traffic; and the same for each layer whose operation chooses among methods.
#ifndef PLEURA_NN_PROFILE_H
#define PLEURA_NN_PROFILE_H

#include <stddef.h>
#include <stdio.h>

#define PROFILE_ROWS 1024

// One kind of work. FLOP are those of convolutions and products; bytes are what its inputs and
// outputs hold. Texts are borrowed: they live until the profile has been printed.
struct profile_row {
    const char *what, *pass;
    const char *method; // the one that a layer took; NULL: the operation has one
    const char *layer;  // NULL: of none
    size_t calls;
    double seconds, flop, bytes;
};

struct profile {
    struct profile_row rows[PROFILE_ROWS];
    size_t count;
};

// Adds one call's figures to its row; beyond PROFILE_ROWS kinds it is left out.
void profile_add(struct profile *profile, const struct profile_row *call);

// Prints a table of operations, what takes longest first, and one of the layers that chose a
// method, in the order in which they ran.
void profile_print(const struct profile *profile, FILE *file);

#endif

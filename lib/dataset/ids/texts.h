// Copies of texts that never move, freed all at once.
#ifndef PLEURA_DATASET_IDS_TEXTS_H
#define PLEURA_DATASET_IDS_TEXTS_H

#include "stream/record.h"

// Starts as zeros.
struct texts {
    struct texts_block *blocks;
};

// Copies a text into *kept, which lives until texts_free. Fails without memory.
CHECKED bool texts_keep(struct texts *texts, struct text text, struct text *kept,
                        struct error *error);

void texts_free(struct texts *texts);

#endif

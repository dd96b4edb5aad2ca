// Ranks.
#include "train/checkpoint/best_list.h"

#include <string.h>

bool best_list_add(struct best_list *list, struct ranked evaluation, int64_t *dropped) {
    size_t rank = list->count;
    *dropped = 0;
    while (rank > 0 && list->items[rank - 1].score < evaluation.score) {
        rank--;
    }
    if (rank == list->limit) {
        return false;
    }
    if (list->count == list->limit) {
        *dropped = list->items[--list->count].iteration;
    }
    memmove(&list->items[rank + 1], &list->items[rank], (list->count - rank) * sizeof *list->items);
    list->items[rank] = evaluation;
    list->count++;
    return true;
}

bool best_list_has(const struct best_list *list, int64_t iteration) {
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].iteration == iteration) {
            return true;
        }
    }
    return false;
}

// Files of weights.
#include "weights/file.h"

#include "weights/checkpoint.h"

bool weights_read_file(const char *path, struct weight_table *table, struct error *error) {
    return checkpoint_read(path, table, error);
}

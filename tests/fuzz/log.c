// Fuzzes log_line_read, the way events reads a line of a log.
#include "fuzz.h"

#include "program/tensorboard/log_line.h"

#include <math.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    struct log_line line;
    struct error error = {""};
    if (!log_line_read(&line, (const char *)bytes, length, &error)) {
        PROMISE(error.text[0] != 0 && line.object == NULL);
        return 0;
    }
    PROMISE(line.iteration >= 0 && line.time >= 0 && line.count <= MAX_LOG_VALUES);
    for (size_t i = 0; i < line.count; i++) {
        PROMISE(isfinite(line.values[i].value));
        for (size_t k = 0; k < i; k++) {
            PROMISE(strcmp(line.values[i].name, line.values[k].name) != 0);
        }
    }
    log_line_free(&line);
    return 0;
}

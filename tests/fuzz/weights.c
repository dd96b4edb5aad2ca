// Fuzzes files of weights from elsewhere: .safetensors, models of ONNX, and .pth of both kinds with
// their pickled programs. Checkpoints of ours are tensor streams (stream.c).
#include "fuzz.h"

#include "weights/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    struct weight_table table = {.count = 0};
    struct error error = {""};
    if (weights_read_bytes(bytes, length, &table, &error)) {
        size_t numbers = 0;
        PROMISE(table.count > 0);
        for (size_t i = 0; i < table.count; i++) {
            const struct weight *weight = &table.weights[i];
            size_t count = 1;
            for (size_t k = 0; k < weight->rank; k++) {
                count *= weight->shape[k];
            }
            PROMISE(count == weight->count);
            numbers += count;
            PROMISE(weight_table_find(&table, weight->name) == weight);
        }
        PROMISE(numbers * sizeof(float) <= (size_t)60 << 20);
    } else {
        PROMISE(error.text[0] != 0);
    }
    weight_table_free(&table);
    return 0;
}

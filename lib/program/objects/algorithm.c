// Describing the algorithm.
#include "program/objects/algorithm.h"

#include "program/die.h"
#include "stream/digest.h"
#include "weights/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void describe_weights(struct algorithm *algorithm, const struct option_files *weights) {
    char network[ALGORITHM_TEXT_SIZE] = ""; // of all files; empty where they have not one
    uint64_t *digests = calloc(weights->count + 1, sizeof *digests);
    if (digests == NULL) {
        die("no memory");
    }
    for (size_t i = 0; i < weights->count; i++) {
        struct weights_description file = {.digest = 0};
        struct error error;
        if (!weights_describe(weights->paths[i], &file, &error)) {
            die("%s", error.text);
        }
        digests[i] = file.digest;
        if (i == 0) {
            (void)snprintf(network, sizeof network, "%.40s", file.network);
        } else if (strncmp(network, file.network, 40) != 0) {
            network[0] = 0;
        }
    }
    if (weights->count > 0) {
        const uint64_t digest =
            weights->count == 1 ? digests[0] : digest_of(digests, weights->count * sizeof *digests);
        (void)snprintf(algorithm->version, sizeof algorithm->version, "xxh3 %016llx",
                       (unsigned long long)digest);
    }
    (void)snprintf(algorithm->name, sizeof algorithm->name, "Pleura%s%.40s",
                   network[0] != '\0' ? " " : "", network);
    free(digests);
}

void algorithm_describe(struct algorithm *algorithm, const struct option_files *weights,
                        const char *name) {
    for (const char *letter = name != NULL ? name : ""; *letter != '\0'; letter++) {
        if (*letter < ' ' || *letter > '~' || *letter == '\\') {
            die_usage("--algorithm: only ASCII, and no backslash");
        }
    }
    if (name != NULL && strlen(name) >= ALGORITHM_TEXT_SIZE) {
        die_usage("--algorithm: 64 characters at most");
    }
    (void)snprintf(algorithm->version, sizeof algorithm->version, "unknown");
    describe_weights(algorithm, weights);
    if (name != NULL) {
        (void)snprintf(algorithm->name, sizeof algorithm->name, "%s", name);
    }
}

// Describing the algorithm.
#include "program/objects/algorithm.h"

#include "core/file.h"
#include "program/die.h"
#include "stream/digest.h"
#include "weights/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FILE ((size_t)1 << 33) // bytes

// Puts the file's digest, and the network's name ("": it says none) if it has one for all.
static bool read_weights(const char *path, char *network, uint64_t *digest) {
    static struct weight_table tables[WEIGHTS_MAX_NETWORKS];
    size_t count = 0;
    bool same = true;
    struct error error;
    struct file_view view;
    if (!file_view_open(path, MAX_FILE, &view, &error)) {
        die("%s: %s", path, error.text);
    }
    *digest = digest_of(view.bytes, view.length);
    file_view_close(&view);
    if (!weights_read_networks(path, tables, WEIGHTS_MAX_NETWORKS, &count, &error)) {
        die("%s", error.text);
    }
    for (size_t k = 0; k < count; k++) {
        const char *name = tables[k].network != NULL ? tables[k].network : "";
        same = same && (k == 0 || strcmp(network, name) == 0);
        (void)snprintf(network, ALGORITHM_TEXT_SIZE, "%s", name);
        weight_table_free(&tables[k]);
    }
    return same;
}

static void describe_weights(struct algorithm *algorithm, const struct option_files *weights) {
    char network[ALGORITHM_TEXT_SIZE] = "";
    char other[ALGORITHM_TEXT_SIZE] = "";
    bool same = true;
    uint64_t *digests = calloc(weights->count + 1, sizeof *digests);
    if (digests == NULL) {
        die("no memory");
    }
    for (size_t i = 0; i < weights->count; i++) {
        same = read_weights(weights->paths[i], i == 0 ? network : other, &digests[i]) && same;
        same = same && (i == 0 || strcmp(network, other) == 0);
    }
    if (weights->count > 0) {
        const uint64_t digest =
            weights->count == 1 ? digests[0] : digest_of(digests, weights->count * sizeof *digests);
        (void)snprintf(algorithm->version, sizeof algorithm->version, "xxh3 %016llx",
                       (unsigned long long)digest);
    }
    (void)snprintf(algorithm->name, sizeof algorithm->name, "Pleura%s%.40s",
                   same && network[0] != '\0' ? " " : "", same ? network : "");
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

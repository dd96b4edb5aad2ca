// parity [--device cpu] [--precision f32] FIXTURE.json...: does this library compute the recorded
// figures? One JSON line a figure; exit 1 when one differs. The kind of a fixture is read off its
// members.
#include "parity.h"
#include "program/die.h"

#include "backend/backend.h"
#include "core/error.h"

#include <inttypes.h>
#include <libgen.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void parity_figure(struct parity *parity, const char *figure, bool equal) {
    (void)printf("{\"fixture\":\"%s\",\"figure\":\"%s\",\"ok\":%s}\n", parity->fixture, figure,
                 equal ? "true" : "false");
    parity->passed += equal;
    parity->failed += !equal;
}

void hash_uniform(const char *name, size_t count, double *values) {
    uint64_t hash = 0xCBF29CE484222325u;
    for (const char *letter = name; *letter; letter++) {
        hash = (hash ^ (unsigned char)*letter) * 0x100000001B3u;
    }
    for (size_t i = 0; i < count; i++) {
        uint64_t z = hash + (i + 1) * 0x9E3779B97F4A7C15u;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
        z ^= z >> 31;
        values[i] = (double)(z >> 11) * 0x1p-52 - 1.0;
    }
}

const json_t *member(const json_t *object, const char *name) {
    const json_t *value = json_object_get(object, name);
    if (value == NULL) {
        die("a fixture lacks '%s'", name);
    }
    return value;
}

const char *text_member(const json_t *object, const char *name) {
    const char *text = json_string_value(member(object, name));
    if (text == NULL) {
        die("'%s' of a fixture is not a text", name);
    }
    return text;
}

double number_member(const json_t *object, const char *name) {
    const json_t *value = member(object, name);
    if (!json_is_number(value)) {
        die("'%s' of a fixture is not a number", name);
    }
    return json_number_value(value);
}

int64_t integer_member(const json_t *object, const char *name) {
    const json_t *value = member(object, name);
    if (!json_is_integer(value)) {
        die("'%s' of a fixture is not a whole number", name);
    }
    return json_integer_value(value);
}

double described_error(const json_t *description, const float *values) {
    const json_t *shape = member(description, "shape");
    const json_t *samples = member(description, "at");
    const double norm = number_member(description, "norm");
    size_t count = 1;
    for (size_t i = 0; i < json_array_size(shape); i++) {
        count *= (size_t)json_integer_value(json_array_get(shape, i));
    }
    double squares = 0;
    for (size_t i = 0; i < count; i++) {
        squares += (double)values[i] * (double)values[i];
    }
    double distance = 0;
    double length = 0;
    const size_t sampled = json_array_size(samples);
    for (size_t i = 0; i < sampled; i++) {
        const json_t *sample = json_array_get(samples, i);
        const size_t index = (size_t)json_integer_value(json_array_get(sample, 0));
        const double wanted = json_number_value(json_array_get(sample, 1));
        if (index >= count) {
            die("a sample of a fixture lies outside of its tensor");
        }
        distance += ((double)values[index] - wanted) * ((double)values[index] - wanted);
        length += wanted * wanted;
    }
    // Where the samples happen to be small, what such a number of elements weighs on average.
    const double usual = norm * norm * (double)sampled / (double)count;
    const double scale = sqrt(length > usual ? length : usual) + 1e-300;
    const double of_norm = fabs(sqrt(squares) - norm) / (norm + 1e-300);
    const double of_samples = sqrt(distance) / scale;
    return of_norm > of_samples ? of_norm : of_samples;
}

static void compare(struct parity *parity, char *path) {
    json_error_t problem;
    json_t *fixture = json_load_file(path, 0, &problem);
    if (fixture == NULL) {
        die("%s: line %d: %s", path, problem.line, problem.text);
    }
    parity->fixture = basename(path);
    if (json_object_get(fixture, "permutation") != NULL) {
        parity_data(parity, fixture);
    } else if (json_object_get(fixture, "cases") != NULL) {
        parity_losses(parity, fixture);
    } else if (json_object_get(fixture, "trace") != NULL) {
        parity_trace(parity, fixture);
    } else if (json_object_get(fixture, "network") != NULL) {
        parity_network(parity, fixture);
    } else {
        die("%s: a kind of fixture that is not known here", path);
    }
    json_decref(fixture);
}

int main(int argc, char **argv) {
    struct parity parity = {.device = "cpu", .precision = "f32"};
    int first = 1;
    backend_prepare(argv);
    for (; first + 1 < argc && strncmp(argv[first], "--", 2) == 0; first += 2) {
        if (strcmp(argv[first], "--device") == 0) {
            parity.device = argv[first + 1];
        } else if (strcmp(argv[first], "--precision") == 0) {
            parity.precision = argv[first + 1];
        } else {
            die_usage("parity knows --device and --precision, not %s", argv[first]);
        }
    }
    if (first >= argc) {
        die_usage("name the fixtures: parity FIXTURE.json...");
    }
    for (int i = first; i < argc; i++) {
        compare(&parity, argv[i]);
    }
    return parity.failed == 0 ? 0 : 1;
}

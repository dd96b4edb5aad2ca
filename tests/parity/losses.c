// The figures of losses.json: values and gradients of the losses on hash-made logits.
#include "parity.h"
#include "program/die.h"

#include "core/error.h"
#include "image/runs.h"
#include "loss/lovasz/lovasz.h"
#include "loss/total_loss.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VALUE_TOLERANCE 1e-5    // relative
#define GRADIENT_TOLERANCE 1e-4 // of the L2 norm

struct loss_case {
    size_t images, pixels;
    float *logits;
    uint8_t *masks;
    float *gradient;
};

static void *need(size_t count, size_t size) {
    void *memory = calloc(count, size);
    if (memory == NULL) {
        die("no memory");
    }
    return memory;
}

static void draw_masks(struct loss_case *loss_case, const json_t *entry, size_t height,
                       size_t width) {
    struct runs runs = {0};
    struct error error;
    for (size_t image = 0; image < loss_case->images; image++) {
        const char *text = json_string_value(json_array_get(member(entry, "mask"), image));
        struct image mask = {loss_case->masks + image * height * width, height, width};
        if (text == NULL || !runs_parse(&runs, text, strlen(text), height, width, &error)) {
            die("a mask of a fixture cannot be read");
        }
        runs_draw(&mask, &runs);
    }
    runs_free(&runs);
}

static struct loss_case make_case(const json_t *entry) {
    const json_t *shape = member(entry, "shape");
    const size_t images = (size_t)json_integer_value(json_array_get(shape, 0));
    const size_t height = (size_t)json_integer_value(json_array_get(shape, 2));
    const size_t width = (size_t)json_integer_value(json_array_get(shape, 3));
    const size_t count = images * height * width;
    struct loss_case loss_case = {images, height * width, need(count, sizeof(float)),
                                  need(count, 1), need(count, sizeof(float))};
    double *values = need(count, sizeof *values);
    hash_uniform(text_member(entry, "logits"), count, values);
    for (size_t i = 0; i < count; i++) {
        loss_case.logits[i] = (float)(values[i] * number_member(entry, "scale"));
    }
    free(values);
    draw_masks(&loss_case, entry, height, width);
    return loss_case;
}

static void compare_loss(struct parity *parity, const char *name, const json_t *recorded,
                         const struct loss_case *loss_case, double value) {
    const json_t *gradient = json_object_get(recorded, "gradient");
    const double wanted = number_member(recorded, "value");
    const double value_error = fabs(value - wanted) / (fabs(wanted) + 1e-300);
    const double gradient_error =
        gradient != NULL ? described_error(gradient, loss_case->gradient) : 0;
    char figure[200];
    (void)snprintf(figure, sizeof figure, "%s: value %.1e, gradient %.1e", name, value_error,
                   gradient_error);
    parity_figure(parity, figure,
                  value_error <= VALUE_TOLERANCE && gradient_error <= GRADIENT_TOLERANCE);
}

// One term alone, on one head; the gradient goes to loss_case->gradient.
static double loss_of(const struct loss_case *loss_case, int term, double margin_lesion) {
    float none[2] = {0};
    const struct loss_inputs inputs = {.heads = 1,
                                       .images = loss_case->images,
                                       .pixels = loss_case->pixels,
                                       .logits = {loss_case->logits},
                                       .masks = loss_case->masks,
                                       .global = none,
                                       .gradients = {loss_case->gradient},
                                       .global_gradient = none};
    struct loss_options options = loss_options_usual();
    for (int i = 0; i < LOSSES; i++) {
        options.weights[i] = i == term ? 1 : 0;
    }
    options.values[LOSS_lovasz][LOVASZ_MARGIN_LESION] = margin_lesion;
    void *scratch = need(total_loss_scratch(&inputs, &options, 1), 1);
    const double value = total_loss(&inputs, &options, 1, 1, scratch).total;
    free(scratch);
    return value;
}

static void compare_case(struct parity *parity, const json_t *entry) {
    static const struct {
        const char *name;
        int term;
        double margin_lesion; // of the Lovasz hinge
    } losses[] = {{"balanced_bce", LOSS_bce, 1},
                  {"lovasz_margin_1_5", LOSS_lovasz, 5},
                  {"lovasz_margin_1_1", LOSS_lovasz, 1}};
    struct loss_case loss_case = make_case(entry);
    for (size_t i = 0; i < sizeof losses / sizeof *losses; i++) {
        char name[100];
        const double value = loss_of(&loss_case, losses[i].term, losses[i].margin_lesion);
        (void)snprintf(name, sizeof name, "%s of %s", losses[i].name, text_member(entry, "name"));
        compare_loss(parity, name, member(entry, losses[i].name), &loss_case, value);
    }
    free(loss_case.logits);
    free(loss_case.masks);
    free(loss_case.gradient);
}

void parity_losses(struct parity *parity, const json_t *fixture) {
    size_t i;
    const json_t *entry;
    json_array_foreach(member(fixture, "cases"), i, entry) {
        compare_case(parity, entry);
    }
}

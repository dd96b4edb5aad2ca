// Positions to images: which list, which cycle of it, which place in that cycle's order.
#include "dataset/sampler.h"

#include "core/numbers/random.h"

#include <math.h>
#include <stdlib.h>

#define MILLION 1000000

// floor(i * R) for the share R in millionths: exact, whatever R looks like in binary.
static uint64_t lesions_before(uint64_t position, double balance) {
    const uint64_t share = (uint64_t)lround(balance * MILLION);
    return position / MILLION * share + position % MILLION * share / MILLION;
}

static bool list_alloc(struct sampler_list *list, size_t count, uint64_t draw,
                       struct error *error) {
    *list = (struct sampler_list){.cycle = UINT64_MAX, .draw = draw};
    list->members = malloc((count + 1) * sizeof *list->members);
    list->order = malloc((count + 1) * sizeof *list->order);
    if (list->members == NULL || list->order == NULL) {
        return fail(error, "no memory for the order of %zu images", count);
    }
    return true;
}

// Deals the images out to the lists that the options ask for.
static void deal(struct sampler *sampler, const uint32_t *order, size_t count,
                 const bool *has_lesion) {
    const struct sampler_options *options = &sampler->options;
    for (size_t i = 0; i < count; i++) {
        const uint32_t image = order[i];
        if (options->lesion_only && !has_lesion[image]) {
            continue;
        }
        const bool second = options->balance >= 0 && !has_lesion[image];
        struct sampler_list *list = &sampler->lists[second];
        list->members[list->count++] = image;
    }
}

static bool check_lists(const struct sampler *sampler, size_t count, struct error *error) {
    const struct sampler_options *options = &sampler->options;
    const size_t lesions = sampler->lists[0].count;
    if (options->balance >= 0) {
        const uint64_t share = lesions_before(MILLION, options->balance);
        if ((share > 0 && lesions == 0) || (share < MILLION && sampler->lists[1].count == 0)) {
            return fail(error, "no samples %s a lesion to balance with",
                        lesions == 0 ? "with" : "without");
        }
    } else if (lesions == 0) {
        return fail(error, "no samples%s", count > 0 ? " with a lesion" : "");
    }
    if (sampler->epoch_length == 0) {
        return fail(error, "no samples: %zu images do not fill a batch of %zu",
                    lesions + sampler->lists[1].count, options->batch);
    }
    return true;
}

static void measure(struct sampler *sampler) {
    const struct sampler_options *options = &sampler->options;
    struct sampler_list *lists = sampler->lists;
    const uint64_t images = lists[0].count + lists[1].count;
    sampler->epoch_length = images - images % options->batch;
    // Balanced lists are cycled whole: their cycles end where they end, not with an epoch.
    const bool balanced = options->balance >= 0;
    lists[0].length = balanced ? lists[0].count : (size_t)sampler->epoch_length;
    lists[1].length = lists[1].count;
    sampler->total = UINT64_MAX;
    if (options->epochs > 0 &&
        __builtin_mul_overflow(options->epochs, sampler->epoch_length, &sampler->total)) {
        sampler->total = UINT64_MAX;
    }
    if (options->samples > 0 && options->samples < sampler->total) {
        sampler->total = options->samples;
    }
}

bool sampler_init(struct sampler *sampler, const struct sampler_options *options,
                  const uint32_t *order, size_t count, const bool *has_lesion,
                  struct error *error) {
    const bool balanced = options->balance >= 0;
    *sampler = (struct sampler){.options = *options};
    if (!list_alloc(&sampler->lists[0], count, balanced ? DRAW_LESION : DRAW_ORDER, error) ||
        !list_alloc(&sampler->lists[1], balanced ? count : 0, DRAW_EMPTY, error)) {
        sampler_free(sampler);
        return false;
    }
    deal(sampler, order, count, has_lesion);
    measure(sampler);
    if (!check_lists(sampler, count, error)) {
        sampler_free(sampler);
        return false;
    }
    return true;
}

// The image at position `turn` of a list that is gone through again and again.
static uint32_t list_at(struct sampler_list *list, const struct sampler_options *options,
                        uint64_t turn) {
    const uint64_t cycle = turn / list->length;
    const size_t place = (size_t)(turn % list->length);
    if (!options->shuffle) {
        return list->members[place];
    }
    if (list->cycle != cycle) {
        struct random random = random_seed(options->seed, list->draw, cycle);
        random_shuffle(&random, list->order, list->count);
        list->cycle = cycle;
    }
    return list->members[list->order[place]];
}

struct sampler_pick sampler_at(struct sampler *sampler, uint64_t position) {
    const struct sampler_options *options = &sampler->options;
    struct sampler_pick sample = {.epoch = position / sampler->epoch_length};
    if (options->balance < 0) {
        sample.image = list_at(&sampler->lists[0], options, position);
        return sample;
    }
    const uint64_t before = lesions_before(position, options->balance);
    if (lesions_before(position + 1, options->balance) > before) {
        sample.image = list_at(&sampler->lists[0], options, before);
    } else {
        sample.image = list_at(&sampler->lists[1], options, position - before);
    }
    return sample;
}

void sampler_free(struct sampler *sampler) {
    for (size_t i = 0; i < 2; i++) {
        free(sampler->lists[i].members);
        free(sampler->lists[i].order);
    }
    *sampler = (struct sampler){.total = 0};
}

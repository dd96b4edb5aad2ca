// Positions to images: which list, which cycle of it, which index in that cycle's order.
#include "dataset/sampler.h"

#include "core/numbers/random.h"

#include <math.h>
#include <stdlib.h>

#define MILLION 1000000
#define MAX_SLIDE ((uint64_t)1e15) // samples, so that products below fit into 128 bits

__extension__ typedef unsigned __int128 wide;

// A share in millionths: exact, whatever it looks like in binary.
static uint64_t share_of(double balance) {
    return (uint64_t)lround(balance * MILLION);
}

static uint64_t first_share(const struct sampler_options *options) {
    return share_of(options->balance);
}

static uint64_t last_share(const struct sampler_options *options) {
    return share_of(options->balance_end >= 0 ? options->balance_end : options->balance);
}

static bool slides(const struct sampler_options *options) {
    return options->balance >= 0 && last_share(options) != first_share(options);
}

// How many of the first `position` samples have a lesion.
static uint64_t lesions_before(const struct sampler *sampler, uint64_t position) {
    const uint64_t first = first_share(&sampler->options);
    const uint64_t last = last_share(&sampler->options);
    if (first == last) {
        return position / MILLION * first + position % MILLION * first / MILLION;
    }
    // 2 n i R + i^2 (E - R), in two terms that are not negative
    const wide total = sampler->total;
    const wide twice = position * (2 * total - position) * first + (wide)position * position * last;
    return (uint64_t)(twice / (2 * total * MILLION));
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
    const size_t others = sampler->lists[1].count;
    if (options->balance >= 0) {
        const uint64_t shares = first_share(options) + last_share(options);
        if ((shares > 0 && lesions == 0) || (shares < (uint64_t)2 * MILLION && others == 0)) {
            return fail(error, "no samples %s a lesion to balance with",
                        lesions == 0 ? "with" : "without");
        }
        if (options->lesion_epochs && shares == 0) {
            return fail(error, "a share of 0 never goes through the images with a lesion");
        }
    } else if (lesions == 0) {
        return fail(error, "no samples%s", count > 0 ? " with a lesion" : "");
    }
    if (lesions + others < options->batch) {
        return fail(error, "no samples: %zu images do not fill a batch of %zu", lesions + others,
                    options->batch);
    }
    if (sampler->total == 0) {
        return fail(error,
                    "no samples: epochs of %zu images with a lesion do not fill a batch of %zu",
                    lesions, options->batch);
    }
    if (slides(options) && sampler->total > MAX_SLIDE) {
        return fail(error, "a share that slides needs an end, after at most %g samples",
                    (double)MAX_SLIDE);
    }
    return true;
}

// The samples of `epochs` passes over the lesion images, in whole batches.
static uint64_t lesion_total(const struct sampler *sampler) {
    const struct sampler_options *options = &sampler->options;
    const wide shares = first_share(options) + last_share(options);
    const wide lesions = (wide)options->epochs * sampler->lists[0].count;
    const wide total = shares > 0 ? (lesions * 2 * MILLION + shares - 1) / shares : 0;
    return total > UINT64_MAX ? UINT64_MAX : (uint64_t)(total - total % options->batch);
}

static uint64_t epochs_total(const struct sampler *sampler) {
    const struct sampler_options *options = &sampler->options;
    uint64_t total = UINT64_MAX;
    if (options->epochs == 0) {
        return UINT64_MAX;
    }
    if (options->balance >= 0 && options->lesion_epochs) {
        return lesion_total(sampler);
    }
    return __builtin_mul_overflow(options->epochs, sampler->epoch_length, &total) ? UINT64_MAX
                                                                                  : total;
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
    sampler->total = epochs_total(sampler);
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
    const size_t index = (size_t)(turn % list->length);
    if (!options->shuffle) {
        return list->members[index];
    }
    if (list->cycle != cycle) {
        struct random random = random_seed(options->seed, list->draw, cycle);
        random_shuffle(&random, list->order, list->count);
        list->cycle = cycle;
    }
    return list->members[list->order[index]];
}

struct sampler_pick sampler_at(struct sampler *sampler, uint64_t position) {
    const struct sampler_options *options = &sampler->options;
    struct sampler_pick sample = {.epoch = position / sampler->epoch_length};
    if (options->balance < 0) {
        sample.image = list_at(&sampler->lists[0], options, position);
        return sample;
    }
    const uint64_t before = lesions_before(sampler, position);
    if (lesions_before(sampler, position + 1) > before) {
        sample.image = list_at(&sampler->lists[0], options, before);
    } else {
        sample.image = list_at(&sampler->lists[1], options, position - before);
    }
    if (options->lesion_epochs) {
        sample.epoch = before / sampler->lists[0].count;
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

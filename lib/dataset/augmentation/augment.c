// Random crops and flips, and the record that comes out.
#include "dataset/augmentation/augment.h"

#include "core/numbers/random.h"
#include "dataset/augmentation/tone.h"
#include "dataset/sampler.h"
#include "image/mask.h"

#include <string.h>

// Uniform in floor(7/8 side) .. side, both included.
static size_t draw_length(struct random *random, size_t side) {
    const size_t least = 7 * side / 8 > 0 ? 7 * side / 8 : 1;
    return least + (size_t)random_below(random, side - least + 1);
}

struct augment_crop augment_draw_crop(uint64_t seed, uint64_t position, size_t height,
                                      size_t width) {
    struct random random = random_seed(seed, DRAW_AUGMENT, position);
    struct augment_crop crop = {.height = draw_length(&random, height)};
    crop.width = draw_length(&random, width);
    crop.top = (size_t)random_below(&random, height - crop.height + 1);
    crop.left = (size_t)random_below(&random, width - crop.width + 1);
    crop.flipped = random_below(&random, 2) == 1;
    return crop;
}

static struct image_view cut(struct image_view view, const struct augment_crop *crop) {
    return (struct image_view){view.pixels + crop->top * view.stride + crop->left, crop->height,
                               crop->width, view.stride, crop->flipped};
}

// Keeps an image that has the size already; what it holds is then as it was.
// The lesion at the image's own size: drawn, and dilated if asked for.
static bool draw_lesion(const struct augment_rule *rule, struct augmented *out,
                        struct image_view *view, struct error *error) {
    const struct sample_mask *lesion = &out->lesion;
    if (!image_set_size(&out->drawn, lesion->height, lesion->width, error)) {
        return false;
    }
    runs_draw(&out->drawn, &lesion->runs);
    *view = image_view_of(&out->drawn);
    if (rule->dilation == 0) {
        return true;
    }
    if (!image_set_size(&out->dilated, lesion->height, lesion->width, error) ||
        !mask_dilate(&out->dilated, &out->drawn, rule->dilation, error)) {
        return false;
    }
    *view = image_view_of(&out->dilated);
    return true;
}

static bool make_mask(const struct augment_rule *rule, struct augmented *out,
                      const struct augment_crop *crop, struct error *error) {
    struct image_view whole;
    if (!image_set_size(&out->mask, rule->mask_side, rule->mask_side, error)) {
        return false;
    }
    if (out->lesion.runs.count == 0) {
        if (out->mask_has_lesion) { // of the sample before
            memset(out->mask.pixels, 0, rule->mask_side * rule->mask_side);
        }
        out->mask_has_lesion = false;
        return true;
    }
    out->mask_has_lesion = true;
    if (!draw_lesion(rule, out, &whole, error)) {
        return false;
    }
    const struct image_view window = cut(whole, crop);
    return resize_nearest(&out->mask, &window, error);
}

static void add_field(struct augmented *out, const char *name, struct value value) {
    out->fields[out->record.count++] = (struct field){text_of(name), value};
}

// The sample's fields in their order, with `image` replaced and `mask` and `size` behind it.
static bool make_record(const struct augment_rule *rule, const struct record *sample,
                        const struct image_view *whole, struct augmented *out,
                        struct error *error) {
    const bool labelled = out->lesion.labelled;
    if (sample->count + 2 > RECORD_MAX_FIELDS) {
        return fail(error, "%.*s: more than %d names", TEXT_ARG(sample->id), RECORD_MAX_FIELDS - 2);
    }
    out->tensors[0] = tensor_plane(DTYPE_U1, rule->side, rule->side, out->image.pixels);
    out->tensors[1] = tensor_plane(DTYPE_U1, rule->mask_side, rule->mask_side, out->mask.pixels);
    out->size[0] = value_integer((int64_t)whole->height);
    out->size[1] = value_integer((int64_t)whole->width);
    out->record = (struct record){sample->id, 0, out->fields};
    add_field(out, "image", value_tensor(&out->tensors[0]));
    if (labelled) {
        add_field(out, "mask", value_tensor(&out->tensors[1]));
    }
    if (rule->plain) {
        add_field(out, "size", value_list(out->size, 2));
    }
    for (size_t i = 0; i < sample->count; i++) {
        const struct field *field = &sample->fields[i];
        if (!text_is(field->name, "image") && (rule->plain || !text_is(field->name, "rle"))) {
            out->fields[out->record.count++] = *field;
        }
    }
    return true;
}

// ---- tone and shape

static bool chance(struct random *random, double probability) {
    return random_uniform(random) < probability;
}

// `image` becomes what the map makes of it, in the memory of `warped`, and the other way round.
static bool warp_one(struct augmented *out, struct image *image, bool mask, struct error *error) {
    if (!image_set_size(&out->warped, image->height, image->width, error)) {
        return false;
    }
    (mask ? warp_mask : warp_image)(&out->warped, image, &out->warp);
    const struct image kept = *image;
    *image = out->warped;
    out->warped = kept;
    return true;
}

// What is drawn here depends on no crop, and no crop on it.
static bool change(const struct augment_rule *rule, uint64_t position, struct augmented *out,
                   struct error *error) {
    struct random random = random_seed(rule->seed, DRAW_CHANGE, position);
    const bool tone = chance(&random, rule->tone);
    const bool turn = chance(&random, rule->shift_scale_rotate);
    const bool distort = chance(&random, rule->distort);
    if (tone) {
        tone_apply(&out->image, &random);
    }
    if (!turn && !distort) {
        return true;
    }
    if (!warp_reset(&out->warp, rule->side, error)) {
        return false;
    }
    if (turn) {
        warp_shift_scale_rotate(&out->warp, &random);
    }
    if (distort) {
        warp_distort(&out->warp, &random);
    }
    return warp_one(out, &out->image, false, error) &&
           (!out->lesion.labelled || !out->mask_has_lesion ||
            warp_one(out, &out->mask, true, error));
}

bool augment_sample(const struct augment_rule *rule, uint64_t position, const struct record *sample,
                    struct augmented *out, struct error *error) {
    struct image_view whole;
    if (record_find(sample, "mask") != NULL || record_find(sample, "size") != NULL) {
        return fail(error, "%.*s: has been augmented already", TEXT_ARG(sample->id));
    }
    if (!sample_image(sample, &whole, error) || !sample_mask_read(&out->lesion, sample, error) ||
        !image_set_size(&out->image, rule->side, rule->side, error)) {
        return false;
    }
    const struct augment_crop crop =
        rule->plain ? (struct augment_crop){0, 0, whole.height, whole.width, false}
                    : augment_draw_crop(rule->seed, position, whole.height, whole.width);
    const struct image_view window = cut(whole, &crop);
    if (!resize_bilinear(&out->image, &window, error) ||
        (out->lesion.labelled && !make_mask(rule, out, &crop, error)) ||
        (!rule->plain && !change(rule, position, out, error))) {
        return fail_within(error, "%.*s", TEXT_ARG(sample->id));
    }
    return make_record(rule, sample, &whole, out, error);
}

void augmented_free(struct augmented *out) {
    sample_mask_free(&out->lesion);
    image_free(&out->drawn);
    image_free(&out->dilated);
    image_free(&out->image);
    image_free(&out->mask);
    image_free(&out->warped);
    warp_free(&out->warp);
}

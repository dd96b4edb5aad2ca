// Gray levels by a table.
#include "dataset/augmentation/tone.h"

#include <math.h>

#define MAX_AMOUNT 0.2

static double toned(double level, enum tone tone, double amount, double mean) {
    switch (tone) {
    case TONE_BRIGHTNESS: return level + 255 * amount;
    case TONE_CONTRAST: return mean + (level - mean) * (1 + amount);
    default: return 255 * pow(level / 255, 1 + amount);
    }
}

void tone_table(uint8_t table[256], enum tone tone, double amount, double mean) {
    for (int level = 0; level < 256; level++) {
        table[level] = image_level(toned(level, tone, amount, mean) / 255);
    }
}

void tone_apply(struct image *image, struct random *random) {
    const enum tone tone = (enum tone)random_below(random, TONE_COUNT);
    const double amount = MAX_AMOUNT * (2 * random_uniform(random) - 1);
    const size_t pixels = image->height * image->width;
    uint8_t table[256];
    uint64_t sum = 0;
    for (size_t i = 0; i < pixels; i++) {
        sum += image->pixels[i];
    }
    tone_table(table, tone, amount, (double)sum / (double)pixels);
    for (size_t i = 0; i < pixels; i++) {
        image->pixels[i] = table[image->pixels[i]];
    }
}

// Brightness, contrast and gamma: how dark and how hard an X-ray looks, as between machines.
#ifndef PLEURA_DATASET_AUGMENTATION_TONE_H
#define PLEURA_DATASET_AUGMENTATION_TONE_H

#include "core/numbers/random.h"
#include "image/image.h"

enum tone { TONE_BRIGHTNESS, TONE_CONTRAST, TONE_GAMMA, TONE_COUNT };

// Writes the gray level of each of the 256 levels, rounded to the nearest and kept within 0 to 255,
// after brightness (v + 255 amount), contrast (mean + (v - mean) (1 + amount)), or gamma
// (255 (v / 255)^(1 + amount)). `mean` is the image's. As albumentations' RandomBrightness,
// RandomContrast (there around 0) and RandomGamma.
void tone_table(uint8_t table[256], enum tone tone, double amount, double mean);

// Draws one of the three, with an amount from -0.2 to 0.2, and applies it.
void tone_apply(struct image *image, struct random *random);

#endif

// Words on pictures.
#ifndef PLEURA_OBJECTS_CAPTION_H
#define PLEURA_OBJECTS_CAPTION_H

#include "image/rgb_image.h"

// Puts a strip below the image with a text in white on black, in lines as the width permits and
// letters that grow with it; nothing of the image is covered. An image narrower than a word gets
// black at its right. Only letters that caption.c has are drawn. False without memory and for sizes
// above the limits of images; the image is as before then.
CHECKED bool caption_below(struct rgb_image *image, const char *text, struct error *error);

#endif

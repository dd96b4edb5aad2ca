// As much of zlib as parity needs, for machines without it.
#ifndef PLEURA_TESTS_PLAIN_ZLIB_H
#define PLEURA_TESTS_PLAIN_ZLIB_H

#include <stddef.h>

unsigned long crc32_z(unsigned long crc, const unsigned char *bytes, size_t length);

#endif

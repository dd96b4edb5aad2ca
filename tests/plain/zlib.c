// The CRC of zlib and PNG: polynomial 0xEDB88320, bits reflected.
#include "zlib.h"

unsigned long crc32_z(unsigned long crc, const unsigned char *bytes, size_t length) {
    unsigned long rest = ~crc & 0xFFFFFFFFu;
    for (size_t i = 0; i < length; i++) {
        rest ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) {
            rest = rest >> 1 ^ ((rest & 1) != 0 ? 0xEDB88320u : 0);
        }
    }
    return ~rest & 0xFFFFFFFFu;
}

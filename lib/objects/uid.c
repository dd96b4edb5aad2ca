// UIDs made from what they name.
#include "objects/uid.h"

#include "core/text/ascii.h"
#include "stream/digest.h"

#include <stdio.h>
#include <string.h>

bool uid_is_valid(const char *uid) {
    const size_t length = strlen(uid);
    if (length == 0 || length >= DICOM_UID_SIZE || strspn(uid, "0123456789.") != length ||
        uid[length - 1] == '.') {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        const bool first = i == 0 || uid[i - 1] == '.';
        if (first && (uid[i] == '.' || (uid[i] == '0' && ascii_is_digit(uid[i + 1])))) {
            return false;
        }
    }
    return true;
}

void uid_of(char uid[DICOM_UID_SIZE], const char *root, const void *bytes, size_t length) {
    const struct digest_128 digest = digest_128_of(bytes, length);
    (void)snprintf(uid, DICOM_UID_SIZE, "%s.1%018llu%019llu", root,
                   (unsigned long long)digest.high % 1000000000000000000ULL,
                   (unsigned long long)digest.low % 10000000000000000000ULL);
}

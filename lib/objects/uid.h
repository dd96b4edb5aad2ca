// UIDs (PS3.5 chapter 9) that are made from what they name, so that equal input gives equal ones.
#ifndef PLEURA_OBJECTS_UID_H
#define PLEURA_OBJECTS_UID_H

#include "image/dicom/file.h"

// Numbers of up to 128 bits below 2.25 are anybody's to make (PS3.5 B.2).
#define UID_USUAL_ROOT "2.25"

// The longest root: it leaves 28 digits, 92 bits, to tell objects apart.
enum { UID_MAX_ROOT = DICOM_UID_SIZE - 1 - 1 - 28 };

// Digits and dots, no component empty or with a zero in front, 64 characters at most.
bool uid_is_valid(const char *uid);

// root.1N, where N is the hash (XXH3, 128 bits) of these bytes in decimal, as much as fits of 37
// digits of it. The root is valid and no longer than UID_MAX_ROOT.
void uid_of(char uid[DICOM_UID_SIZE], const char *root, const void *bytes, size_t length);

#endif

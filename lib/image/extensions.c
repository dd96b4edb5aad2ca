// The extensions of image files, apart from the decoders: programs that compare names and decode
// nothing are linked without them and their libraries.
#include "image/format.h"

const char image_extensions[] =
#define X(name, extensions, sniff, decode, describe) extensions " "
#include "image/formats.def"
#undef X
    ;

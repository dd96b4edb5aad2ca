// X-ray files decoded by worker processes, in the order of the files: a file that crashes the
// decoder, keeps it too long or eats memory is an error like any other.
#ifndef PLEURA_PROGRAM_XRAY_FILES_XRAY_DECODER_H
#define PLEURA_PROGRAM_XRAY_FILES_XRAY_DECODER_H

#include "image/format.h"

// The largest file that is read, and what a worker may take of memory for it, in bytes.
#define XRAY_MAX_FILE ((size_t)1 << 30)
#define XRAY_WORKER_MEMORY ((size_t)3 << 30)

struct xray_decoder;

// What became of a file. Everything in it stays until the next call of xray_decoder_take.
struct xray_reply {
    bool decoded;
    bool known;          // the file is of a format that is read here, as far as could be seen
    const char *path;    // as it was put
    struct image image;  // not to be freed; empty where the file was not decoded
    struct image mask;   // not to be freed; empty where none was asked for
    const char *message; // why not, or what a person should be told; "" for nothing
};

// Prepares `processes` workers (at least 1); a file may take `seconds` (0: any time). Of `options`
// a copy is kept. Ends the program where processes or memory cannot be had.
struct xray_decoder *xray_decoder_start(size_t processes, double seconds,
                                        const struct image_options *options);

// True when so many files are under way that one must be taken before the next is put.
bool xray_decoder_full(const struct xray_decoder *decoder);

// Hands over a file's path; the decoder must not be full.
void xray_decoder_put(struct xray_decoder *decoder, const char *path);

// The same for a mask: its reply's image is of 0 and 1 (mask_files_binarise).
void xray_decoder_put_mask(struct xray_decoder *decoder, const char *path);

// An image and its mask, which must be of one size: one reply with both, or why not.
void xray_decoder_put_both(struct xray_decoder *decoder, const char *path, const char *mask);

// Waits until the oldest file's reply is there (true), or `descriptor` can be read (workers_wait).
bool xray_decoder_wait(struct xray_decoder *decoder, int descriptor);

// Waits for the oldest file's reply; false when none is under way.
bool xray_decoder_take(struct xray_decoder *decoder, struct xray_reply *reply);

// Ends the processes, files under way included, and frees everything.
void xray_decoder_stop(struct xray_decoder *decoder);

#endif

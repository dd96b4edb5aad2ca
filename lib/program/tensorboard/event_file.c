// Writing event files.
#include "program/tensorboard/event_file.h"

#include "program/die.h"
#include "program/tensorboard/event.pb-c.h"

#include <isa-l/crc.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>

static void put_number(uint8_t *bytes, uint64_t value, size_t length) {
    for (size_t i = 0; i < length; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
}

static uint32_t masked_checksum(uint8_t *bytes, size_t length) {
    if (length > INT_MAX) {
        die("an event of %zu bytes is too long", length);
    }
    const uint32_t checksum = ~crc32_iscsi(bytes, (int)length, UINT32_MAX);
    return ((checksum >> 15) | (checksum << 17)) + 0xa282ead8U;
}

static void *allocate(size_t count, size_t size) {
    void *memory = calloc(count, size);
    if (memory == NULL) {
        die("no memory for an event");
    }
    return memory;
}

static void write_event(struct output *output, const Pleura__Event *event) {
    uint8_t head[12];
    uint8_t foot[4];
    const size_t length = pleura__event__get_packed_size(event);
    uint8_t *bytes = allocate(length, 1);
    (void)pleura__event__pack(event, bytes);
    put_number(head, length, 8);
    put_number(head + 8, masked_checksum(head, 8), 4);
    put_number(foot, masked_checksum(bytes, length), 4);
    output_write(output, head, sizeof head);
    output_write(output, bytes, length);
    output_write(output, foot, sizeof foot);
    free(bytes);
}

void event_file_begin(struct output *output, double time) {
    char version[] = "brain.Event:2";
    Pleura__Event event = PLEURA__EVENT__INIT;
    event.wall_time = time;
    event.file_version = version;
    write_event(output, &event);
}

void event_file_add(struct output *output, double time, int64_t step, const struct scalar *scalars,
                    size_t count) {
    Pleura__Event event = PLEURA__EVENT__INIT;
    Pleura__Summary summary = PLEURA__SUMMARY__INIT;
    Pleura__Summary__Value *values = allocate(count + 1, sizeof *values);
    Pleura__Summary__Value **list = allocate(count + 1, sizeof *list);
    for (size_t i = 0; i < count; i++) {
        pleura__summary__value__init(&values[i]);
        values[i].tag = (char *)(uintptr_t)scalars[i].tag;
        values[i].simple_value = scalars[i].value;
        list[i] = &values[i];
    }
    summary.n_value = count;
    summary.value = list;
    event.wall_time = time;
    event.has_step = true;
    event.step = step;
    event.summary = &summary;
    write_event(output, &event);
    free(list);
    free(values);
}

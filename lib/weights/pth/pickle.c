// The stack machine: all instructions of the protocols 0 to 5 (Lib/pickletools.py of CPython).
#include "weights/pth/pickle.h"

#include "weights/pth/pickle_machine.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- bytes

static bool fail_cut(struct pickle_machine *machine) {
    machine->pickle->cut = true;
    return fail(machine->error, "cut short");
}

static bool take(struct pickle_machine *machine, uint64_t count, const unsigned char **bytes) {
    if (count > machine->length - machine->offset) {
        return fail_cut(machine);
    }
    *bytes = machine->bytes + machine->offset;
    machine->offset += count;
    return true;
}

static bool take_number(struct pickle_machine *machine, size_t bytes, uint64_t *value) {
    const unsigned char *start = NULL;
    *value = 0;
    if (!take(machine, bytes, &start)) {
        return false;
    }
    for (size_t i = bytes; i > 0; i--) {
        *value = *value << 8 | start[i - 1];
    }
    return true;
}

static bool take_text(struct pickle_machine *machine, size_t length_bytes) {
    uint64_t length = 0;
    const unsigned char *start = NULL;
    return take_number(machine, length_bytes, &length) && take(machine, length, &start) &&
           pickle_push_text(machine, (struct text){(const char *)start, length});
}

// A little endian number of any length; what does not fit into 64 bits is of no use.
static bool take_long(struct pickle_machine *machine, size_t length_bytes) {
    const unsigned char *start = NULL;
    uint64_t length = 0;
    uint64_t value = 0;
    if (!take_number(machine, length_bytes, &length) || !take(machine, length, &start)) {
        return false;
    }
    if (length > 8) {
        return pickle_push_none(machine);
    }
    for (size_t i = length; i > 0; i--) {
        value = value << 8 | start[i - 1];
    }
    if (length > 0 && length < 8 && (start[length - 1] & 0x80) != 0) {
        value |= UINT64_MAX << (8 * length);
    }
    return pickle_push_integer(machine, (int64_t)value);
}

static bool take_line(struct pickle_machine *machine, struct text *line) {
    const char *start = (const char *)machine->bytes + machine->offset;
    const char *stop = memchr(start, '\n', machine->length - machine->offset);
    if (stop == NULL) {
        return fail_cut(machine);
    }
    *line = (struct text){start, (size_t)(stop - start)};
    machine->offset += line->length + 1;
    return true;
}

// ---- instructions of protocols 0 and 1, which write numbers as decimals

// A line's decimal number (`L` behind it for long ones); false for one that has more than 64 bits.
static bool read_decimal(struct text line, int64_t *value) {
    char digits[24];
    char *end = digits;
    const size_t length =
        line.length > 0 && line.bytes[line.length - 1] == 'L' ? line.length - 1 : line.length;
    if (length == 0 || length >= sizeof digits) {
        return false;
    }
    memcpy(digits, line.bytes, length);
    digits[length] = 0;
    errno = 0;
    *value = strtoll(digits, &end, 10);
    return errno == 0 && *end == 0;
}

static bool take_function(struct pickle_machine *machine) {
    struct text module;
    struct text name;
    return take_line(machine, &module) && take_line(machine, &name) &&
           pickle_push_function(machine, module, name);
}

// A class of a line, and the values above the mark as its arguments.
static bool take_instance(struct pickle_machine *machine) {
    size_t count = 0;
    struct pickle_value *arguments = NULL;
    if (!pickle_above_mark(machine, &count) || !pickle_gather(machine, count, PICKLE_TUPLE)) {
        return false;
    }
    arguments = pickle_pop(machine);
    if (arguments == NULL || !take_function(machine)) {
        return false;
    }
    const struct pickle_value *function = pickle_pop(machine);
    return function != NULL && pickle_call(machine, function, arguments);
}

static bool do_line(struct pickle_machine *machine, int instruction) {
    struct text line;
    int64_t value = 0;
    if (!take_line(machine, &line)) {
        return false;
    }
    switch (instruction) {
    case 'I':
    case 'L':
        return read_decimal(line, &value) ? pickle_push_integer(machine, value)
                                          : pickle_push_none(machine);
    case 'p':
    case 'g':
        if (!read_decimal(line, &value) || value < 0) {
            return fail(machine->error, "remembers what is not there");
        }
        return instruction == 'p' ? pickle_put_memo(machine, (uint64_t)value)
                                  : pickle_get_memo(machine, (uint64_t)value);
    case 'S': // in quotes
        return line.length >= 2
                   ? pickle_push_text(machine, (struct text){line.bytes + 1, line.length - 2})
                   : fail(machine->error, "has a text without quotes");
    case 'V': return pickle_push_text(machine, line);
    case 'P': return pickle_push_opaque(machine, "a reference to what is no storage");
    default: return pickle_push_none(machine); // F, a float
    }
}

// ---- calls

// A function or class below a tuple of arguments; `push_result` calls it, or makes an object.
static bool call(struct pickle_machine *machine,
                 bool (*push_result)(struct pickle_machine *machine,
                                     const struct pickle_value *function,
                                     const struct pickle_value *arguments)) {
    const struct pickle_value *arguments = pickle_pop(machine);
    const struct pickle_value *function = arguments == NULL ? NULL : pickle_pop(machine);
    return function != NULL && push_result(machine, function, arguments);
}

// The values above the mark: a class and its arguments.
static bool call_gathered(struct pickle_machine *machine, size_t count) {
    if (count == 0) {
        return fail(machine->error, "takes what is not there");
    }
    return pickle_gather(machine, count - 1, PICKLE_TUPLE) && call(machine, pickle_call);
}

static bool stacked_function(struct pickle_machine *machine) {
    const struct pickle_value *name = pickle_pop(machine);
    const struct pickle_value *module = name == NULL ? NULL : pickle_pop(machine);
    if (module == NULL) {
        return false;
    }
    return name->type == PICKLE_TEXT && module->type == PICKLE_TEXT
               ? pickle_push_function(machine, module->text, name->text)
               : fail(machine->error, "names a function by what is no text");
}

static bool refer(struct pickle_machine *machine) {
    const struct pickle_value *id = pickle_pop(machine);
    return id != NULL && pickle_refer(machine, id);
}

// Gives an object a state. That of a dict are notes of PyTorch's; a tensor could become any other.
static bool build(struct pickle_machine *machine) {
    static const char changed[] = "a tensor with a state that is not known";
    if (pickle_pop(machine) == NULL) {
        return false;
    }
    struct pickle_value *object = pickle_pop(machine);
    if (object == NULL) {
        return false;
    }
    if (object->type == PICKLE_TENSOR || object->type == PICKLE_STORAGE) {
        object->type = PICKLE_OPAQUE;
        object->description = text_of(changed);
    }
    return pickle_push(machine, object);
}

// ---- the table of instructions

static bool do_with_number(struct pickle_machine *machine, int instruction, size_t bytes) {
    uint64_t value = 0;
    if (!take_number(machine, bytes, &value)) {
        return false;
    }
    switch (instruction) {
    case 'q':
    case 'r': return pickle_put_memo(machine, value);
    case 'h':
    case 'j': return pickle_get_memo(machine, value);
    case 'J': return pickle_push_integer(machine, (int32_t)(uint32_t)value);
    case 'K':
    case 'M': return pickle_push_integer(machine, (int64_t)value);
    case 'G': return pickle_push_none(machine); // a float
    case 0x82:
    case 0x83:
    case 0x84:
        return pickle_push_opaque(machine, "what a number registered with Python stands for");
    default: return true; // 0x80, the protocol; 0x95, a frame
    }
}

static bool do_with_mark(struct pickle_machine *machine, int instruction) {
    size_t count = 0;
    if (!pickle_above_mark(machine, &count)) {
        return false;
    }
    switch (instruction) {
    case 't': return pickle_gather(machine, count, PICKLE_TUPLE);
    case 'l': return pickle_gather(machine, count, PICKLE_LIST);
    case 'd': return pickle_gather(machine, count, PICKLE_DICT);
    case 'u': return pickle_add(machine, count, PICKLE_DICT);
    case 'e': return pickle_add(machine, count, PICKLE_LIST);
    case 'o': return call_gathered(machine, count);
    case 0x90: return pickle_add(machine, count, PICKLE_OPAQUE); // to a set
    default: // '1' takes them away, 0x91 makes a frozenset of them
        machine->depth -= count;
        return instruction == '1' || pickle_push_opaque(machine, "a set");
    }
}

static bool do_value(struct pickle_machine *machine, int instruction) {
    struct pickle_value *top = NULL;
    switch (instruction) {
    case 'N': return pickle_push_none(machine);
    case 0x88: return pickle_push_integer(machine, 1);
    case 0x89: return pickle_push_integer(machine, 0);
    case ')': return pickle_gather(machine, 0, PICKLE_TUPLE);
    case ']': return pickle_gather(machine, 0, PICKLE_LIST);
    case '}': return pickle_gather(machine, 0, PICKLE_DICT);
    case 0x8F: return pickle_push_opaque(machine, "a set");
    case 0x85:
    case 0x86:
    case 0x87: return pickle_gather(machine, (size_t)(instruction - 0x84), PICKLE_TUPLE);
    case '(': return pickle_push(machine, NULL);
    case '0': // away with the value or mark on top
        if (machine->depth == 0) {
            return fail(machine->error, "takes what is not there");
        }
        machine->depth--;
        return true;
    case '2':
        top = pickle_pop(machine);
        return top != NULL && pickle_push(machine, top) && pickle_push(machine, top);
    case 'a': return pickle_add(machine, 1, PICKLE_LIST);
    case 's': return pickle_add(machine, 2, PICKLE_DICT);
    case 0x93: return stacked_function(machine);
    case 'R': return call(machine, pickle_call);
    case 0x92: // as 0x81, but with a dict of keywords on top
        if (pickle_pop(machine) == NULL) {
            return false;
        }
        return call(machine, pickle_make);
    case 0x81: return call(machine, pickle_make);
    case 'Q': return refer(machine);
    case 'b': return build(machine);
    case 0x94: return pickle_put_memo(machine, machine->memo_next++);
    case 0x97:
    case 0x98: return fail(machine->error, "needs buffers that lie outside of the file");
    default:
        return fail(machine->error, "has 0x%02X where an instruction should be",
                    (unsigned)instruction);
    }
}

static bool do_instruction(struct pickle_machine *machine, int instruction) {
    switch (instruction) {
    case 0x80:
    case 0x82:
    case 'q':
    case 'h':
    case 'K': return do_with_number(machine, instruction, 1);
    case 0x83:
    case 'M': return do_with_number(machine, instruction, 2);
    case 0x84:
    case 'r':
    case 'j':
    case 'J': return do_with_number(machine, instruction, 4);
    case 'G':
    case 0x95: return do_with_number(machine, instruction, 8);
    case 0x8A: return take_long(machine, 1);
    case 0x8B: return take_long(machine, 4);
    case 0x8C:
    case 'U':
    case 'C': return take_text(machine, 1);
    case 'X':
    case 'T':
    case 'B': return take_text(machine, 4);
    case 0x8D:
    case 0x8E:
    case 0x96: return take_text(machine, 8);
    case 'I':
    case 'L':
    case 'F':
    case 'S':
    case 'V':
    case 'P':
    case 'p':
    case 'g': return do_line(machine, instruction);
    case 'c': return take_function(machine);
    case 'i': return take_instance(machine);
    case 't':
    case 'l':
    case 'd':
    case 'u':
    case 'e':
    case 'o':
    case '1':
    case 0x90:
    case 0x91: return do_with_mark(machine, instruction);
    default: return do_value(machine, instruction);
    }
}

bool pickle_read(struct pickle *pickle, struct arena *arena, const unsigned char *bytes,
                 size_t length, struct error *error) {
    struct pickle_machine machine = {
        .pickle = pickle, .arena = arena, .bytes = bytes, .length = length, .error = error};
    bool going = true;
    *pickle = (struct pickle){.value = NULL};
    while (going) {
        const size_t offset = machine.offset;
        const unsigned char *instruction = NULL;
        going = take(&machine, 1, &instruction);
        if (going && *instruction == '.') {
            pickle->value = pickle_pop(&machine);
            going = pickle->value != NULL;
        } else {
            going = going && do_instruction(&machine, *instruction);
        }
        if (!going) {
            return fail_within(error, "byte %zu of its pickle", offset);
        }
        going = pickle->value == NULL;
    }
    pickle->used = machine.offset;
    return true;
}

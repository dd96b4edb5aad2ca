// The stack machine.
#include "weights/pickle.h"

#include "weights/pickle_call.h"

#include <stdlib.h>
#include <string.h>

#define MOST_VALUES ((size_t)1 << 18)

struct machine {
    struct pickle *pickle;
    const unsigned char *bytes;
    size_t length, at;
    struct pickle_value **stack; // NULL: a mark
    size_t depth, stack_room;
    struct pickle_value **memo;
    size_t memo_room, memo_next;
    struct error *error;
};

// ---- memory

static bool reserve(struct pickle_value ***array, size_t *room, size_t wanted,
                    struct error *error) {
    if (wanted <= *room) {
        return true;
    }
    if (wanted > 2 * MOST_VALUES) {
        return fail(error, "more than %zu values", MOST_VALUES);
    }
    size_t grown = *room > 0 ? *room : 16;
    while (grown < wanted) {
        grown *= 2;
    }
    struct pickle_value **made = realloc(*array, grown * sizeof *made);
    if (made == NULL) {
        return fail(error, "no memory");
    }
    memset(made + *room, 0, (grown - *room) * sizeof *made);
    *array = made;
    *room = grown;
    return true;
}

static struct pickle_value *new_value(struct machine *machine, enum pickle_type type) {
    struct pickle *pickle = machine->pickle;
    if (pickle->count >= MOST_VALUES) {
        (void)fail(machine->error, "more than %zu values", MOST_VALUES);
        return NULL;
    }
    if (!reserve(&pickle->values, &pickle->capacity, pickle->count + 1, machine->error)) {
        return NULL;
    }
    struct pickle_value *value = calloc(1, sizeof *value);
    if (value == NULL) {
        (void)fail(machine->error, "no memory");
        return NULL;
    }
    value->type = type;
    pickle->values[pickle->count++] = value;
    return value;
}

static bool push(struct machine *machine, struct pickle_value *value) {
    if (!reserve(&machine->stack, &machine->stack_room, machine->depth + 1, machine->error)) {
        return false;
    }
    machine->stack[machine->depth++] = value;
    return true;
}

static bool push_new(struct machine *machine, enum pickle_type type, int64_t integer) {
    struct pickle_value *value = new_value(machine, type);
    if (value == NULL) {
        return false;
    }
    value->integer = integer;
    return push(machine, value);
}

// The value on top, off the stack; NULL with an error where there is none.
static struct pickle_value *pop(struct machine *machine) {
    if (machine->depth == 0 || machine->stack[machine->depth - 1] == NULL) {
        (void)fail(machine->error, "takes what is not there");
        return NULL;
    }
    return machine->stack[--machine->depth];
}

static bool append(struct machine *machine, struct pickle_value *to, struct pickle_value *item) {
    if (!reserve(&to->items, &to->capacity, to->count + 1, machine->error)) {
        return false;
    }
    to->items[to->count++] = item;
    return true;
}

// ---- bytes

static bool take(struct machine *machine, size_t count, const unsigned char **bytes) {
    if (count > machine->length - machine->at) {
        return fail(machine->error, "cut short");
    }
    *bytes = machine->bytes + machine->at;
    machine->at += count;
    return true;
}

static bool take_number(struct machine *machine, size_t bytes, uint64_t *number) {
    const unsigned char *at = NULL;
    *number = 0;
    if (!take(machine, bytes, &at)) {
        return false;
    }
    for (size_t i = bytes; i > 0; i--) {
        *number = *number << 8 | at[i - 1];
    }
    return true;
}

static bool take_text(struct machine *machine, size_t length_bytes) {
    uint64_t length = 0;
    const unsigned char *at = NULL;
    if (!take_number(machine, length_bytes, &length) || !take(machine, length, &at)) {
        return false;
    }
    struct pickle_value *value = new_value(machine, PICKLE_TEXT);
    if (value == NULL) {
        return false;
    }
    value->text = (struct text){(const char *)at, length};
    return push(machine, value);
}

// A little endian number of any length; what does not fit into 64 bits counts as of no use.
static bool take_long(struct machine *machine, size_t length) {
    const unsigned char *at = NULL;
    uint64_t number = 0;
    if (!take(machine, length, &at)) {
        return false;
    }
    if (length > 8) {
        return push_new(machine, PICKLE_NONE, 0);
    }
    for (size_t i = length; i > 0; i--) {
        number = number << 8 | at[i - 1];
    }
    if (length > 0 && length < 8 && (at[length - 1] & 0x80) != 0) {
        number |= UINT64_MAX << (8 * length);
    }
    return push_new(machine, PICKLE_INTEGER, (int64_t)number);
}

static bool take_line(struct machine *machine, struct text *line) {
    const char *start = (const char *)machine->bytes + machine->at;
    const char *stop = memchr(start, '\n', machine->length - machine->at);
    if (stop == NULL) {
        return fail(machine->error, "cut short");
    }
    *line = (struct text){start, (size_t)(stop - start)};
    machine->at += line->length + 1;
    return true;
}

// ---- instructions

static bool put_memo(struct machine *machine, uint64_t number) {
    if (machine->depth == 0 || number > MOST_VALUES) {
        return fail(machine->error, "remembers what is not there");
    }
    if (!reserve(&machine->memo, &machine->memo_room, number + 1, machine->error)) {
        return false;
    }
    machine->memo[number] = machine->stack[machine->depth - 1];
    return true;
}

static bool get_memo(struct machine *machine, uint64_t number) {
    if (number >= machine->memo_room || machine->memo[number] == NULL) {
        return fail(machine->error, "recalls what it never remembered");
    }
    return push(machine, machine->memo[number]);
}

// The `count` values on top become a tuple.
static bool make_tuple(struct machine *machine, size_t count) {
    struct pickle_value *tuple = new_value(machine, PICKLE_TUPLE);
    if (tuple == NULL || count > machine->depth) {
        return fail(machine->error, "takes what is not there");
    }
    for (size_t i = machine->depth - count; i < machine->depth; i++) {
        if (machine->stack[i] == NULL) {
            return fail(machine->error, "takes what is not there");
        }
        if (!append(machine, tuple, machine->stack[i])) {
            return false;
        }
    }
    machine->depth -= count;
    return push(machine, tuple);
}

// How many values lie above the topmost mark; takes the mark away from below them.
static bool above_mark(struct machine *machine, size_t *count) {
    for (size_t i = machine->depth; i > 0; i--) {
        if (machine->stack[i - 1] == NULL) {
            *count = machine->depth - i;
            memmove(machine->stack + i - 1, machine->stack + i, *count * sizeof *machine->stack);
            machine->depth--;
            return true;
        }
    }
    return fail(machine->error, "takes what is not there");
}

// Appends the `count` values on top to the dict or list below them.
static bool add_items(struct machine *machine, size_t count, enum pickle_type type) {
    if (machine->depth < count + 1 || machine->stack[machine->depth - count - 1] == NULL) {
        return fail(machine->error, "takes what is not there");
    }
    struct pickle_value *to = machine->stack[machine->depth - count - 1];
    if (to->type != type || (type == PICKLE_DICT && count % 2 != 0)) {
        return fail(machine->error, "adds to what is neither list nor dict");
    }
    for (size_t i = machine->depth - count; i < machine->depth; i++) {
        if (machine->stack[i] == NULL) {
            return fail(machine->error, "takes what is not there");
        }
        if (!append(machine, to, machine->stack[i])) {
            return false;
        }
    }
    machine->depth -= count;
    return true;
}

static bool push_function(struct machine *machine, struct text module, struct text name) {
    struct pickle_value *value = new_value(machine, PICKLE_FUNCTION);
    return value != NULL && pickle_function(module, name, value, machine->error) &&
           push(machine, value);
}

static bool take_function(struct machine *machine) {
    struct text module;
    struct text name;
    return take_line(machine, &module) && take_line(machine, &name) &&
           push_function(machine, module, name);
}

static bool stacked_function(struct machine *machine) {
    const struct pickle_value *name = pop(machine);
    const struct pickle_value *module = name == NULL ? NULL : pop(machine);
    if (module == NULL) {
        return false;
    }
    return name->type == PICKLE_TEXT && module->type == PICKLE_TEXT
               ? push_function(machine, module->text, name->text)
               : fail(machine->error, "names a function by what is no text");
}

static bool call(struct machine *machine) {
    const struct pickle_value *arguments = pop(machine);
    const struct pickle_value *function = arguments == NULL ? NULL : pop(machine);
    struct pickle_value *made = function == NULL ? NULL : new_value(machine, PICKLE_NONE);
    struct pickle_value *same = NULL;
    return made != NULL && pickle_call(function, arguments, made, &same, machine->error) &&
           push(machine, same != NULL ? same : made);
}

static bool refer(struct machine *machine) {
    const struct pickle_value *id = pop(machine);
    struct pickle_value *made = id == NULL ? NULL : new_value(machine, PICKLE_NONE);
    return made != NULL && pickle_storage(id, made, machine->error) && push(machine, made);
}

// An object's state: that of an OrderedDict are notes of PyTorch's.
static bool build(struct machine *machine) {
    const struct pickle_value *state = pop(machine);
    if (state == NULL || machine->depth == 0 || machine->stack[machine->depth - 1] == NULL) {
        return fail(machine->error, "takes what is not there");
    }
    return machine->stack[machine->depth - 1]->type == PICKLE_DICT ||
           fail(machine->error, "builds an object");
}

static bool done_with_number(struct machine *machine, int instruction, size_t bytes) {
    uint64_t number = 0;
    if (!take_number(machine, bytes, &number)) {
        return false;
    }
    switch (instruction) {
    case 'q':
    case 'r': return put_memo(machine, number);
    case 'h':
    case 'j': return get_memo(machine, number);
    case 'J': return push_new(machine, PICKLE_INTEGER, (int32_t)(uint32_t)number);
    case 'K':
    case 'M': return push_new(machine, PICKLE_INTEGER, (int64_t)number);
    case 'G': return push_new(machine, PICKLE_NONE, 0); // a float
    case 0x8A: return take_long(machine, number);
    default: return true; // 0x80, the protocol; 0x95, a frame
    }
}

static bool done_with_mark(struct machine *machine, int instruction) {
    size_t count = 0;
    if (!above_mark(machine, &count)) {
        return false;
    }
    switch (instruction) {
    case 't': return make_tuple(machine, count);
    case 'u': return add_items(machine, count, PICKLE_DICT);
    default: return add_items(machine, count, PICKLE_TUPLE);
    }
}

static bool do_instruction(struct machine *machine, int instruction) {
    switch (instruction) {
    case 0x80:
    case 'q':
    case 'h':
    case 'K':
    case 0x8A: return done_with_number(machine, instruction, 1);
    case 'M': return done_with_number(machine, instruction, 2);
    case 'r':
    case 'j':
    case 'J': return done_with_number(machine, instruction, 4);
    case 'G':
    case 0x95: return done_with_number(machine, instruction, 8);
    case 0x8C:
    case 'U': return take_text(machine, 1);
    case 'X':
    case 'T': return take_text(machine, 4);
    case 't':
    case 'u':
    case 'e': return done_with_mark(machine, instruction);
    case 0x85: return make_tuple(machine, 1);
    case 0x86: return make_tuple(machine, 2);
    case 0x87: return make_tuple(machine, 3);
    case 's': return add_items(machine, 2, PICKLE_DICT);
    case 'a': return add_items(machine, 1, PICKLE_TUPLE);
    case '}': return push_new(machine, PICKLE_DICT, 0);
    case ']':
    case ')': return push_new(machine, PICKLE_TUPLE, 0);
    case 'N': return push_new(machine, PICKLE_NONE, 0);
    case 0x88:
    case 0x89: return push_new(machine, PICKLE_INTEGER, instruction == 0x88);
    case '(': return push(machine, NULL);
    case 'c': return take_function(machine);
    case 0x93: return stacked_function(machine);
    case 'R': return call(machine);
    case 'Q': return refer(machine);
    case 'b': return build(machine);
    case 0x94: return put_memo(machine, machine->memo_next++);
    default:
        return fail(machine->error, "has instruction 0x%02X, which no state_dict needs",
                    (unsigned)instruction);
    }
}

bool pickle_read(struct pickle *pickle, const unsigned char *bytes, size_t length,
                 struct pickle_value **value, size_t *used, struct error *error) {
    struct machine machine = {.pickle = pickle, .bytes = bytes, .length = length, .error = error};
    bool going = true;
    *value = NULL;
    while (going) {
        const size_t at = machine.at;
        const unsigned char *instruction = NULL;
        going = take(&machine, 1, &instruction);
        if (going && *instruction == '.') {
            *value = pop(&machine);
            break;
        }
        going = going && do_instruction(&machine, *instruction);
        if (!going) {
            (void)fail_within(error, "byte %zu of its pickle", at);
        }
    }
    *used = machine.at;
    free(machine.stack);
    free(machine.memo);
    return *value != NULL;
}

void pickle_free(struct pickle *pickle) {
    for (size_t i = 0; i < pickle->count; i++) {
        free(pickle->values[i]->items);
        free(pickle->values[i]);
    }
    free(pickle->values);
    *pickle = (struct pickle){.count = 0};
}

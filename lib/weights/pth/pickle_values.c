// The stack machine's memory: values, the stack with its marks, the memo.
#include "weights/pth/pickle_machine.h"

#include <string.h>

struct pickle_value *pickle_new(struct pickle_machine *machine, enum pickle_type type) {
    struct pickle_value *value = arena_take(machine->arena, sizeof *value, machine->error);
    if (value != NULL) {
        value->type = (unsigned char)type;
    }
    return value;
}

bool pickle_push(struct pickle_machine *machine, struct pickle_value *value) {
    struct pickle_value **stack =
        arena_grow(machine->arena, machine->stack, machine->depth, &machine->stack_capacity,
                   sizeof(struct pickle_value *), machine->error);
    if (stack == NULL) {
        return false;
    }
    machine->stack = stack;
    machine->stack[machine->depth++] = value;
    return true;
}

bool pickle_push_none(struct pickle_machine *machine) {
    if (machine->none == NULL) {
        machine->none = pickle_new(machine, PICKLE_NONE);
    }
    return machine->none != NULL && pickle_push(machine, machine->none);
}

bool pickle_push_integer(struct pickle_machine *machine, int64_t integer) {
    const bool small = integer >= 0 && integer < PICKLE_SMALL;
    if (small && machine->small[integer] != NULL) {
        return pickle_push(machine, machine->small[integer]);
    }
    struct pickle_value *value = pickle_new(machine, PICKLE_INTEGER);
    if (value == NULL) {
        return false;
    }
    value->integer = integer;
    if (small) {
        machine->small[integer] = value;
    }
    return pickle_push(machine, value);
}

bool pickle_push_text(struct pickle_machine *machine, struct text text) {
    struct pickle_value *value = pickle_new(machine, PICKLE_TEXT);
    if (value == NULL) {
        return false;
    }
    value->text = text;
    return pickle_push(machine, value);
}

bool pickle_push_opaque(struct pickle_machine *machine, const char *what) {
    struct pickle_value *value = pickle_new(machine, PICKLE_OPAQUE);
    if (value == NULL) {
        return false;
    }
    value->description = text_of(what);
    return pickle_push(machine, value);
}

static bool fail_absent(struct pickle_machine *machine) {
    return fail(machine->error, "takes what is not there");
}

struct pickle_value *pickle_pop(struct pickle_machine *machine) {
    if (machine->depth == 0 || machine->stack[machine->depth - 1] == NULL) {
        (void)fail_absent(machine);
        return NULL;
    }
    return machine->stack[--machine->depth];
}

// Every value above a mark is taken by the instruction that asks, so each is looked at once.
bool pickle_above_mark(struct pickle_machine *machine, size_t *count) {
    for (size_t i = machine->depth; i > 0; i--) {
        if (machine->stack[i - 1] == NULL) {
            *count = machine->depth - i;
            memmove(machine->stack + i - 1, machine->stack + i,
                    *count * sizeof(struct pickle_value *));
            machine->depth--;
            return true;
        }
    }
    return fail_absent(machine);
}

static bool append(struct pickle_machine *machine, struct pickle_items *items,
                   struct pickle_value *value) {
    struct pickle_value **values =
        arena_grow(machine->arena, items->values, items->count, &items->capacity,
                   sizeof(struct pickle_value *), machine->error);
    if (values == NULL) {
        return false;
    }
    items->values = values;
    items->values[items->count++] = value;
    return true;
}

// Whether the `count` values on top are there, without a mark among them.
static bool are_there(const struct pickle_machine *machine, size_t count) {
    if (machine->depth < count) {
        return false;
    }
    for (size_t i = machine->depth - count; i < machine->depth; i++) {
        if (machine->stack[i] == NULL) {
            return false;
        }
    }
    return true;
}

static bool move_items(struct pickle_machine *machine, struct pickle_value *to, size_t count) {
    if (to->type == PICKLE_DICT && count % 2 != 0) {
        return fail(machine->error, "adds a key without a value");
    }
    for (size_t i = machine->depth - count; i < machine->depth; i++) {
        if (!append(machine, to->items, machine->stack[i])) {
            return false;
        }
    }
    machine->depth -= count;
    return true;
}

bool pickle_gather(struct pickle_machine *machine, size_t count, enum pickle_type type) {
    if (!are_there(machine, count)) {
        return fail_absent(machine);
    }
    struct pickle_value *value = pickle_new(machine, type);
    if (value == NULL) {
        return false;
    }
    value->items = arena_take(machine->arena, sizeof *value->items, machine->error);
    return value->items != NULL && move_items(machine, value, count) && pickle_push(machine, value);
}

bool pickle_add(struct pickle_machine *machine, size_t count, enum pickle_type type) {
    if (!are_there(machine, count + 1)) {
        return fail_absent(machine);
    }
    struct pickle_value *to = machine->stack[machine->depth - count - 1];
    if (to->type == PICKLE_OPAQUE) {
        machine->depth -= count;
        return true;
    }
    return to->type == type ? move_items(machine, to, count)
                            : fail(machine->error, "adds to what is neither list nor dict");
}

bool pickle_put_memo(struct pickle_machine *machine, uint64_t index) {
    if (machine->depth == 0 || machine->stack[machine->depth - 1] == NULL ||
        index > machine->offset) { // no pickle remembers more values than it has bytes
        return fail(machine->error, "remembers what is not there");
    }
    while (index >= machine->memo_capacity) {
        struct pickle_value **memo =
            arena_grow(machine->arena, machine->memo, machine->memo_capacity,
                       &machine->memo_capacity, sizeof(struct pickle_value *), machine->error);
        if (memo == NULL) {
            return false;
        }
        machine->memo = memo;
    }
    machine->memo[index] = machine->stack[machine->depth - 1];
    return true;
}

bool pickle_get_memo(struct pickle_machine *machine, uint64_t index) {
    if (index >= machine->memo_capacity || machine->memo[index] == NULL) {
        return fail(machine->error, "recalls what it never remembered");
    }
    return pickle_push(machine, machine->memo[index]);
}
